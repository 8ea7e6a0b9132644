"""Prove that whoever listens in one process hears what is written in another, bells or no bells."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cambist.clock import ManualClock
from cambist.coordination import multi_process_bus
from cambist.coordination.multi_process_bus import MultiProcessEventBus
from cambist.engine.event_following import PrincipalSubscription, follow_order
from cambist.orders import events
from cambist.orders.order import Order
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import LOCAL, OrderId
from tests import order_factory
from tests.contracts.store_harness import change

WAIT_S = 10


class Two:
    """A store written here, and a hub there that hears of it by bells which may be lost."""

    def __init__(
        self, store: SqliteStore, here: MultiProcessEventBus, there: MultiProcessEventBus
    ) -> None:
        self.store, self.here, self.there = store, here, there

    async def born(self, number: int) -> Order:
        birth = order_factory.birth(number)
        await self.store.add(birth)
        held = await self.store.claim(birth.event.order.id)
        assert held is not None
        return held

    async def note(self, order: Order, count: int) -> Order:
        for _ in range(count):
            order = await self.store.commit(
                order, change(events.CancelRequested()), order_factory.START
            )
        return order

    async def close(self, order: Order) -> Order:
        return await self.store.commit(order, change(events.Cancelled()), order_factory.START)


@asynccontextmanager
async def two(folder: Path, *, deaf: bool = False) -> AsyncIterator[Two]:
    clock = ManualClock()
    hubs: list[MultiProcessEventBus] = []

    def ring(_: int) -> None:
        if not deaf:
            hubs[1].notify()

    store = SqliteStore(
        folder / "orders.db", lambda *news: hubs[0].publish(*news), owner="me", inline=True
    )
    hubs += [
        MultiProcessEventBus(store, clock, ring),
        MultiProcessEventBus(store, clock, lambda _: None),
    ]
    await store.open()
    running = [asyncio.create_task(hub.run()) for hub in hubs]
    await asyncio.sleep(0)
    try:
        yield Two(store, *hubs)
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await store.close()


async def follow_one(house: Two, hub: MultiProcessEventBus, order_id: OrderId) -> list[int]:
    async with asyncio.timeout(WAIT_S):
        return [
            event.entry.seq
            async for heard in follow_order(house.store, hub, order_id)
            for event in heard.events
        ]


async def test_an_order_written_elsewhere_is_followed_to_its_end(tmp_path: Path) -> None:
    async with two(tmp_path) as house:
        order = await house.born(1)
        both = [
            asyncio.create_task(follow_one(house, hub, order.id))
            for hub in (house.here, house.there)
        ]
        await asyncio.sleep(0.01)
        order = await house.close(await house.note(order, 20))
        assert [await one for one in both] == [list(range(1, order.last_seq + 1))] * 2


async def test_without_any_bell_it_takes_a_look_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multi_process_bus, "LOOK_EVERY_MS", 5)
    async with two(tmp_path, deaf=True) as house:
        order = await house.born(1)
        heard = asyncio.create_task(follow_one(house, house.there, order.id))
        await asyncio.sleep(0.01)
        order = await house.close(await house.note(order, 20))
        assert await heard == list(range(1, order.last_seq + 1))


async def test_all_orders_are_heard_in_the_order_of_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multi_process_bus, "LINES_PAGE", 3)
    async with two(tmp_path) as house:
        feeds = [
            PrincipalSubscription(house.store, hub, LOCAL).follow(0)
            for hub in (house.here, house.there)
        ]
        orders = [await house.born(number) for number in range(5)]
        dice = random.Random(1)
        for _ in range(30):
            number = dice.randrange(len(orders))
            orders[number] = await house.note(orders[number], dice.randrange(1, 3))
        end = await house.store.last_position()
        for feed in feeds:
            places: list[int] = []
            async with asyncio.timeout(WAIT_S):
                async for heard in feed:
                    assert not heard.lagged
                    places += [event.position for event in heard.events]
                    if heard.seen == end:
                        break
            assert places == list(range(1, end + 1))
            await feed.aclose()  # type: ignore[attr-defined]


async def test_who_hears_at_once_is_not_sent_to_read_it_again(tmp_path: Path) -> None:
    async with two(tmp_path) as house:
        order = await house.born(1)
        listener = house.here.subscribe(order.id)
        await house.note(order, 3)
        told = [one.entry.seq for one in await listener.next(1_000) or ()]
        assert told == [2, 3, 4]
        await house.here._poll(0)
        assert await listener.next(0) is None
        listener.close()


async def test_who_listens_before_the_first_look_is_over_misses_nothing(tmp_path: Path) -> None:
    async with two(tmp_path, deaf=True) as house:
        order = await house.born(1)
        hub = MultiProcessEventBus(house.store, ManualClock(), lambda _: None)
        listener = hub.subscribe(order.id)
        to_all = hub.subscribe_principal(LOCAL)
        await house.note(order, 1)
        await hub._poll(None)
        assert [await one.next(0) for one in (listener, to_all)] == [(), ()]
