"""Shows operators which orders stand still, and notes their word, from beside the engine."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from msgspec.structs import replace

from cambist.orders import events as fact
from cambist.orders.decide import Change
from cambist.orders.journal import append
from cambist.orders.order import Order
from cambist.ports.store import Still
from cambist.stores import records
from cambist.stores.sqlite.connection import connect
from cambist.stores.sqlite.many import SQL
from cambist.stores.sqlite.sheet import SqliteSheet
from cambist.values.ids import OrderId
from cambist.values.time_units import Moment


def still_in_file(path: Path, since: Moment, limit: int) -> Still:
    """Return what has stood still since an instant. Raises sqlite3.Error and CorruptRow."""
    with closing(connect(path, read_only=True)) as db:
        rows = db.execute(SQL["orders_still"], (since, limit))
        orders = tuple(records.read_order(row) for row in rows)
        return Still(orders, *db.execute(SQL["standing"]).fetchone())


def write_off_in_file(
    path: Path, order_id: OrderId, word: fact.WrittenOff, now: Moment
) -> Order | None:
    """Note that an attempt can never land; None when there is no such order.

    Writes nothing when nothing is in flight, or when it is noted already. Raises sqlite3.Error.
    """
    with closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        row = db.execute(SQL["order_by_id"], (order_id,)).fetchone()
        order = None if row is None else records.read_order(row)
        if order is not None and order.in_flight is not None and order.written_off_at is None:
            told = append(order, (word,), now)
            noted = replace(told[-1].order, version=order.version + 1)
            sheet = SqliteSheet()
            sheet.move(order, noted, told, Change((word,), order.wake_at))
            sheet.write(db)
            order = noted
        db.execute("COMMIT")
        return order
