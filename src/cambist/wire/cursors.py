"""Writes a place among all lines as the opaque cursor clients resume by, and reads it back."""

from __future__ import annotations

import re
from typing import Final

_CURSOR: Final = re.compile(r"c([0-9a-f]{1,15})", re.ASCII)


def write_cursor(place: int) -> str:
    """Return the cursor of a place."""
    return f"c{place:x}"


def read_cursor(text: str) -> int | None:
    """Return the place of a cursor, or None when it is none of ours."""
    found = _CURSOR.fullmatch(text)
    return int(found[1], 16) if found is not None else None
