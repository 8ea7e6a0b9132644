"""Halt an engine in the middle of an order: it waits unsigned, or is watched to its end."""

from collections.abc import Sequence
from pathlib import Path

from cambist.orders.order import Status
from cambist.orders.terms import Terms
from cambist.paper.adapters import PaperMarket
from cambist.values.time_units import add_ms
from cambist.values.token import Pair
from cambist.venues.pool import Pool
from tests.engine.engine_harness import rig, sell


async def test_an_order_that_was_not_signed_waits_and_goes_on_after_the_halt(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as house:
        order_id = await house.send(sell())
        await house.engine.halt("ann", "the market is on fire")
        await house.push(20_000)
        waiting = await house.order(order_id)
        assert not waiting.is_closed
        assert waiting.attempt is None
        assert "signed" not in await house.kinds(order_id)
        await house.engine.resume("ann", "it is out")
        assert (await house.until_closed(order_id)).status is Status.CONFIRMED


async def test_what_is_in_flight_is_watched_to_its_end(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        order_id = await house.send(sell())
        while (await house.order(order_id)).in_flight is None:
            await house.push(50)
        await house.engine.halt("ann", "the market is on fire")
        assert (await house.until_closed(order_id)).status is Status.CONFIRMED


async def test_a_waiting_order_can_be_cancelled_under_a_halt(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        order_id = await house.send(sell())
        await house.engine.halt("ann", "the market is on fire")
        await house.push(5_000)
        await house.store.request_cancel(order_id, house.clock.now())
        assert (await house.until_closed(order_id)).status is Status.CANCELLED


async def test_under_a_halt_orders_wait_and_nobody_is_asked_again_and_again(
    tmp_path: Path,
) -> None:
    class Counting(PaperMarket):
        asked = 0

        async def pools(self, venue: str, pair: Pair, reference: str) -> Sequence[Pool]:
            type(self).asked += 1
            return await super().pools(venue, pair, reference)

    async with rig(tmp_path, market=Counting) as house:
        orders = [await house.send(sell()) for _ in range(5)]
        await house.engine.halt("ann", "the market is on fire")
        await house.push(10_000)
        asked = Counting.asked
        await house.push(30_000)
        assert Counting.asked == asked
        await house.engine.resume("ann", "it is out")
        for order_id in orders:
            assert (await house.until_closed(order_id)).status is Status.CONFIRMED


async def test_an_order_whose_time_is_over_ends_under_a_halt(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        deadline = add_ms(house.clock.now(), 8_000)
        order_id = await house.send(sell(terms=Terms(deadline=deadline)))
        await house.engine.halt("ann", "the market is on fire")
        await house.push(5_000)
        assert not (await house.order(order_id)).is_closed
        assert (await house.until_closed(order_id, 10_000)).status is Status.EXPIRED
