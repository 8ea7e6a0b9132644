"""Reads orders, journals and feeds from SQLite, on threads of its own.

Runs reads beside the event loop, each thread on a connection of its own.

What the engine needs to move orders has threads of its own: however much clients ask for, it does
not wait behind them. What clients ask for ends when they have left, or when it takes too long.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from cambist.orders.journal import JournalEntry
from cambist.orders.order import Order
from cambist.ports.errors import PortUnavailable, ReadInterrupted
from cambist.ports.store import CurrentTerms, FeedEntry, IdempotencyRecord, OrderQuery
from cambist.stores.errors import CorruptRow
from cambist.stores.paging import PageRows, id_range
from cambist.stores.rows import read_current_terms, read_entry
from cambist.stores.sqlite.connection import SQL, connect
from cambist.stores.sqlite.status_counters import OrderTotals
from cambist.stores.unreadable_orders import ReadRows, UnreadableRow, read_rows, shown_id
from cambist.values.ids import OrderId, Principal
from cambist.values.time_units import Timestamp

_PRIMARY_CODE: Final = 0xFF


def ping(db: sqlite3.Connection, _: None = None) -> None:
    """Read anything, to see that the file can be read."""
    db.execute("SELECT 1 FROM engine_orders LIMIT 1").fetchone()


def delayed(db: sqlite3.Connection, key: tuple[Timestamp, Principal]) -> int:
    """Count a principal's orders whose wake-up lies after an instant."""
    return int(db.execute(SQL["delayed"], key).fetchone()[0])


def due(db: sqlite3.Connection, key: tuple[Timestamp, int]) -> tuple[OrderId, ...]:
    """Name the orders that are due, longest due first; those that rest come last."""
    now, limit = key
    active = [OrderId(row[0]) for row in db.execute(SQL["orders_due"], key)]
    resting = db.execute(SQL["resting_due"], (now, limit - len(active)))
    return (*active, *(OrderId(row[0]) for row in resting))


def by_ids(db: sqlite3.Connection, order_ids: Sequence[str]) -> ReadRows:
    """Return orders, longest due first, and which of them cannot be read."""
    if not order_ids:
        return ReadRows((), {})
    try:
        return read_rows(db.execute(SQL["orders_by_id"], (_listed(order_ids),)))
    except UnicodeEncodeError as error:
        if len(order_ids) == 1:
            return ReadRows((), {shown_id(order_ids[0]): UnreadableRow(str(error))})
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_CORRUPT:
            raise
        if len(order_ids) == 1:
            return ReadRows((), {OrderId(order_ids[0]): UnreadableRow(str(error))})
    # One of these ids is no text, or the page of a row is damaged: the others are not.
    parts = [by_ids(db, [order_id]) for order_id in order_ids]
    orders = (order for part in parts for order in part.orders)
    unreadable = {key: why for part in parts for key, why in part.unreadable.items()}
    return ReadRows(tuple(sorted(orders, key=_wake_at)), unreadable)


def _listed(words: Sequence[str]) -> str:
    return msgspec.json.encode(list(words)).decode()


def _wake_at(order: Order) -> int:
    return order.wake_at or 0


def order(db: sqlite3.Connection, order_id: OrderId) -> Order | None:
    """Return an order as it stands. Raises Unreadable."""
    return by_ids(db, [order_id]).one()


def ahead(db: sqlite3.Connection, key: tuple[Timestamp, Timestamp, int]) -> ReadRows:
    """Return orders whose wake-up lies between two instants, both left out."""
    return by_ids(db, [row[0] for row in db.execute(SQL["orders_ahead"], key)])


def resting_orders(db: sqlite3.Connection, key: tuple[str, int]) -> ReadRows:
    """Return orders that wait for a price, by id."""
    return read_rows(db.execute(SQL["resting_orders"], key))


def current_terms(db: sqlite3.Connection, order_ids: Sequence[str]) -> dict[OrderId, CurrentTerms]:
    """Return the cancel notes and amended terms of orders; what cannot be read is left out."""
    asked = msgspec.json.encode(list(order_ids)).decode()
    return read_current_terms(db.execute(SQL["order_states"], (asked,)))


def keyed(db: sqlite3.Connection, key: tuple[str, str]) -> IdempotencyRecord | None:
    """Return what a key remembers."""
    row = db.execute(SQL["keyed"], key).fetchone()
    return None if row is None else IdempotencyRecord(*row)


def entries(db: sqlite3.Connection, key: tuple[str, int, int]) -> tuple[JournalEntry, ...]:
    """Return journal entries in order."""
    return tuple(read_entry(row) for row in db.execute(SQL["entries"], key))


def journals(db: sqlite3.Connection, order_ids: Sequence[str]) -> tuple[JournalEntry, ...]:
    """Return all journal entries of some orders, order by order."""
    rows = db.execute(SQL["journals"], (_listed(order_ids),))
    return tuple(read_entry(row) for row in rows)


def feed(db: sqlite3.Connection, key: tuple[int, Principal, int]) -> tuple[FeedEntry, ...]:
    """Return the positions of the events of a principal's orders."""
    return tuple(FeedEntry(*row) for row in db.execute(SQL["feed"], key))


def feed_all(db: sqlite3.Connection, key: tuple[int, int]) -> tuple[FeedEntry, ...]:
    """Return the positions of the events of all orders."""
    return tuple(FeedEntry(*row) for row in db.execute(SQL["feed_all"], key))


def count(db: sqlite3.Connection, _: None = None) -> OrderTotals:
    """Count all orders where they stand, at one moment."""
    db.execute("BEGIN")
    try:
        rows = tuple(db.execute(SQL["census"]))
        return OrderTotals(rows, pruned(db)[1], feed_end(db))
    finally:
        db.execute("COMMIT")


def pruned(db: sqlite3.Connection, _: None = None) -> tuple[int, int]:
    """Return the position up to which events may be pruned, and how many orders were pruned."""
    place, orders = db.execute(SQL["pruned"]).fetchone()
    return place, orders


def feed_end(db: sqlite3.Connection, _: None = None) -> int:
    """Return the position of the newest event."""
    return int(db.execute(SQL["feed_end"]).fetchone()[0])


def page(db: sqlite3.Connection, query: OrderQuery) -> PageRows:
    """Return a page of orders, newest first."""
    ids = [OrderId(row[0]) for row in db.execute(*_page_ids(query))]
    return PageRows(tuple(ids), by_ids(db, ids))


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


T = TypeVar("T")
Read = Callable[[sqlite3.Connection, Any], T]

READERS: Final = 2
ASKED_READERS: Final = 2
READ_WITHIN_S: Final = 1.0
"""How long a client's read may take, the wait for a thread included."""
INSTRUCTIONS_BETWEEN_LOOKS: Final = 50_000
"""After how many steps of SQLite a read looks whether anybody still waits for it: some 2 ms."""


class AskedRead:
    """A read that somebody waits for, until it is abandoned."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: sqlite3.Connection | None = None
        self._is_abandoned = False

    def run(self, db: sqlite3.Connection, read: Read[T], key: object) -> T:
        """Carry the read out, in a thread. Raises ReadInterrupted once it is abandoned."""
        with self._lock:
            if self._is_abandoned:
                raise ReadInterrupted("nobody waits for this read")
            self._running = db
        db.set_progress_handler(self._is_over, INSTRUCTIONS_BETWEEN_LOOKS)
        try:
            return read(db, key)
        except sqlite3.OperationalError as error:
            if self._is_abandoned:
                raise ReadInterrupted("the read was interrupted") from error
            raise
        finally:
            with self._lock:
                self._running = None
            db.set_progress_handler(None, 0)

    def _is_over(self) -> bool:
        return self._is_abandoned

    def abandon(self) -> None:
        """End the read, wherever it is; call it on the event loop."""
        with self._lock:
            self._is_abandoned = True
            if self._running is not None:
                self._running.interrupt()


class Readers:
    """A few threads that only read. Inline, reads happen on the calling thread."""

    def __init__(self, path: Path, *, inline: bool = False) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._pool = None if inline else ThreadPoolExecutor(READERS, "cambist-reader")
        self._asked = None if inline else ThreadPoolExecutor(ASKED_READERS, "cambist-asked")

    async def run(self, read: Read[T], key: object = None) -> T:
        """Return what `read` finds. Raises PortUnavailable when the file cannot be read."""
        try:
            if self._pool is None:
                return read(self._connection(), key)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._read, read, key)
        except (sqlite3.Error, CorruptRow) as error:
            raise _down(error) from error

    async def ask(self, read: Read[T], key: object = None) -> T:
        """Return what a client's `read` finds.

        It is interrupted when the task that waits for it is cancelled, and after
        `READ_WITHIN_S`: then it raises ReadInterrupted. Raises PortUnavailable as `run` does.
        """
        if self._asked is None:
            return await self.run(read, key)
        asked, loop = AskedRead(), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                return await loop.run_in_executor(self._asked, self._ask, asked, read, key)
        except TimeoutError:
            msg = f"the read took longer than {READ_WITHIN_S:g} s; ask for less, or later"
            raise ReadInterrupted(msg) from None
        except (sqlite3.Error, CorruptRow) as error:
            raise _down(error) from error
        finally:
            asked.abandon()

    def _read(self, read: Read[T], key: object) -> T:
        return read(self._connection(), key)

    def _ask(self, asked: AskedRead, read: Read[T], key: object) -> T:
        return asked.run(self._connection(), read, key)

    def _connection(self) -> sqlite3.Connection:
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is None:
            held = connect(self._path, read_only=True)
            self._local.connection = held
            self._opened.append(held)
        return held

    def close(self) -> None:
        """Let every connection go."""
        for pool in (self._pool, self._asked):
            if pool is not None:
                pool.shutdown()
        for connection in self._opened:
            connection.close()


def _down(error: Exception) -> PortUnavailable:
    return PortUnavailable(f"the store cannot be read: {error}")
