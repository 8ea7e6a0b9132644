"""Halt an engine in the middle of an order: it waits unsigned, or is watched to its end."""

from pathlib import Path

from cambist.orders.order import Status
from tests.engine.rig import rig, sell


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
        await house.store.note_cancel(order_id, house.clock.now())
        assert (await house.until_closed(order_id)).status is Status.CANCELLED
