"""Writes structured log lines: JSON for machines, text for a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Final, TextIO

import msgspec
import structlog

from cambist.library_logs import capture_library_logs

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def _json(value: object, **_: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def set_up(level: str, style: str, out: TextIO = sys.stderr) -> None:
    """Begin to log at a level, in a style of `json`, `text` or `auto`."""
    text = style == "text" or (style == "auto" and out.isatty())
    stamp: structlog.types.Processor = structlog.processors.TimeStamper("iso", utc=True)
    shared: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        stamp,
    ]
    if text:
        plain = structlog.dev.plain_traceback
        ends: list[structlog.types.Processor] = [
            structlog.dev.ConsoleRenderer(pad_event_to=18, exception_formatter=plain)
        ]
    else:
        ends = [
            # Without locals: among them are requests, with the keys they came with.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(serializer=_json),
        ]
    structlog.configure(
        processors=[*shared, *ends],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    capture_library_logs()
