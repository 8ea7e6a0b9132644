"""Hold the lanes to counting what senders left behind, until it is answered."""

from __future__ import annotations

import asyncio

from cambist.stores.write_queue import WriteQueue, resolve


async def test_orders_count_from_when_their_sender_goes_away_until_they_are_answered() -> None:
    queue: WriteQueue[str, int] = WriteQueue(lambda: None)
    gone, stays = queue.put_intake("two orders", 2), queue.put_intake("one order")
    assert queue.abandoned.orders == 0
    gone.cancel()
    await asyncio.sleep(0)
    assert queue.abandoned.orders == 2
    batch = queue.batch()
    assert queue.abandoned.orders == 2, "taken is not yet written"
    resolve(batch, [1, 1])
    assert queue.abandoned.orders == 0
    resolve(batch, [1, 1])
    assert queue.abandoned.orders == 0
    assert await stays == 1


async def test_who_goes_away_after_the_answer_leaves_nothing_behind() -> None:
    queue: WriteQueue[str, int] = WriteQueue(lambda: None)
    future = queue.put_intake("one order")
    resolve(queue.batch(), [1])
    future.cancel()
    await asyncio.sleep(0)
    assert queue.abandoned.orders == 0


async def test_a_move_that_is_given_up_is_no_order_left_behind() -> None:
    queue: WriteQueue[str, int] = WriteQueue(lambda: None)
    queue.put_settlement("a move").cancel()
    await asyncio.sleep(0)
    assert queue.abandoned.orders == 0


async def test_who_goes_away_in_the_moment_of_the_answer_is_never_counted() -> None:
    queue: WriteQueue[str, int] = WriteQueue(lambda: None)
    future = queue.put_intake("one order")
    batch = queue.batch()
    future.cancel()
    resolve(batch, [1])
    await asyncio.sleep(0)
    assert queue.abandoned.orders == 0
