"""Reads the reason of a halt or a resume, and writes whether trading is halted."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.faults import Code, RequestRejected, fault
from cambist.values.time_units import Timestamp
from cambist.wire.json_body import NumberLiteral, only, read_object
from cambist.wire.rfc3339 import write_moment

REASON_LETTERS_MAX: Final = 200
_FIELD: Final = "reason"


def read_reason(body: bytes) -> str:
    """Return the reason of `{"reason": "..."}`. Raises RequestRejected."""
    fields = read_object(body)
    faults = only(fields, _FIELD)
    reason = fields.get(_FIELD, "-")
    if not isinstance(reason, str) or isinstance(reason, NumberLiteral):
        faults.append(fault(Code.WRONG_TYPE, "reason is a string.", _FIELD))
    elif not is_reason(reason):
        message = f"A reason has 1 to {REASON_LETTERS_MAX} letters."
        faults.append(fault(Code.INVALID_VALUE, message, _FIELD))
    if faults or not isinstance(reason, str):
        raise RequestRejected(*faults)
    return reason.strip()


def is_reason(text: str) -> bool:
    """Whether a text says anything, and not endlessly."""
    return text.isprintable() and 0 < len(text.strip()) <= REASON_LETTERS_MAX


class HaltView(msgspec.Struct, frozen=True):
    """A stop of all trading in wait for somebody to end it."""

    reason: str
    by: str
    since: str


class HealthHalt(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stop of all trading as health tells it: since when; the rest to callers with a key."""

    since: str
    reason: str | msgspec.UnsetType = msgspec.UNSET
    by: str | msgspec.UnsetType = msgspec.UNSET


def health_halt(reason: str, by: str, at: Timestamp, *, with_reason: bool) -> HealthHalt:
    """Return a halt as health tells it."""
    since = write_moment(at)
    return HealthHalt(since, reason, by) if with_reason else HealthHalt(since)


class TradingView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether orders are taken and signed; `halt` says why not."""

    halted: bool | msgspec.UnsetType = msgspec.UNSET
    halt: HaltView | None = None


def view_halt(reason: str, by: str, at: Timestamp) -> HaltView:
    """Return a stop as clients see it."""
    return HaltView(reason, by, write_moment(at))


def write_trading(standing: HaltView | None) -> bytes:
    """Write whether trading has stopped."""
    return msgspec.json.encode(TradingView(standing is not None, standing))
