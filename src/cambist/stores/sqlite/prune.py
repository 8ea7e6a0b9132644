"""Puts closed orders away, batch by batch, beside the engine or without it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from cambist.stores.archive import ORDERS_AT_ONCE, Archive, Name, Progress, archived
from cambist.stores.sqlite import daily_fills, reads
from cambist.stores.sqlite.connection import connect
from cambist.stores.sqlite.many import SQL
from cambist.values.ids import OrderId, Principal, order_id
from cambist.values.time_units import Moment

_TABLES = (
    "fills", "attempts", "principal_events", "order_filters", "journal", "engine_orders",
)  # fmt: skip


def prune_file(path: Path, before: Moment, archive: Archive | None, progress: Progress) -> int:
    """Put away the orders that came to rest before an instant; return how many.

    What has come to rest never changes, so it is read and archived without a lock. Raises
    sqlite3.Error and OSError; what was put away until then is archived whole.
    """
    total = 0
    with closing(connect(path)) as db:
        while _add_up(db):  # what is put away stays in the sums of its day
            continue
        while names := _some(db, before):
            asked = msgspec.json.encode([one.id for one in names]).decode()
            if archive is not None:
                entries = reads.journals(db, [one.id for one in names])
                archive.add(archived(names, entries, db.execute(SQL["transactions"], (asked,))))
            _remove(db, asked, len(names))
            total += len(names)
            progress(total)
    return total


def _some(db: sqlite3.Connection, before: Moment) -> tuple[Name, ...]:
    rows = db.execute(SQL["prunable"], (order_id(before, 0), before, ORDERS_AT_ONCE))
    return tuple(Name(OrderId(row[0]), Principal(row[1]), row[2]) for row in rows)


def _remove(db: sqlite3.Connection, asked: str, orders: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.execute(SQL["mark_pruned"], (asked, orders))
    for table in _TABLES:
        db.execute(SQL[f"prune_{table}"], (asked,))
    db.execute("COMMIT")


def _add_up(db: sqlite3.Connection) -> bool:
    db.execute("BEGIN IMMEDIATE")
    is_more = daily_fills.add_up(db)
    db.execute("COMMIT")
    return is_more
