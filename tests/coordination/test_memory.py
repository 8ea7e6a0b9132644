"""Prove that alarms ring in order and once, and that a slow listener is told what it lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cambist.clock import ManualClock
from cambist.coordination.memory import (
    ALARM_TICK_MS,
    SUBSCRIPTION_FACTS_MAX,
    InMemoryEventBus,
    InMemoryWakeupQueue,
)
from cambist.orders import events
from cambist.orders.journal import RecordedEvent, append
from cambist.ports.event_bus import PositionedEvent
from cambist.ports.wakeups import Wakeup
from cambist.values.ids import LOCAL, OrderId
from cambist.values.time_units import Timestamp
from tests import order_factory


class Doorbell:
    """A doorbell whose clock is pushed, and what it rang, each with the instant."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.start = self.clock.now()
        self.wakeups = InMemoryWakeupQueue(self.clock)
        self.rung: list[tuple[int, OrderId]] = []

    async def listen(self) -> None:
        while True:
            bell = await self.wakeups.get()
            self.rung.append((self.clock.now() - self.start, bell.order_id))

    async def __aenter__(self) -> Doorbell:
        self._tasks = [
            asyncio.create_task(self.wakeups.run()),
            asyncio.create_task(self.listen()),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def at(self, name: str, milliseconds: int) -> None:
        self.wakeups.notify_at(OrderId(name), Timestamp(self.start + milliseconds))


@pytest.fixture
async def doorbell() -> AsyncIterator[Doorbell]:
    async with Doorbell() as one:
        yield one


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(waits=st.lists(st.integers(-100, 500), max_size=12))
async def test_alarms_ring_in_order_and_once(waits: list[int]) -> None:
    async with Doorbell() as doorbell:
        for number, wait in enumerate(waits):
            doorbell.at(str(number), wait)
        await doorbell.clock.push(2_000)
    assert sorted(name for _, name in doorbell.rung) == sorted(map(str, range(len(waits))))
    due = [waits[int(name)] for _, name in doorbell.rung]
    assert [max(wait, 0) for wait in due] == sorted(max(wait, 0) for wait in due)
    for (rung, _), wait in zip(doorbell.rung, due, strict=True):
        assert max(wait, 0) <= rung <= max(wait, 0) + ALARM_TICK_MS


async def test_an_alarm_does_not_ring_early(doorbell: Doorbell) -> None:
    doorbell.at("one", 1_000)
    await doorbell.clock.push(999)
    assert not doorbell.rung
    await doorbell.clock.push(1)
    assert doorbell.rung == [(1_000, "one")]
    await doorbell.clock.push(100_000)
    assert len(doorbell.rung) == 1


async def test_a_nearer_alarm_overtakes_one_that_is_set(doorbell: Doorbell) -> None:
    doorbell.at("far", 60_000)
    await doorbell.clock.push(10)
    doorbell.at("near", 100)
    await doorbell.clock.push(200)
    assert [name for _, name in doorbell.rung] == ["near"]


async def test_an_order_has_one_alarm_the_nearest(doorbell: Doorbell) -> None:
    for wait in (500, 900, 300, 300, 700):
        doorbell.at("one", wait)
    await doorbell.clock.push(2_000)
    assert doorbell.rung == [(300, "one")], "else orders that are tried in vain gather alarms"
    doorbell.at("one", 2_100)
    await doorbell.clock.push(200)
    assert doorbell.rung[1:] == [(2_100, "one")]


async def test_bells_ring_at_once_in_the_order_they_were_rung() -> None:
    wakeups = InMemoryWakeupQueue(ManualClock())
    for name in ("one", "two", "one"):
        wakeups.notify(Wakeup(OrderId(name)))
    assert [(await wakeups.get()).order_id for _ in range(3)] == ["one", "two", "one"]


async def test_who_waits_is_woken(doorbell: Doorbell) -> None:
    doorbell.wakeups.notify(Wakeup(OrderId("one")))
    await doorbell.clock.settle()
    assert doorbell.rung == [(0, "one")]


# ------------------------------------------------------------------------------------- the bus


def news(number: int = 0, facts: int = 1, principal: str = LOCAL) -> list[RecordedEvent]:
    """Write a life of so many lines."""
    told = order_factory.born(number, principal=principal)
    cancels = [events.CancelRequested()] * (facts - 1)
    return [told, *append(told.order, cancels, order_factory.START)]


def publish(
    bus: InMemoryEventBus, told: Sequence[RecordedEvent], first: int = 1
) -> list[PositionedEvent]:
    """Tell news whose places begin at `first`."""
    places = range(first, first + len(told))
    bus.publish(told, places)
    return [PositionedEvent(place, one) for place, one in zip(places, told, strict=True)]


async def test_a_listener_hears_its_order_and_no_other() -> None:
    bus = InMemoryEventBus()
    mine, yours = news(1, 3), news(2, 3)
    listener = bus.subscribe(mine[0].order.id)
    publish(bus, [one for pair in zip(mine, yours, strict=True) for one in pair])
    assert await listener.next(0) == tuple(mine)
    assert await listener.next(0) is None


async def test_a_principal_hears_all_its_orders_and_nobody_elses() -> None:
    bus = InMemoryEventBus()
    listener = bus.subscribe_principal(LOCAL)
    told = publish(bus, [*news(1), *news(3, principal="ann"), *news(2)], first=5)
    assert await listener.next(0) == (told[0], told[2])
    assert [event.position for event in told] == [5, 6, 7]


async def test_who_listens_later_hears_only_what_is_later() -> None:
    bus = InMemoryEventBus()
    told = news(1, 2)
    publish(bus, told[:1])
    listener = bus.subscribe_principal(LOCAL)
    later = publish(bus, told[1:], first=2)
    assert await listener.next(0) == tuple(later)


async def test_a_listener_that_waits_is_woken() -> None:
    bus = InMemoryEventBus()
    listener = bus.subscribe_principal(LOCAL)
    waiting = asyncio.create_task(listener.next(60_000))
    await asyncio.sleep(0)
    told = publish(bus, news())
    assert await waiting == tuple(told)


async def test_a_lagging_listener_is_told_and_hears_again_after_resuming() -> None:
    bus = InMemoryEventBus()
    told = news(1, SUBSCRIPTION_FACTS_MAX + 3)
    listener = bus.subscribe_principal(LOCAL)
    publish(bus, told[:SUBSCRIPTION_FACTS_MAX])
    assert not listener.lagged
    publish(bus, told[SUBSCRIPTION_FACTS_MAX:-1])
    assert listener.lagged
    assert await listener.next(60_000) is None, "it is told at once"
    assert await listener.next(60_000) is None, "until it resumes"
    listener.resume()
    assert not listener.lagged
    last = publish(bus, told[-1:])
    assert await listener.next(0) == tuple(last)


async def test_one_laggard_slows_nobody_else() -> None:
    bus = InMemoryEventBus()
    told = news(1, 2 * SUBSCRIPTION_FACTS_MAX)
    slow, quick = bus.subscribe(told[0].order.id), bus.subscribe(told[0].order.id)
    heard: list[RecordedEvent] = []
    for event in told:
        publish(bus, [event])
        heard += await quick.next(0) or ()
    assert heard == told
    assert slow.lagged


async def test_closed_subscriptions_are_forgotten() -> None:
    bus = InMemoryEventBus()
    ids = [news(number)[0].order.id for number in range(50)] * 2
    listeners = [*(bus.subscribe(one) for one in ids), bus.subscribe_principal(LOCAL)]
    assert len(bus._of_orders._by_topic) == 50
    for listener in listeners:
        listener.close()
        listener.close()
    assert not bus._of_orders
    assert not bus._of_principals
    publish(bus, news())
