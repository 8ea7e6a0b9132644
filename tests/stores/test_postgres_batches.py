"""Prove how a batch reaches its rows: by indexes, in the order of ids, and as they are then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from cambist.clock import SystemClock
from cambist.orders import events
from cambist.orders.order import Order, Status
from cambist.ports.errors import VersionConflict
from cambist.ports.store import Store
from cambist.stores.commands import ApplyDecision, InsertOrder, apply_decision
from cambist.stores.postgres import Target, open_postgres
from cambist.stores.postgres.writer import PostgresBatchWriter
from cambist.values.time_units import Timestamp
from tests import order_factory
from tests.contracts.store_harness import at_once, change
from tests.stores.postgres_stores import bring_up_to_date, database, talk
from tests.stores.test_postgres_plans import BIG, FILL

pytestmark = pytest.mark.postgres
NOW = Timestamp(order_factory.START)
SCANNED = "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0"
USED = "SELECT relname FROM pg_class WHERE relkind = 'i' AND pg_stat_get_xact_numscans(oid) > 0"
UNLOCKED = "SELECT id FROM engine_orders ORDER BY id FOR UPDATE SKIP LOCKED"


class OneConnection:
    """A pool of the one connection that a test looks into."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await work(self._connection)


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    async with database(postgres_url) as made:
        await bring_up_to_date(made)
        yield made


def opened(url: str) -> Any:
    """Open a store that tells nobody."""
    return open_postgres(Target(url), lambda *_: None, SystemClock(), owner="me")


def moves_of(order: Order) -> list[ApplyDecision]:
    """Return the moves of an order from its birth to its finality."""
    tried = order_factory.attempt(1, order.id)
    moves = []
    for event in (*order_factory.path(Status.CONFIRMED, tried), events.Finalized(2_100)):
        moves.append(apply_decision(order, change(event, tried), NOW))
        order = moves[-1].after
    return moves


async def test_a_batch_uses_indexes_and_scans_nothing(url: str) -> None:
    async with talk(url) as connection:
        await connection.execute(FILL)
        await connection.execute("UPDATE feed_end SET n = (SELECT max(n) FROM journal)")
    async with talk(url) as connection, connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")

        async def give_up(error: BaseException) -> None:
            raise error

        pool: Any = OneConnection(connection)
        writer = PostgresBatchWriter(pool, lambda *_: None, give_up, lease_ms=1_000)
        births = [order_factory.birth(number) for number in range(3)]
        results = await writer.apply([InsertOrder(birth) for birth in births])
        for together in zip(*(moves_of(birth.event.order) for birth in births), strict=True):
            results += await writer.apply(together)
        assert not [result for result in results if isinstance(result, BaseException)]
        scanned = {row[0] for row in await connection.fetch(SCANNED)}
        used = {row[0] for row in await connection.fetch(USED)}
    assert not scanned & BIG
    assert {"engine_orders_id", "attempts_order"} <= used


async def claimed(store: Store, numbers: range) -> list[Order]:
    """Add orders and claim them; in the order of their ids."""
    births = [order_factory.birth(number) for number in numbers]
    await store.add_all(births)
    orders = [await store.claim(birth.event.order.id) for birth in births]
    return sorted((order for order in orders if order is not None), key=lambda order: order.id)


async def test_rows_are_locked_in_the_order_of_their_ids(url: str) -> None:
    async with opened(url) as store, talk(url) as holder, talk(url) as looker:
        first, second, third = await claimed(store, range(3))
        await holder.execute("BEGIN")
        await holder.execute("SELECT FROM engine_orders WHERE id = $1 FOR UPDATE", second.id)
        begun = [
            store.begin_commit(order, change(events.CancelRequested()), NOW).durable
            for order in (third, first, second)
        ]
        await asyncio.sleep(0.3)
        assert [row[0] for row in await looker.fetch(UNLOCKED)] == [third.id]
        await holder.execute("ROLLBACK")
        assert not [error for error in await at_once(*begun) if isinstance(error, BaseException)]


@pytest.mark.parametrize(
    "change_row",
    [
        "UPDATE engine_orders SET version = version + 1 WHERE id = $1",
        "UPDATE engine_orders SET lease_epoch = lease_epoch + 1 WHERE id = $1",
        "UPDATE engine_orders SET head_hash = sha256(head_hash) WHERE id = $1",
    ],
)
async def test_a_move_that_waited_is_compared_with_the_row_as_it_is_then(
    url: str, change_row: str
) -> None:
    async with opened(url) as store, talk(url) as other:
        order, beside = await claimed(store, range(2))
        await other.execute("BEGIN")
        await other.execute(change_row, order.id)
        begun = [
            store.begin_commit(moved, change(events.CancelRequested()), NOW).durable
            for moved in (order, beside)
        ]
        await asyncio.sleep(0.3)
        await other.execute("COMMIT")
        lost, won = await at_once(*begun)
        assert isinstance(lost, VersionConflict)
        assert not isinstance(won, BaseException)
        assert len(await store.read_journal(order.id, 0, 10)) == 1
        assert len(await store.read_journal(beside.id, 0, 10)) == 2
        assert await store.last_position() == 3
