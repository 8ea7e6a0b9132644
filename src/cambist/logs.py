"""Writes structured log lines: JSON for machines, text for a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final, TextIO, cast

import msgspec
import structlog

from cambist.library_logs import capture_library_logs

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


def _json(value: object, **_: object) -> str:
    return _encode(value).decode()


_STEPS: Final = frozenset(("routed", "retry_scheduled"))
"""Events that a terminal shows only as part of the sentence about the order's end."""
_ENDS: Final = frozenset(("landed", "failed", "cancelled", "expired"))


def sentence(event: Mapping[str, Any]) -> str:
    """Return a sentence about the end of an order: its amounts, its result and the reason."""
    given, taken = event.get("amount_in"), event.get("amount_out")
    deal = f"{_amount(given, event['token_in'])} for {_amount(taken, event['token_out'])}"
    text = f"{event['order_id']} {event['status']}: {deal}"
    why = event.get("error") if event["event"] != "landed" else event.get("reason")
    if why:
        text += f". {str(why).rstrip('.')}"
    if event.get("attempt", 1) > 1 and event.get("setback"):
        text += f" (try {event['attempt']}; before: {str(event['setback']).rstrip('.')})"
    return f"{text}."


def _amount(amount: str | None, token: str) -> str:
    return token if amount is None else f"{amount} {token}"


class _JsonEntries:
    """Writes many entries at once, as the configured processors would write each."""

    # structlog runs its processors and a flush for each entry. That was a thirtieth of an order's
    # CPU time. The entries of a batch share one time and one flush.

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._stamp = structlog.processors.TimeStamper("iso", utc=True)

    def write(self, entries: Sequence[dict[str, Any]]) -> None:
        stamped = self._stamp(None, "info", {"level": "info"})
        lines = [_encode({**entry, **stamped}).decode() for entry in entries]
        self._out.write("\n".join((*lines, "")))
        self._out.flush()


class Batches:
    """Where batches of entries go; None: structlog writes them one by one, or drops them."""

    output: _JsonEntries | None = None


def write_entries(entries: Sequence[dict[str, Any]]) -> None:
    """Log entries of the level `info` that became known together; `event` is the name of each."""
    if not entries:
        return
    if Batches.output is not None:
        Batches.output.write(entries)
        return
    log = structlog.get_logger("cambist.orders")
    for entry in entries:
        log.info(**entry)


class _StandardError:
    """Standard error at the time of each write: a logger would keep the first stream for ever."""

    def write(self, text: str) -> int:
        """Write."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Write out what is held."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return sys.stderr.isatty()


class _Terminal:
    """Renders log lines for a terminal: a sentence for each order, name and values for the rest."""

    def __init__(self, *, shows_steps: bool) -> None:
        self._shows_steps = shows_steps
        self._rest = structlog.dev.ConsoleRenderer(
            pad_event_to=18, exception_formatter=structlog.dev.plain_traceback
        )

    def __call__(self, logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        """Return the line, or drop it."""
        if event["event"] in _STEPS and not self._shows_steps:
            raise structlog.DropEvent
        if event["event"] in _ENDS and "token_in" in event:
            return f"{event['timestamp']} {sentence(event)}"
        return self._rest(logger, name, event)


def set_up(level: str, style: str, out: TextIO | None = None) -> None:
    """Configure logging at a level, in the style `json`, `text` or `auto`.

    Log lines go to standard error unless `out` is given.
    """
    out = cast("TextIO", _StandardError()) if out is None else out
    text = style == "text" or (style == "auto" and out.isatty())
    stamp: structlog.types.Processor = structlog.processors.TimeStamper("iso", utc=True)
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        stamp,
    ]
    if text:
        ends: list[structlog.types.Processor] = [_Terminal(shows_steps=level == "debug")]
    else:
        ends = [
            # No locals in tracebacks: requests are among them, with their API keys.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(serializer=_json),
        ]
    is_batched = not text and _LEVELS[level] <= logging.INFO
    Batches.output = _JsonEntries(out) if is_batched else None
    structlog.configure(
        processors=[*shared, *ends],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    capture_library_logs()
