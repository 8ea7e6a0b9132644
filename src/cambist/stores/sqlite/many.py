"""Writes many rows in few statements, since each one gives the interpreter away.

While the event loop is busy, a thread that gave it away gets it back a switch interval later.
A batch therefore binds all its rows to a handful of statements: few rows to one of just their
number, many rows in chunks whose sizes are powers of two, so that each size is prepared once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Final

from cambist.stores.records import Row
from cambist.stores.sql import queries

CHUNK_ROWS_MAX: Final = 128
EXACT_ROWS_MAX: Final = 32
SQL: Final = queries("sqlite")


@cache
def _statement(name: str, rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return SQL[name].replace("{rows}", ", ".join([row] * rows))


def write_many(db: sqlite3.Connection, name: str, rows: Sequence[Row]) -> int:
    """Run a named query over all rows in place of its `{rows}`; return how many it changed."""
    changed = start = 0
    while start < len(rows):
        left = len(rows) - start
        few = left <= EXACT_ROWS_MAX
        size = left if few else min(1 << (left.bit_length() - 1), CHUNK_ROWS_MAX)
        chunk = rows[start : start + size]
        statement = _statement(name, size, len(chunk[0]))
        changed += db.execute(statement, tuple(chain.from_iterable(chunk))).rowcount
        start += size
    return changed
