"""Promise that a seed decides everything, that time costs nothing, and that the dead stay dead."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.simulation.clock import SimClock
from tests.simulation.loop import Body, Deadlock, VirtualLoop


def play(main: Any, seed: object = 0, bodies: list[Body] | None = None) -> Any:
    """Run a coroutine function on a loop of its own."""
    loop = VirtualLoop(seed)
    try:
        return loop.run_until_complete(main(loop))
    finally:
        loop.unwind(bodies or [])


async def _race(_: VirtualLoop) -> str:
    said: list[str] = []

    async def runner(name: str) -> None:
        for _ in range(4):
            said.append(name)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(runner(name))
    return "".join(said)


def test_the_same_seed_picks_the_same_and_another_does_not() -> None:
    assert play(_race, 1) == play(_race, 1)
    assert len({play(_race, seed) for seed in range(20)}) > 10


def test_an_hour_takes_no_time_and_ends_where_it_should() -> None:
    async def main(loop: VirtualLoop) -> int:
        clock = SimClock(loop)
        await clock.sleep(3_600_000)
        return clock.monotonic_ms()

    assert play(main) == 3_600_000


def test_a_wall_clock_steps_and_the_other_one_does_not() -> None:
    async def main(loop: VirtualLoop) -> tuple[int, int]:
        clock = SimClock(loop)
        before = clock.now()
        clock.stepped_ms = -3_600_000
        await clock.sleep(5)
        return clock.now() - before, clock.monotonic_ms()

    assert play(main) == (-3_599_995, 5)


def test_waiting_for_ever_is_a_deadlock() -> None:
    async def main(_: VirtualLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        play(main)


def test_no_thread_and_no_socket() -> None:
    async def main(_: VirtualLoop) -> None:
        await asyncio.to_thread(print)

    with pytest.raises(RuntimeError):
        play(main)


def test_what_asyncio_offers_works() -> None:
    async def main(_: VirtualLoop) -> list[int]:
        queue: asyncio.Queue[int] = asyncio.Queue(2)
        got: list[int] = []

        async def reader() -> None:
            got.extend([await queue.get() for _ in range(5)])

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(reader())
            for number in range(5):
                await queue.put(number)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.Event().wait()
        return got

    assert play(main) == [0, 1, 2, 3, 4]


def test_a_dead_process_does_nothing_more_wherever_it_was() -> None:
    for callbacks in range(12):
        body, done = Body("one"), list[int]()

        async def main(
            loop: VirtualLoop, body: Body = body, done: list[int] = done, after: int = callbacks
        ) -> int:
            async def work() -> None:
                for number in range(100):
                    done.append(number)
                    await asyncio.sleep(0)

            def die() -> None:
                body.runs = False

            body.set_fuse(after, die)
            loop.spawn(work(), body)
            await asyncio.sleep(1)
            return len(done)

        assert play(main, bodies=[body]) == callbacks


def test_a_stopped_process_goes_on_where_it_stopped() -> None:
    body = Body("one")

    async def main(loop: VirtualLoop) -> list[int]:
        clock, seen = SimClock(loop), list[int]()

        async def work() -> None:
            while True:
                await clock.sleep(10)
                seen.append(clock.monotonic_ms())

        loop.spawn(work(), body)
        await clock.sleep(25)
        body.runs = False
        await clock.sleep(100)
        body.runs = True
        loop.ready.extend(body.parked)
        body.parked.clear()
        await clock.sleep(12)
        return seen

    assert play(main, bodies=[body]) == [10, 20, 125, 135]
