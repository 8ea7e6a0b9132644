"""Writes instants as RFC 3339 text in UTC, and reads them back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from cambist.values.moment import SECOND, Moment

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_SECONDS_KEPT: Final = 1_024


def write_moment(at: Moment) -> str:
    """Write an instant with its milliseconds: `2026-11-20T18:45:00.250Z`."""
    second, millis = divmod(at, SECOND)
    return f"{_write_second(second)}.{millis:03d}Z"


@lru_cache(maxsize=_SECONDS_KEPT)
def _write_second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def read_moment(text: str) -> Moment | None:
    """Read an instant, cut to the millisecond; None when it is not RFC 3339 or before 1970."""
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        since = datetime.fromisoformat(text.upper()) - _EPOCH
    except (ValueError, OverflowError):
        return None
    at = since // _MILLISECOND
    return Moment(at) if at >= 0 else None
