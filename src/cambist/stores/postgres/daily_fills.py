"""Adds up the fills of each day in PostgreSQL."""

from __future__ import annotations

from typing import Any, Final

from cambist.ports.daily_fills import FillSums
from cambist.stores import daily_fills
from cambist.stores.daily_fills import FILLS_AT_ONCE, FILLS_WAITING_MAX, FillQuery
from cambist.stores.sql import queries

SQL: Final = queries("postgres")
_LOCK: Final = 0x63616D62737573
"""The name of our advisory lock: who adds fills up does so alone."""


async def add_up(connection: Any) -> bool:
    """Put some fills into the sums of their days; True when more may wait.

    False too where another process is doing so.
    """
    async with connection.transaction():
        if not await connection.fetchval(SQL["hold_sums"], _LOCK):
            return False
        rows = await connection.fetch(SQL["fills_not_summed"], None, FILLS_AT_ONCE)
        added = daily_fills.add_up(rows)
        if added.sums:
            sums = [(*key, *figures) for key, figures in added.sums.items()]
            columns = [list(column) for column in zip(*sums, strict=True)]
            await connection.execute(SQL["add_to_day_sums"], *columns)
        marks = added.marks
        await connection.execute(SQL["mark_fills"], list(marks), list(marks.values()))
        return len(rows) == FILLS_AT_ONCE


async def fill_sums(connection: Any, asked: FillQuery) -> FillSums:
    """Return a principal's sums, with the fills that are in none yet. Raises ReadInterrupted."""
    # One snapshot: a fill is in its sum, or among those that are in none.
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        kept = await connection.fetch(SQL["day_sums"], *asked)
        limit = FILLS_WAITING_MAX + 1
        waiting = await connection.fetch(SQL["fills_not_summed"], asked.principal, limit)
        unreadable = await connection.fetchval(SQL["count_fills_unreadable"], asked.principal)
    return daily_fills.sums_of(kept, waiting, unreadable, asked)
