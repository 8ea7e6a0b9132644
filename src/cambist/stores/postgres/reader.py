"""Reads orders, journals and counts from PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from cambist.orders.journal import JournalEntry
from cambist.orders.order import Order, Status
from cambist.ports.chain import ExecutedTransaction
from cambist.ports.store import (
    CurrentTerms,
    FeedEntry,
    Halt,
    IdempotencyRecord,
    OrderCounts,
    OrderQuery,
    UnrecordedTransactions,
)
from cambist.stores.paging import PageRows, id_range
from cambist.stores.postgres.batch_partition import KeyName, WriteUnit
from cambist.stores.postgres.pool import ConnectionPool
from cambist.stores.rows import read_current_terms, read_entry
from cambist.stores.sql import queries
from cambist.stores.unreadable_orders import ReadRows, read_rows
from cambist.values.ids import OrderId, Principal
from cambist.values.time_units import Timestamp

SQL: Final = queries("postgres")


async def fetch(pool: ConnectionPool, name: str, *values: Any) -> Sequence[Any]:
    """Return the rows of a named query. Raises PortUnavailable."""
    rows: Sequence[Any] = await pool.read(lambda line: line.fetch(SQL[name], *values))
    return rows


async def ask(pool: ConnectionPool, name: str, *values: Any) -> Sequence[Any]:
    """Return the rows of a client's query. Raises PortUnavailable and ReadInterrupted."""
    rows: Sequence[Any] = await pool.ask(lambda line: line.fetch(SQL[name], *values))
    return rows


async def fetch_number(pool: ConnectionPool, name: str, *values: Any) -> int:
    """Return the first number of a named query's first row. Raises PortUnavailable."""
    return int((await fetch(pool, name, *values))[0][0])


async def by_ids(pool: ConnectionPool, ids: Sequence[OrderId]) -> ReadRows:
    """Return the orders of these ids, and which of them cannot be read. Raises PortUnavailable."""
    return read_rows(await fetch(pool, "orders_by_id", ids))


async def get(pool: ConnectionPool, order_id: OrderId) -> Order | None:
    """Return an order as it stands. Raises PortUnavailable, and Unreadable."""
    return (await by_ids(pool, [order_id])).one()


async def resting_orders(pool: ConnectionPool, after: str, limit: int) -> ReadRows:
    """Return orders that wait for a price, by id. Raises PortUnavailable."""
    return read_rows(await fetch(pool, "resting_orders", after, limit))


async def current_terms(
    pool: ConnectionPool, order_ids: Sequence[OrderId]
) -> dict[OrderId, CurrentTerms]:
    """Return the cancel notes and amended terms of orders. Raises PortUnavailable."""
    return read_current_terms(await fetch(pool, "order_states", list(order_ids)))


async def keyed(pool: ConnectionPool, principal: Principal, key: str) -> IdempotencyRecord | None:
    """Return what a key remembers."""
    rows = await fetch(pool, "keyed", principal, key)
    return _keyed(rows[0]) if rows else None


async def all_keyed(
    pool: ConnectionPool, names: Sequence[KeyName]
) -> dict[KeyName, IdempotencyRecord]:
    """Return what each key remembers."""
    who, keys = [name[0] for name in names], [name[1] for name in names]
    rows = await fetch(pool, "all_keyed", who, keys)
    return {names[row[0]]: _keyed(row[1:]) for row in rows}


def _keyed(row: Sequence[Any]) -> IdempotencyRecord:
    return IdempotencyRecord(OrderId(row[0]), row[1], row[2])


async def places(pool: ConnectionPool, parts: Sequence[WriteUnit]) -> dict[int, int]:
    """Return the position of the first event of each part that was written."""
    last = [part.events[-1].entry for part in parts]
    rows = await fetch(
        pool,
        "places",
        [one.order_id for one in last],
        [one.seq for one in last],
        [one.hash for one in last],
    )
    return {id(parts[row[0]]): row[1] - len(parts[row[0]].events) + 1 for row in rows}


async def page(pool: ConnectionPool, query: OrderQuery) -> PageRows:
    """Return a page of orders, newest first. Raises PortUnavailable and ReadInterrupted."""
    name, values = _page_ids(query)

    async def read(line: Any) -> PageRows:
        ids = [OrderId(row[0]) for row in await line.fetch(SQL[name], *values)]
        rows = await line.fetch(SQL["orders_by_id"], ids) if ids else ()
        return PageRows(tuple(ids), read_rows(rows))

    return await pool.ask(read)


def _page_ids(query: OrderQuery) -> tuple[str, tuple[Any, ...]]:
    """Return the query that names the orders of a page, and its values.

    Each way to ask has a statement of its own: one plan for all of them would look at every row.
    """
    statuses = [status.value for status in query.statuses] or None
    is_narrow = statuses is not None or query.since is not None
    plain = (query.principal, *id_range(query), query.limit, query.offset)
    word = query.token or query.wallet
    if word is None:
        narrow = (*plain, statuses, query.since)
        return ("page_ids_of", narrow) if is_narrow else ("page_ids", plain)
    field = "wallet" if query.token is None else "token"
    if is_narrow or (query.token is not None and query.wallet is not None):
        besides = query.wallet if query.token is not None else None
        return "page_ids_by_and", (*plain, field, word, besides, statuses, query.since)
    return "page_ids_by", (*plain, field, word)


async def census(pool: ConnectionPool, principal: Principal) -> OrderCounts:
    """Count a principal's orders."""
    counts = dict.fromkeys(Status, 0)
    for status, many in await ask(pool, "census", principal):
        if status in counts:
            counts[Status(status)] = many
    delayed = int((await ask(pool, "delayed", principal))[0][0])
    return OrderCounts(counts, delayed + counts[Status.WAITING])


async def entries(
    pool: ConnectionPool, order_id: OrderId, after_seq: int, limit: int
) -> tuple[JournalEntry, ...]:
    """Return journal entries in order."""
    rows = await ask(pool, "entries", order_id, after_seq, limit)
    return tuple(read_entry(tuple(row)) for row in rows)


async def journals(pool: ConnectionPool, order_ids: Sequence[OrderId]) -> tuple[JournalEntry, ...]:
    """Return all journal entries of some orders, order by order."""
    rows = await ask(pool, "journals", list(order_ids))
    return tuple(read_entry(tuple(row)) for row in rows)


async def feed(
    pool: ConnectionPool, principal: Principal, after: int, limit: int
) -> tuple[FeedEntry, ...]:
    """Return the positions of the events of a principal's orders."""
    rows = await ask(pool, "feed", after, principal, limit)
    return _lines(rows)


async def feed_all(pool: ConnectionPool, after: int, limit: int) -> tuple[FeedEntry, ...]:
    """Return the positions of the events of all orders."""
    return _lines(await fetch(pool, "feed_all", after, limit))


def _lines(rows: Iterable[Any]) -> tuple[FeedEntry, ...]:
    return tuple(FeedEntry(row[0], OrderId(row[1]), row[2], Principal(row[3])) for row in rows)


async def halted(pool: ConnectionPool) -> Halt | None:
    """Return the halt in force."""
    rows = await fetch(pool, "halted")
    return Halt(*rows[0]) if rows else None


def with_clock_skew(order: Order, by_ms: int) -> Order:
    """Return an order with its wake-up on our clock, where the database's is ahead of it."""
    wake_at = order.wake_at
    return (
        order
        if not by_ms or wake_at is None
        else replace(order, wake_at=Timestamp(wake_at - by_ms))
    )


async def unrecorded_transactions(pool: ConnectionPool, limit: int) -> UnrecordedTransactions:
    """Return what the chain executed and the store lacks, newest first. Raises PortUnavailable."""
    total = await fetch_number(pool, "count_missing")
    rows = await fetch(pool, "missing", limit)
    return UnrecordedTransactions(total, tuple(ExecutedTransaction(*row) for row in rows))
