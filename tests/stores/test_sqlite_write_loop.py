"""Hold the write loop to its order, its batches and its end, with a database that can be paused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from cambist.stores.sqlite.write_loop import SqliteWriteLoop


class Database:
    """Notes the batches it is given; while it is held, a batch does not end."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()
        self.entered = threading.Event()

    def apply(self, batch: Sequence[int]) -> list[int | BaseException]:
        self.batches.append(list(batch))
        self.entered.set()
        assert self.free.wait(10)
        return [ValueError(item) if item < 0 else item * 10 for item in batch]


def ignore(_batch: Sequence[int], _results: Sequence[int | BaseException]) -> None:
    """Publish nothing."""


@pytest.mark.parametrize("inline", [True, False], ids=["inline", "in a thread"])
async def test_writes_of_one_turn_of_the_loop_are_one_batch(*, inline: bool) -> None:
    database = Database()
    loop: SqliteWriteLoop[int, int] = SqliteWriteLoop(database.apply, ignore, inline=inline)
    loop.start()
    writes = [loop.lanes.put_settlement(number) for number in range(5)]
    assert await asyncio.gather(*writes) == [0, 10, 20, 30, 40]
    assert database.batches == [[0, 1, 2, 3, 4]]
    await loop.stop()


async def test_what_comes_during_a_commit_goes_together_with_what_its_result_brings() -> None:
    database = Database()
    loop: SqliteWriteLoop[int, int] = SqliteWriteLoop(database.apply, ignore)
    loop.start()
    database.free.clear()

    async def write_and_go_on() -> None:
        await loop.lanes.put_settlement(1)
        await loop.lanes.put_settlement(4)

    going = asyncio.create_task(write_and_go_on())
    await asyncio.to_thread(database.entered.wait, 10)
    others = [loop.lanes.put_settlement(number) for number in (2, 3)]
    database.free.set()
    await asyncio.gather(going, *others)
    assert database.batches == [[1], [2, 3, 4]]
    await loop.stop()


async def test_results_are_published_in_order_before_any_sender_goes_on() -> None:
    happened: list[str] = []
    database = Database()

    def publish(batch: Sequence[int], _results: Sequence[int | BaseException]) -> None:
        happened.append(f"published {list(batch)}")

    loop: SqliteWriteLoop[int, int] = SqliteWriteLoop(database.apply, publish)
    loop.start()

    async def write(number: int) -> None:
        await loop.lanes.put_settlement(number)
        happened.append(f"answered {number}")

    for number in range(3):
        await write(number)
    await loop.stop()
    expected = [(f"published [{number}]", f"answered {number}") for number in range(3)]
    assert happened == [line for both in expected for line in both]


@pytest.mark.parametrize("inline", [True, False], ids=["inline", "in a thread"])
async def test_a_stop_writes_all_that_waits_first(*, inline: bool) -> None:
    database = Database()
    loop: SqliteWriteLoop[int, int] = SqliteWriteLoop(database.apply, ignore, inline=inline)
    loop.start()
    writes = [loop.lanes.put_settlement(number) for number in range(600)]
    await loop.stop()
    assert [write.result() for write in writes] == [number * 10 for number in range(600)]


async def test_a_listener_that_fails_keeps_no_sender_waiting() -> None:
    database, failures = Database(), 0

    def fail(_batch: Sequence[int], _results: Sequence[int | BaseException]) -> None:
        nonlocal failures
        failures += 1
        raise RuntimeError

    running = asyncio.get_running_loop()
    running.set_exception_handler(lambda _loop, _context: None)
    try:
        loop: SqliteWriteLoop[int, int] = SqliteWriteLoop(database.apply, fail)
        loop.start()
        for number in range(2):
            assert await loop.lanes.put_settlement(number) == number * 10
        await loop.stop()
    finally:
        running.set_exception_handler(None)
    assert failures == len(database.batches) == 2
