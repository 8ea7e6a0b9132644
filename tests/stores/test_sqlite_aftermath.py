"""Prove what becomes of writes that were durable although the store said that it failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cambist.orders import events
from cambist.orders.order import Status
from cambist.ports.errors import PortUnavailable
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import LOCAL
from tests import order_factory
from tests.contracts.store_harness import Shelf, change, same
from tests.stores.disk_faults import Disk
from tests.stores.sqlite_stores import sqlite_at


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture(params=["threaded", "inline"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path, disk: Disk) -> Any:
    opening = sqlite_at(tmp_path / "orders.db", inline=request.param == "inline")
    async with Shelf(opening) as opened:
        assert isinstance(opened.store, SqliteStore)
        disk.under(opened.store)
        yield opened


async def everything_was_told(shelf: Shelf) -> None:
    """Compare the news with the feed: each line once, in order, at its place."""
    lines = await shelf.store.feed(LOCAL, 0, 10_000)
    assert [line.position for line in lines] == shelf.places
    told = [(event.order.id, event.entry.seq) for event in shelf.events]
    assert [(one.order_id, one.seq) for one in lines] == told


async def test_what_a_failed_commit_made_durable_is_told_before_what_comes_next(
    shelf: Shelf, disk: Disk
) -> None:
    order = await shelf.claimed(Status.ROUTING)
    disk.breaks("COMMIT", after=True)
    with pytest.raises(PortUnavailable):
        await shelf.commit(order, events.Routed(order_factory.route()))
    assert shelf.events[-1].entry.kind == "started"
    await shelf.add()
    assert [event.entry.kind for event in shelf.events[-2:]] == ["routed", "accepted"]
    await everything_was_told(shelf)


async def test_it_is_told_though_nothing_else_is_written(shelf: Shelf, disk: Disk) -> None:
    order = await shelf.claimed(Status.SUBMITTED)
    disk.breaks("COMMIT", after=True)
    with pytest.raises(PortUnavailable):
        await shelf.commit(order, events.Seen(2_010))
    await shelf.store.backlog()
    assert isinstance(shelf.store, SqliteStore)
    assert shelf.store._probing is not None
    await shelf.store._probing
    assert shelf.events[-1].entry.kind == "seen"
    await everything_was_told(shelf)


async def test_several_failures_in_turn_leave_nothing_untold(shelf: Shelf, disk: Disk) -> None:
    for after in (True, False, True, True):
        disk.breaks("COMMIT", after=after)
        with pytest.raises(PortUnavailable):
            await shelf.add()
    await shelf.add()
    assert len(shelf.events) == 4
    await everything_was_told(shelf)


async def test_a_change_built_on_one_that_seemed_to_fail_is_told_and_counted(
    shelf: Shelf, disk: Disk
) -> None:
    order = await shelf.claimed()
    disk.breaks("COMMIT", after=True)
    first = shelf.store.begin_commit(order, change(events.Started()), order_factory.START)
    with pytest.raises(PortUnavailable):
        await first.durable
    second = shelf.store.begin_commit(
        first.order, change(events.Routed(order_factory.route())), order_factory.START
    )
    await second.durable
    assert [event.entry.kind for event in shelf.events] == ["accepted", "started", "routed"]
    assert await shelf.store.backlog() == 1
    census = await shelf.store.count_orders(LOCAL, order_factory.START)
    assert {status for status, many in census.by_status.items() if many} == {Status.BUILDING}
    await everything_was_told(shelf)


async def test_an_order_that_rests_in_flight_unknown_to_its_worker_comes_up_again(
    shelf: Shelf, disk: Disk
) -> None:
    order = await shelf.claimed(Status.BUILDING)
    tried = order_factory.attempt(1, order.id)
    order = await shelf.commit(order, order_factory.signed(tried), tried)
    disk.breaks("COMMIT", after=True)
    with pytest.raises(PortUnavailable):
        await shelf.commit(order, events.Sent())
    await shelf.store.release(order)
    (due,) = await shelf.store.claim_due(order_factory.START, 10)
    assert same(due, await shelf.store.get(order.id))
    assert due.awaits_chain
    for _ in range(3):
        await shelf.store.release(due)
        (due,) = await shelf.store.claim_due(order_factory.START, 10)


async def test_claims_are_not_lost_with_a_read_that_fails(shelf: Shelf) -> None:
    orders = [await shelf.add() for _ in range(3)]
    store: Any = shelf.store
    real, reads = store._readers.run, []

    async def breaking(*args: Any) -> Any:
        reads.append(args)
        if len(reads) == 3:
            raise PortUnavailable("the store cannot be read")
        return await real(*args)

    store._readers.run = breaking
    due = await store.claim_due(order_factory.START, 10)
    assert {one.id for one in due} == {order.id for order in orders}
    for one in due:
        await store.release(one)
    assert len(await store.claim_due(order_factory.START, 10)) == 3
