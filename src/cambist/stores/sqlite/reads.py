"""Answers the store's questions from the file, one query each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec
import structlog

from cambist.orders.journal import Entry
from cambist.orders.order import Order
from cambist.ports.store import CurrentTerms, Keyed, Line, OrderQuery
from cambist.stores import records
from cambist.stores.sqlite.many import SQL
from cambist.values.ids import OrderId, Principal
from cambist.values.moment import Moment

log = structlog.get_logger("cambist.store")


def ping(db: sqlite3.Connection, _: None = None) -> None:
    """Read anything, to see that the file can be read."""
    db.execute("SELECT 1 FROM engine_orders LIMIT 1").fetchone()


def delayed(db: sqlite3.Connection, key: tuple[Moment, Principal]) -> int:
    """Count a principal's orders whose wake-up lies after an instant."""
    return int(db.execute(SQL["delayed"], key).fetchone()[0])


def due(db: sqlite3.Connection, key: tuple[Moment, int]) -> tuple[OrderId, ...]:
    """Name the orders that are due, longest due first."""
    return tuple(OrderId(row[0]) for row in db.execute(SQL["orders_due"], key))


def by_ids(db: sqlite3.Connection, order_ids: Sequence[str]) -> tuple[Order | None, ...]:
    """Return orders, longest due first; None stands for a row no order can have."""
    if not order_ids:
        return ()
    asked = msgspec.json.encode(list(order_ids)).decode()
    return tuple(_read_or_report(row) for row in db.execute(SQL["orders_by_id"], (asked,)))


def ahead(db: sqlite3.Connection, key: tuple[Moment, Moment, int]) -> tuple[Order | None, ...]:
    """Return orders whose wake-up lies between two instants, both left out."""
    return tuple(_read_or_report(row) for row in db.execute(SQL["orders_ahead"], key))


def _read_or_report(row: records.Row) -> Order | None:
    """Read a row; one that no order can have must not hold all others up."""
    try:
        return records.read_order(row)
    except records.CorruptRow as error:
        log.critical("corrupt_row", order_id=row[0], error=str(error))
        return None


def current_terms(db: sqlite3.Connection, order_ids: Sequence[str]) -> dict[OrderId, CurrentTerms]:
    """Return the cancel notes and amended terms of orders; what cannot be read is left out."""
    asked = msgspec.json.encode(list(order_ids)).decode()
    return records.read_current_terms(db.execute(SQL["order_states"], (asked,)))


def keyed(db: sqlite3.Connection, key: tuple[str, str]) -> Keyed | None:
    """Return what a key remembers."""
    row = db.execute(SQL["keyed"], key).fetchone()
    return None if row is None else Keyed(*row)


def entries(db: sqlite3.Connection, key: tuple[str, int, int]) -> tuple[Entry, ...]:
    """Return journal lines in order."""
    return tuple(records.read_entry(row) for row in db.execute(SQL["entries"], key))


def journals(db: sqlite3.Connection, order_ids: Sequence[str]) -> tuple[Entry, ...]:
    """Return all journal lines of some orders, order by order."""
    asked = msgspec.json.encode(list(order_ids)).decode()
    return tuple(records.read_entry(row) for row in db.execute(SQL["journals"], (asked,)))


def feed(db: sqlite3.Connection, key: tuple[int, Principal, int]) -> tuple[Line, ...]:
    """Return where the lines of a principal's orders stand."""
    return tuple(Line(*row) for row in db.execute(SQL["feed"], key))


def feed_all(db: sqlite3.Connection, key: tuple[int, int]) -> tuple[Line, ...]:
    """Return where the lines of everyone's orders stand."""
    return tuple(Line(*row) for row in db.execute(SQL["feed_all"], key))


def pruned(db: sqlite3.Connection, _: None = None) -> tuple[int, int]:
    """Return the place up to which lines may be gone, and how many orders were put away."""
    place, orders = db.execute(SQL["pruned"]).fetchone()
    return place, orders


def feed_end(db: sqlite3.Connection, _: None = None) -> int:
    """Return the place of the newest line."""
    return int(db.execute(SQL["feed_end"]).fetchone()[0])


def page(db: sqlite3.Connection, query: OrderQuery) -> tuple[Order, ...]:
    """Return orders newest first."""
    statuses = msgspec.json.encode(query.statuses).decode() if query.statuses else None
    where = (query.principal, query.before, statuses, query.wallet, query.token, query.since)
    rows = db.execute(SQL["orders_page"], (*where, query.limit, query.offset))
    return tuple(records.read_order(row) for row in rows)
