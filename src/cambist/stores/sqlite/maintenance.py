"""Audits and prunes a SQLite store, and lists or writes off stuck orders."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.decide import Decision
from cambist.orders.journal import append
from cambist.orders.order import Order
from cambist.ports.store import StuckOrders
from cambist.stores.archive import ORDERS_AT_ONCE, Archive, Progress, PrunableOrder, build_archive
from cambist.stores.audit import AuditReport, Inconsistency, audit_steps
from cambist.stores.rows import read_order
from cambist.stores.sqlite import daily_fills, reader
from cambist.stores.sqlite.connection import SQL, NotACambistStore, connect
from cambist.stores.sqlite.writer import SqliteWriteBatch
from cambist.values.ids import OrderId, Principal, order_id
from cambist.values.time_units import Timestamp

__all__ = [
    "AuditReport",
    "Inconsistency",
    "audit",
    "list_stuck_in_file",
    "prune_file",
    "write_off_in_file",
]


def _say_nothing(orders: int) -> None:
    """Take how many orders were read, and do nothing with it."""


def audit(path: Path, progress: Callable[[int], None] = _say_nothing) -> AuditReport:
    """Check every order of a store, reading only. Raises NotACambistStore and sqlite3.Error.

    `progress` hears now and then how many orders were read.
    """
    with closing(connect(path, read_only=True)) as db:
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            msg = f"{path} is no store of cambist"
            raise NotACambistStore(msg)
        db.execute("BEGIN")
        asking, rows = audit_steps(), None
        try:
            while True:
                ask = asking.send(rows) if rows is not None else next(asking)
                progress(ask.orders)
                rows = db.execute(SQL[ask.query], ask.values).fetchall()
        except StopIteration as done:
            report: AuditReport = done.value
            return report


def list_stuck_in_file(path: Path, since: Timestamp, limit: int) -> StuckOrders:
    """Return what has stood still since an instant. Raises sqlite3.Error and CorruptRow."""
    with closing(connect(path, read_only=True)) as db:
        rows = db.execute(SQL["orders_still"], (since, limit))
        orders = tuple(read_order(row) for row in rows)
        return StuckOrders(orders, *db.execute(SQL["standing"]).fetchone())


def write_off_in_file(
    path: Path, order_id: OrderId, word: events.WrittenOff, now: Timestamp
) -> Order | None:
    """Note that an attempt can never land; None when there is no such order.

    Writes nothing when nothing is in flight, or when it is noted already. Raises sqlite3.Error.
    """
    with closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        row = db.execute(SQL["order_by_id"], (order_id,)).fetchone()
        order = None if row is None else read_order(row)
        if order is not None and order.in_flight is not None and order.written_off_at is None:
            recorded = append(order, (word,), now)
            noted = replace(recorded[-1].order, version=order.version + 1)
            batch = SqliteWriteBatch()
            batch.add_decision(order, noted, recorded, Decision((word,), order.wake_at))
            batch.write(db)
            order = noted
        db.execute("COMMIT")
        return order


_TABLES = (
    "fills", "attempts", "principal_events", "order_filters", "journal", "engine_orders",
)  # fmt: skip


def prune_file(path: Path, before: Timestamp, archive: Archive | None, progress: Progress) -> int:
    """Put away the orders that came to rest before an instant; return how many.

    What has come to rest never changes, so it is read and archived without a lock. Raises
    sqlite3.Error and OSError; what was pruned until then is archived whole.
    """
    total = 0
    with closing(connect(path)) as db:
        while _add_up(db):  # what is put away stays in the sums of its day
            continue
        while names := _some(db, before):
            asked = msgspec.json.encode([name.id for name in names]).decode()
            if archive is not None:
                entries = reader.journals(db, [one.id for one in names])
                archive.add(
                    build_archive(names, entries, db.execute(SQL["transactions"], (asked,)))
                )
            _remove(db, asked, len(names))
            total += len(names)
            progress(total)
    return total


def _some(db: sqlite3.Connection, before: Timestamp) -> tuple[PrunableOrder, ...]:
    rows = db.execute(SQL["prunable"], (order_id(before, 0), before, ORDERS_AT_ONCE))
    return tuple(PrunableOrder(OrderId(row[0]), Principal(row[1]), row[2]) for row in rows)


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
