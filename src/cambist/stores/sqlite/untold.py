"""Gives lines their places, and finds those nobody was told of: a COMMIT may fail too late."""

from __future__ import annotations

import sqlite3
from typing import Final

from msgspec.structs import replace

from cambist.orders.journal import Told, retell
from cambist.stores import records
from cambist.stores.sqlite.items import Facts, Written
from cambist.stores.sqlite.many import SQL
from cambist.stores.writes import Untold

_NO_LIMIT: Final = -1
Results = list[Written | BaseException]


class Places:
    """Knows up to which place all lines were told."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._told_to = _end(db)
        self._reached: int | None = None
        self._unsure = False

    def doubt(self) -> None:
        """Take note that a batch failed, and may be durable all the same."""
        self._unsure = True

    def untold(self, db: sqlite3.Connection) -> tuple[Told, ...]:
        """Return what a failed batch made durable; ask before anything else is written."""
        return untold_after(db, self._told_to) if self._unsure else ()

    def give(self, db: sqlite3.Connection, results: Results, found: tuple[Told, ...]) -> Results:
        """Place the lines of a batch: they were written last, and in this order.

        What was found goes to the first who is answered.
        """
        end, self._reached = _end(db), None
        place = end - sum(len(one.told) for one in results if isinstance(one, Facts)) + 1
        placed = list(results)
        for number, one in enumerate(results):
            if isinstance(one, BaseException):
                continue
            untold = Untold(found, self._told_to + 1) if found and self._reached is None else None
            self._reached = end
            if isinstance(one, Facts):
                placed[number] = Facts(one.told, place, one.taken, untold)
                place += len(one.told)
            else:
                placed[number] = replace(one, untold=untold)
        return placed

    def settle(self) -> None:
        """Take note that the batch is durable."""
        if self._reached is not None:
            self._told_to, self._unsure = self._reached, False


def _end(db: sqlite3.Connection) -> int:
    return int(db.execute(SQL["feed_end"]).fetchone()[0])


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
