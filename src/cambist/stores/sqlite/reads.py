"""Answers the store's questions from the file, one query each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from cambist.orders.journal import Entry
from cambist.orders.order import Order
from cambist.ports.store import CurrentTerms, Keyed, Line, OrderQuery
from cambist.stores import records
from cambist.stores.paging import Paged, id_range
from cambist.stores.sqlite.counters import Counted
from cambist.stores.sqlite.many import SQL
from cambist.stores.unreadable_orders import Damage, Loaded, read_rows, shown_id
from cambist.values.ids import OrderId, Principal
from cambist.values.time_units import Moment

_PRIMARY_CODE: Final = 0xFF


def ping(db: sqlite3.Connection, _: None = None) -> None:
    """Read anything, to see that the file can be read."""
    db.execute("SELECT 1 FROM engine_orders LIMIT 1").fetchone()


def delayed(db: sqlite3.Connection, key: tuple[Moment, Principal]) -> int:
    """Count a principal's orders whose wake-up lies after an instant."""
    return int(db.execute(SQL["delayed"], key).fetchone()[0])


def due(db: sqlite3.Connection, key: tuple[Moment, int]) -> tuple[OrderId, ...]:
    """Name the orders that are due, longest due first."""
    return tuple(OrderId(row[0]) for row in db.execute(SQL["orders_due"], key))


def by_ids(db: sqlite3.Connection, order_ids: Sequence[str]) -> Loaded:
    """Return orders, longest due first, and which of them cannot be read."""
    if not order_ids:
        return Loaded((), {})
    try:
        return read_rows(db.execute(SQL["orders_by_id"], (_listed(order_ids),)))
    except UnicodeEncodeError as error:
        if len(order_ids) == 1:
            return Loaded((), {shown_id(order_ids[0]): Damage(str(error))})
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_CORRUPT:
            raise
        if len(order_ids) == 1:
            return Loaded((), {OrderId(order_ids[0]): Damage(str(error))})
    # One of these ids is no text, or the page of a row is damaged: the others are not.
    parts = [by_ids(db, [order_id]) for order_id in order_ids]
    orders = (order for part in parts for order in part.orders)
    unreadable = {key: why for part in parts for key, why in part.unreadable.items()}
    return Loaded(tuple(sorted(orders, key=_wake_at)), unreadable)


def _listed(words: Sequence[str]) -> str:
    return msgspec.json.encode(list(words)).decode()


def _wake_at(order: Order) -> int:
    return order.wake_at or 0


def order(db: sqlite3.Connection, order_id: OrderId) -> Order | None:
    """Return an order as it stands. Raises Unreadable."""
    return by_ids(db, [order_id]).one()


def ahead(db: sqlite3.Connection, key: tuple[Moment, Moment, int]) -> Loaded:
    """Return orders whose wake-up lies between two instants, both left out."""
    return by_ids(db, [row[0] for row in db.execute(SQL["orders_ahead"], key)])


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
    rows = db.execute(SQL["journals"], (_listed(order_ids),))
    return tuple(records.read_entry(row) for row in rows)


def feed(db: sqlite3.Connection, key: tuple[int, Principal, int]) -> tuple[Line, ...]:
    """Return where the lines of a principal's orders stand."""
    return tuple(Line(*row) for row in db.execute(SQL["feed"], key))


def feed_all(db: sqlite3.Connection, key: tuple[int, int]) -> tuple[Line, ...]:
    """Return where the lines of everyone's orders stand."""
    return tuple(Line(*row) for row in db.execute(SQL["feed_all"], key))


def count(db: sqlite3.Connection, _: None = None) -> Counted:
    """Count all orders where they stand, at one moment."""
    db.execute("BEGIN")
    try:
        rows = tuple(db.execute(SQL["census"]))
        return Counted(rows, pruned(db)[1], feed_end(db))
    finally:
        db.execute("COMMIT")


def pruned(db: sqlite3.Connection, _: None = None) -> tuple[int, int]:
    """Return the place up to which lines may be gone, and how many orders were put away."""
    place, orders = db.execute(SQL["pruned"]).fetchone()
    return place, orders


def feed_end(db: sqlite3.Connection, _: None = None) -> int:
    """Return the place of the newest line."""
    return int(db.execute(SQL["feed_end"]).fetchone()[0])


def page(db: sqlite3.Connection, query: OrderQuery) -> Paged:
    """Return a page of orders, newest first."""
    ids = [OrderId(row[0]) for row in db.execute(*_page_ids(query))]
    return Paged(tuple(ids), by_ids(db, ids))


def _page_ids(query: OrderQuery) -> tuple[str, tuple[object, ...]]:
    """Return the statement that names the orders of a page, and its values."""
    statuses = _listed(query.statuses) if query.statuses else None
    before, since = id_range(query)
    plain = (query.principal, before, since, statuses, query.since, query.limit, query.offset)
    if query.token is not None:
        return SQL["page_ids_by"], (*plain, "token", query.token, query.wallet)
    if query.wallet is not None:
        return SQL["page_ids_by"], (*plain, "wallet", query.wallet, None)
    if statuses is not None or query.since is not None:
        return SQL["page_ids_of"], plain
    return SQL["page_ids"], (query.principal, before, since, query.limit, query.offset)
