"""Proves how turns are given: so many at once, none lost by a stop, few tasks for many orders."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from msgspec.structs import replace

from cambist import metrics
from cambist.engine.engine import EngineLimits
from cambist.orders.order import Order, Status
from cambist.orders.retry import Backoff
from cambist.paper.adapters import PaperChain, PaperMarket
from cambist.paper.fault_model import INSTANT
from cambist.ports.errors import PortUnavailable
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import LOCAL
from cambist.values.time_units import Millis
from cambist.values.token import Pair
from cambist.venues.pool import Pool
from tests.engine.engine_harness import CALM, HangingMarket, rig, sell


class CountingMarket(PaperMarket):
    """A market that remembers how many orders asked it at the same time."""

    asking: ClassVar[Counter[str]] = Counter()
    most = 0

    async def pools(self, venue: str, pair: Pair, reference: str) -> Sequence[Pool]:
        kind = type(self)
        kind.asking[reference] += 1
        kind.most = max(kind.most, sum(count > 0 for count in kind.asking.values()))
        try:
            return await super().pools(venue, pair, reference)
        finally:
            kind.asking[reference] -= 1


class BrokenMarket(PaperMarket):
    """A market with a defect."""

    async def pools(self, venue: str, pair: Pair, reference: str) -> Sequence[Pool]:
        raise ZeroDivisionError(venue)


class Forgetful(SqliteStore):
    """A store whose every other release finds nobody."""

    releases = lost = 0

    async def release(self, order: Order) -> None:
        await super().release(order)
        self.releases += 1
        if self.releases % 2:
            self.lost += 1
            raise PortUnavailable("the store is away")


async def test_no_more_turns_are_performed_at_once_than_was_said(tmp_path: Path) -> None:
    CountingMarket.most = 0
    async with rig(tmp_path, market=CountingMarket) as r:
        ids = [await r.send(sell()) for _ in range(35)]
        for order_id in ids:
            assert (await r.until_closed(order_id)).status is Status.CONFIRMED
    assert CountingMarket.most == 10


async def test_orders_in_flight_cost_no_tasks(tmp_path: Path) -> None:
    profile = replace(CALM, quote_ms=None)
    async with rig(tmp_path, profile) as r:
        await r.push(100)
        before = len(asyncio.all_tasks())
        ids = [await r.send(sell()) for _ in range(300)]
        await r.push(1_000)
        standing = [(await r.order(order_id)).status for order_id in ids]
        assert standing.count(Status.SUBMITTED) == 300
        assert len(asyncio.all_tasks()) == before


async def test_a_stop_at_any_moment_loses_no_order(tmp_path: Path) -> None:
    for moment_ms in (0, 50, 150, 250, 500, 2_500, 3_500):
        path = tmp_path / str(moment_ms)
        path.mkdir()
        async with rig(path) as r:
            ids = [await r.send(sell()) for _ in range(5)]
            await r.push(moment_ms)
        async with rig(path) as r:
            for order_id in ids:
                order = await r.until_closed(order_id)
                assert order.status is Status.CONFIRMED
                kinds = await r.kinds(order_id)
                assert kinds.count("landed") == 1


async def test_a_drain_ends_running_executions_and_starts_no_other(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        first = await r.send(sell())
        await r.push(50)
        assert (await r.order(first)).status is Status.ROUTING
        async with asyncio.TaskGroup() as tasks:
            drain = tasks.create_task(r.engine.drain())
            await asyncio.sleep(0)
            assert not drain.done()
            await r.push(1_000)
            assert drain.done()
        assert (await r.order(first)).status is Status.SUBMITTED
        # It lands now. Recording that would be another execution.
        await r.push(20_000)
        assert (await r.order(first)).status is Status.SUBMITTED
    async with rig(tmp_path) as r:
        assert (await r.until_closed(first)).status is Status.CONFIRMED


async def test_an_order_the_engine_cannot_get_on_with_is_parked_as_our_fault(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, market=BrokenMarket) as r:
        order = await r.until_closed(await r.send(sell()))
    assert order.status is Status.FAILED
    assert order.fault is not None
    assert order.fault.blame == "house"


async def test_a_store_that_goes_away_at_the_end_of_a_turn_does_not_end_the_engine(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, kinds=(Forgetful, PaperChain)) as r:
        ids = [await r.send(sell()) for _ in range(3)]
        for order_id in ids:
            assert (await r.until_closed(order_id)).status is Status.CONFIRMED
        assert r.store.lost > 0


async def test_orders_past_the_rate_wait_and_none_is_lost(tmp_path: Path) -> None:
    limits = EngineLimits(orders_per_minute=60)
    async with rig(tmp_path, replace(INSTANT, slot_ms=Millis(50)), limits) as r:
        ids = [await r.send(sell()) for _ in range(4)]
        for order_id in ids:
            await r.until_closed(order_id)
        started = [(await r.times(order_id, "started"))[0] for order_id in ids]
    # The sweep at the start may claim the first order before its own wake-up: then it is second.
    assert all(0 <= one - 1_000 * n <= 100 for n, one in enumerate(sorted(started)))


async def test_a_cancel_does_not_wait_for_the_rate(tmp_path: Path) -> None:
    async with rig(tmp_path, limits=EngineLimits(orders_per_minute=1)) as r:
        ids = [await r.send(sell()) for _ in range(3)]
        await r.push(500)
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(r.engine.cancel(ids[2], LOCAL))
            await r.push(200)
        answer = asked.result()
    assert answer is not None
    assert answer[0] == "cancelled"


async def test_backoff_is_what_was_set(tmp_path: Path) -> None:
    limits = EngineLimits(backoff=Backoff(Millis(10_000)))
    profile = replace(CALM, reverted_ppm=1_000_000)
    async with rig(tmp_path, profile, limits) as r:
        order_id = await r.send(sell())
        await r.until_closed(order_id)
        told = await r.engine.history(order_id)
    waits = [
        event.event.wake_at - event.entry.at
        for event in told
        if event.entry.kind == "retry_scheduled"
    ]
    assert waits == [10_000, 20_000]


async def test_the_gauges_tell_what_is_open_and_for_how_long_it_flew(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for _ in range(3):
            await r.send(sell())
        await r.push(1_250)
        await r.engine.measure()
        assert metrics.OPEN._value.get() == 3
        assert metrics.IN_FLIGHT._value.get() == 3
        assert 0.9 < metrics.OLDEST_IN_FLIGHT._value.get() <= 1.25
        await r.push(6_000)
        await r.engine.measure()
        assert metrics.OPEN._value.get() == metrics.IN_FLIGHT._value.get() == 0


async def test_no_crowd_and_no_hanging_venue_holds_up_what_has_landed(tmp_path: Path) -> None:
    class Market(HangingMarket):
        hanging: tuple[str, ...] = ()

    async with rig(tmp_path, market=Market) as r:
        first = await r.send(sell())
        await r.push(600)
        Market.hanging = ("raydium", "meteora")
        for _ in range(400):
            await r.send(sell())
        assert (await r.order(first)).status is Status.SUBMITTED
        await r.push(2_800)
        assert (await r.order(first)).status is Status.CONFIRMED
