"""Hold the lanes to counting what senders left behind, until it is answered."""

from __future__ import annotations

import asyncio

from cambist.stores.write_queue import (
    BATCH_INTAKE_MIN,
    BATCH_ITEMS_MAX,
    WriteQueue,
    resolve,
)


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


async def test_new_orders_have_a_part_of_every_batch_however_much_else_waits() -> None:
    queue: WriteQueue[str, int] = WriteQueue(lambda: None)
    for _ in range(3 * BATCH_ITEMS_MAX):
        queue.put_settlement("move")
    for _ in range(2 * BATCH_INTAKE_MIN):
        queue.put_intake("new")
    batches = [[waiting.item for waiting in queue.batch()] for _ in range(5)]
    assert [batch.count("new") for batch in batches[:3]] == [BATCH_INTAKE_MIN] * 2 + [0]
    assert all(len(batch) == BATCH_ITEMS_MAX for batch in batches[:3])
    assert sum(map(len, batches)) == 3 * BATCH_ITEMS_MAX + 2 * BATCH_INTAKE_MIN
    assert batches[0].index("new") == BATCH_ITEMS_MAX - BATCH_INTAKE_MIN, "moves come first"
