"""Open PostgreSQL stores for tests, each database on a clock that stands where a test puts it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from cambist.clock import SystemClock
from cambist.orders.order import Order
from cambist.ports.store import CommitListener, OrderCounts, Store
from cambist.stores.postgres.migrations import migrate
from cambist.stores.postgres.pool import ConnectionPool, Target
from cambist.stores.postgres.store import PostgresStore, open_postgres
from cambist.values.ids import Principal
from cambist.values.time_units import Timestamp
from tests import order_factory
from tests.contracts.store_harness import Opening
from tests.servers.postgres import with_database

LEASE_MS = 30_000
STILL_NAME = "cambist_test_still"
STILL = """
CREATE TABLE still_clock (at bigint NOT NULL);
INSERT INTO still_clock VALUES (0);
CREATE OR REPLACE FUNCTION engine_now() RETURNS bigint LANGUAGE sql VOLATILE AS
'SELECT at FROM still_clock';
"""
EMPTY = """
DELETE FROM engine_orders; DELETE FROM journal; DELETE FROM attempts; DELETE FROM fills;
DELETE FROM tallies; DELETE FROM order_filters; DELETE FROM daily_fills;
UPDATE feed_end SET n = 0, backlog = 0;
UPDATE halt SET reason = NULL; UPDATE chain_mark SET slot = NULL; DELETE FROM missing_attempts;
UPDATE still_clock SET at = {at}; UPDATE pruned SET place = 0, orders = 0;
"""
_numbers = count(1)
_made: set[str] = set()


@asynccontextmanager
async def database(url: str) -> AsyncIterator[str]:
    """Make an empty database, yield its URL, and drop it."""
    name = f"cambist_test_{next(_numbers)}"
    await _make(url, name)
    try:
        yield with_database(url, name)
    finally:
        async with talk(url) as server:
            await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@asynccontextmanager
async def still_database(url: str) -> AsyncIterator[str]:
    """Yield the URL of a database whose clock stands at START, made once and emptied each time."""
    made = with_database(url, STILL_NAME)
    if url not in _made:
        await _make(url, STILL_NAME)
        await bring_up_to_date(made)
        async with talk(made) as line:
            await line.execute(STILL)
        _made.add(url)
    async with talk(made) as line:
        await line.execute(EMPTY.format(at=order_factory.START))
    yield made


async def _make(url: str, name: str) -> None:
    async with talk(url) as server:
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.execute(f"CREATE DATABASE {name}")


def through(url: str, port: int) -> str:
    """Return the URL of a database behind something that listens on a port of this machine."""
    parts = urlsplit(url)
    who = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return parts._replace(netloc=f"{who}127.0.0.1:{port}").geturl()


@asynccontextmanager
async def talk(url: str) -> AsyncIterator[Any]:
    """Connect as a stranger would."""
    line = await asyncpg.connect(url, timeout=10)
    try:
        yield line
    finally:
        await line.close(timeout=5)


async def bring_up_to_date(url: str) -> None:
    """Run the migrations of a database."""
    pool = ConnectionPool(Target(url), 1)
    await pool.open()
    await migrate(pool)
    await pool.close()


class _Still:
    """A store whose database's clock goes where its caller's clock is."""

    def __init__(self, store: PostgresStore, line: Any) -> None:
        self._store = store
        self._line = line
        self._turn = asyncio.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def _set(self, now: Timestamp) -> None:
        async with self._turn:
            await self._line.execute("UPDATE still_clock SET at = $1", now)

    async def claim_due(self, now: Timestamp, limit: int) -> tuple[Order, ...]:
        await self._set(now)
        return await self._store.claim_due(now, limit)

    async def count_orders(self, principal: Principal, now: Timestamp) -> OrderCounts:
        await self._set(now)
        return await self._store.count_orders(principal, now)


def postgres_at(url: str, *, owner: str = "me", lease_ms: int = LEASE_MS) -> Opening:
    """Return how to open the store of a database whose clock stands still."""

    @asynccontextmanager
    async def opening(news: CommitListener) -> AsyncIterator[Store]:
        clock = SystemClock()
        async with (
            open_postgres(Target(url), news, clock, owner=owner, lease_ms=lease_ms) as store,
            talk(url) as line,
        ):
            yield _Still(store, line)  # type: ignore[misc]

    return opening
