"""States all that whoever carries signals must do: the doorbell, and the news.

A carrier's own test module subclasses `SignalsContract` and gives it a fixture `town`. It says
nothing of loss: a carrier may lose what it likes while it is away, and is tested for that apart.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from cambist.engine.event_following import PrincipalSubscription, follow_order
from cambist.orders.steps import AttemptReport
from cambist.ports.wakeups import Wakeup, WakeupQueue
from cambist.values.ids import LOCAL, OrderId, Signature
from cambist.values.time_units import Timestamp
from tests.coordination.multi_process import Town

WITHIN_S = 10


async def heard(wakeups: WakeupQueue, number: int) -> list[Wakeup]:
    """Wait for so many rings."""
    async with asyncio.timeout(WITHIN_S):
        return [await wakeups.get() for _ in range(number)]


def names(number: int) -> list[OrderId]:
    return [OrderId(f"018bcfe5-6800-7000-8000-{one:012x}") for one in range(number)]


class Ringing:
    """What a doorbell promises."""

    async def test_who_serves_is_heard_by_who_works(self, town: Town) -> None:
        for name in names(5):
            town.api.wakeups.notify(Wakeup(name))
        assert [batch.order_id for batch in await heard(town.worker.wakeups, 5)] == names(5)

    async def test_who_works_hears_itself_first_and_keeps_its_notes(self, town: Town) -> None:
        note = AttemptReport(Signature("signed"), ())
        town.worker.wakeups.notify(Wakeup(OrderId("mine"), note))
        assert await heard(town.worker.wakeups, 1) == [Wakeup(OrderId("mine"), note)]

    async def test_a_crowd_of_bells_is_heard_whole(self, town: Town) -> None:
        for name in names(1_000):
            town.api.wakeups.notify(Wakeup(name))
        came = {batch.order_id for batch in await heard(town.worker.wakeups, 1_000)}
        assert came == set(names(1_000))

    async def test_an_alarm_rings_where_it_was_set(self, town: Town) -> None:
        running = asyncio.create_task(town.worker.wakeups.run())
        town.worker.wakeups.notify_at(OrderId("late"), Timestamp(0))
        assert await heard(town.worker.wakeups, 1) == [Wakeup(OrderId("late"))]
        running.cancel()


class Listening:
    """What a bus promises."""

    async def test_what_is_written_elsewhere_is_followed_to_its_end(self, town: Town) -> None:
        order = await town.born(1)

        async def hear() -> list[int]:
            told = follow_order(town.store, town.api.bus, order.id)
            return [event.entry.seq async for heard in told for event in heard.events]

        async with asyncio.timeout(WITHIN_S):
            hearing = asyncio.create_task(hear())
            await asyncio.sleep(0.01)
            order = await town.close(await town.note(order, 20))
            assert await hearing == list(range(1, order.last_seq + 1))

    async def test_who_listens_to_all_hears_all_in_order(self, town: Town) -> None:
        places: list[int] = []
        async with (
            asyncio.timeout(WITHIN_S),
            aclosing(PrincipalSubscription(town.store, town.api.bus, LOCAL).follow(0)) as feed,  # type: ignore[type-var]
        ):
            await anext(feed)
            for number in range(5):
                await town.close(await town.note(await town.born(number), 3))
            async for heard in feed:
                places += [event.position for event in heard.events]
                if heard.seen == await town.store.last_position():
                    break
        assert places == list(range(1, 26))

    async def test_who_wrote_it_hears_it_at_once(self, town: Town) -> None:
        order = await town.born(1)
        listener = town.worker.bus.subscribe(order.id)
        order = await town.note(order, 2)
        came = await listener.next(0)
        assert came is not None
        assert [one.entry.seq for one in came] in ([2, 3], [])
        listener.close()


class SignalsContract(Ringing, Listening):
    """Everything a carrier of signals promises."""
