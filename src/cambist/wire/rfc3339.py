"""Writes instants as RFC 3339 text in UTC, and reads them back.

Every instant that is read here can be written again. What a store holds may lie outside the range
that is read: it is written as the nearest instant that RFC 3339 can name, so that one stored
value can never keep an answer from being written.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from cambist.values.time_units import SECOND, Timestamp

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_SECONDS_KEPT: Final = 1_024
MOMENT_MIN: Final = Timestamp((datetime(2000, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND)
"""The first instant that is read: nothing was ever ordered or signed before."""
MOMENT_MAX: Final = Timestamp((datetime(2262, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND - 1)
"""The last instant that is read: later ones do not fit the nanoseconds that databases count."""
MOMENT_FORM: Final = "RFC 3339 in the years 2000 to 2261, as in 2030-01-31T12:00:00Z"
"""What an error says of the form of an instant."""
_WRITTEN_MIN: Final = Timestamp((datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND)
_WRITTEN_MAX: Final = Timestamp((datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND)


def write_moment(at: Timestamp) -> str:
    """Write an instant with its milliseconds: `2026-11-20T18:45:00.250Z`.

    One before the year 1 or after 9999 is written as the nearest instant within them.
    """
    second, millis = divmod(min(max(at, _WRITTEN_MIN), _WRITTEN_MAX), SECOND)
    return f"{_write_second(second)}.{millis:03d}Z"


@lru_cache(maxsize=_SECONDS_KEPT)
def _write_second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).replace(tzinfo=None).isoformat()


def read_moment(text: str) -> Timestamp | None:
    """Read an instant, cut to the millisecond.

    None when it is not RFC 3339, or when it lies outside `MOMENT_MIN` to `MOMENT_MAX` once its
    offset is applied.
    """
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        since = datetime.fromisoformat(text.upper()) - _EPOCH
    except (ValueError, OverflowError):
        return None
    at = since // _MILLISECOND
    return Timestamp(at) if MOMENT_MIN <= at <= MOMENT_MAX else None
