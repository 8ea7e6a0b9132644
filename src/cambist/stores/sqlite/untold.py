"""Finds what became durable though nobody was told: a COMMIT may fail after it was carried out."""

from __future__ import annotations

import sqlite3
from typing import Final

from cambist.orders.journal import Told, retell
from cambist.stores import records
from cambist.stores.sqlite.many import SQL

_NO_LIMIT: Final = -1


def untold_after(db: sqlite3.Connection, place: int) -> tuple[Told, ...]:
    """Return all lines after a place, each with the order as it stood then.

    Raises BrokenJournal when a journal is not what was written.
    """
    lines = db.execute(SQL["lines_after"], (place,)).fetchall()
    told: dict[str, tuple[Told, ...]] = {}
    for order_id, _ in lines:
        if order_id not in told:
            rows = db.execute(SQL["entries"], (order_id, 0, _NO_LIMIT))
            told[order_id] = retell([records.read_entry(row) for row in rows])
    return tuple(told[order_id][seq - 1] for order_id, seq in lines)
