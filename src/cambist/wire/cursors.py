"""Writes the position of an event as an opaque cursor, and reads it back."""

from __future__ import annotations

import re
from typing import Final

_CURSOR: Final = re.compile(r"c([0-9a-f]{1,15})", re.ASCII)


def write_cursor(position: int) -> str:
    """Return the cursor of a position."""
    return f"c{position:x}"


def read_cursor(text: str) -> int | None:
    """Return the position of a cursor, or None for an invalid one."""
    found = _CURSOR.fullmatch(text)
    return int(found[1], 16) if found is not None else None
