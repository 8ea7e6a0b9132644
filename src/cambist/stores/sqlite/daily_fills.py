"""Adds up the fills of each day in SQLite."""

from __future__ import annotations

import sqlite3

from cambist.ports.daily_fills import FillSums
from cambist.stores import daily_fills
from cambist.stores.daily_fills import FILLS_AT_ONCE, FILLS_WAITING_MAX, FillQuery
from cambist.stores.sqlite.connection import SQL, write_many


def is_any_waiting(db: sqlite3.Connection, _: None = None) -> bool:
    """Whether a fill is in no sum yet."""
    return db.execute(SQL["any_fill_not_summed"]).fetchone() is not None


def add_up(db: sqlite3.Connection, limit: int = FILLS_AT_ONCE) -> bool:
    """Put some fills into the sums, within the transaction at hand; True when more may wait."""
    rows = db.execute(SQL["fills_not_summed"], (None, limit)).fetchall()
    added = daily_fills.add_up(rows)
    sums = []
    for key, figures in added.sums.items():
        kept = db.execute(SQL["day_sum"], key).fetchone() or [0] * len(figures)
        fills, attempts, *amounts = (
            int(one) + other for one, other in zip(kept, figures, strict=True)
        )
        sums.append((*key, fills, attempts, *map(str, amounts)))
    write_many(db, "keep_day_sum", sums)
    write_many(db, "mark_fills", list(added.marks.items()))
    return len(rows) == limit


def fill_sums(db: sqlite3.Connection, asked: FillQuery) -> FillSums:
    """Return a principal's sums, with the fills that are in none yet. Raises ReadInterrupted."""
    who = asked.principal
    db.execute("BEGIN")  # one snapshot: a fill is in its sum, or among those that are in none
    try:
        kept = db.execute(SQL["day_sums"], asked).fetchall()
        waiting = db.execute(SQL["fills_not_summed"], (who, FILLS_WAITING_MAX + 1)).fetchall()
        (unreadable,) = db.execute(SQL["count_fills_unreadable"], (who,)).fetchone()
    finally:
        db.execute("COMMIT")
    return daily_fills.sums_of(kept, waiting, unreadable, asked)
