"""Hold the shared token buckets to the same model, and to an answer in time when Redis has none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cambist.clock import ManualClock, SystemClock
from cambist.coordination.memory_rate_limits import InMemoryRateLimiter, PartitionedRateLimiter
from cambist.coordination.redis import rate_limits
from cambist.coordination.redis.client import RedisAddress
from cambist.coordination.redis.rate_limits import RATE_PREFIX, RedisRateLimiter
from cambist.ports.rate_limits import RateLimit
from tests.coordination.waiting import until
from tests.servers.valkey import Valkey

pytestmark = pytest.mark.redis
SLOW = RateLimit(1, 10)
"""One a minute: nothing comes back while a test runs."""
QUICK = RateLimit(6_000, 3)


@asynccontextmanager
async def process(server: Valkey, processes: int = 1) -> AsyncIterator[RedisRateLimiter]:
    clock = SystemClock()
    alone = PartitionedRateLimiter(InMemoryRateLimiter(clock), processes)
    limits = RedisRateLimiter(clock, RedisAddress(server.url), alone)
    running = asyncio.create_task(limits.line.run())
    try:
        await until(lambda: limits.line.is_up)
        yield limits
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_all_processes_together_get_one_allowance(breakable_valkey: Valkey) -> None:
    async with process(breakable_valkey) as one, process(breakable_valkey) as other:
        waits = [await each.try_acquire("k:a", 1, SLOW) for _ in range(10) for each in (one, other)]
    assert sum(wait == 0 for wait in waits) == 10
    assert all(50_000 < wait <= 60_000 for wait in waits if wait)


async def test_a_crowd_at_once_gets_no_more_than_the_burst(breakable_valkey: Valkey) -> None:
    async with process(breakable_valkey) as one, process(breakable_valkey) as other:
        waits = await asyncio.gather(
            *(each.try_acquire("k:a", 3, SLOW) for _ in range(50) for each in (one, other))
        )
    assert sum(wait == 0 for wait in waits) == 3


async def test_what_is_waited_for_is_there(breakable_valkey: Valkey) -> None:
    async with process(breakable_valkey) as limits:
        while not (wait := await limits.try_acquire("k:a", 1, QUICK)):
            continue
        await asyncio.sleep((wait + 2) / 1_000)
        assert await limits.try_acquire("k:a", 1, QUICK) == 0


async def test_a_full_bucket_takes_no_room(breakable_valkey: Valkey) -> None:
    async with process(breakable_valkey) as limits:
        assert await limits.try_acquire("k:a", 1, QUICK) == 0
        await asyncio.sleep(0.02)
        async with RedisAddress(breakable_valkey.url).dial() as line:
            assert await line.ask("EXISTS", RATE_PREFIX + "k:a") == 0


async def test_a_bucket_somebody_spoilt_is_a_full_one(breakable_valkey: Valkey) -> None:
    async with process(breakable_valkey) as limits:
        async with RedisAddress(breakable_valkey.url).dial() as line:
            await line.ask("SET", RATE_PREFIX + "k:a", "nonsense")
        assert await limits.try_acquire("k:a", 1, SLOW) == 0


@pytest.mark.parametrize("how", ["freeze", "kill9"])
async def test_without_an_answer_each_process_has_its_share(
    breakable_valkey: Valkey, how: str
) -> None:
    async with process(breakable_valkey, 2) as one, process(breakable_valkey, 2) as other:
        getattr(breakable_valkey, how)()
        waits = [await each.try_acquire("k:a", 1, SLOW) for _ in range(10) for each in (one, other)]
        breakable_valkey.thaw()
    assert sum(wait == 0 for wait in waits) == 10


async def test_one_call_waits_for_a_frozen_redis_and_the_next_ones_do_not(
    breakable_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Alone(InMemoryRateLimiter):
        async def try_acquire(self, bucket: str, cost: int, limit: RateLimit):  # type: ignore[no-untyped-def]
            asked.append(bucket)
            return await super().try_acquire(bucket, cost, limit)

    clock = SystemClock()
    limits = RedisRateLimiter(clock, RedisAddress(breakable_valkey.url), Alone(clock))
    running = asyncio.create_task(limits.line.run())
    await until(lambda: limits.line.is_up)
    monkeypatch.setattr(rate_limits, "APART_MS", 600_000)
    breakable_valkey.freeze()
    await limits.try_acquire("k:first", 1, SLOW)
    breakable_valkey.thaw()
    await limits.try_acquire("k:second", 1, SLOW)
    assert asked == ["k:first", "k:second"]
    assert not limits._asked
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(("processes", "cost", "granted"), [(1, 1, 10), (3, 1, 3), (20, 1, 1)])
async def test_a_share_is_rounded_down_and_never_nothing(
    processes: int, cost: int, granted: int
) -> None:
    limits = PartitionedRateLimiter(InMemoryRateLimiter(ManualClock()), processes)
    waits = [await limits.try_acquire("k:a", cost, SLOW) for _ in range(12)]
    assert sum(wait == 0 for wait in waits) == granted


async def test_what_the_whole_allows_at_once_a_share_allows_too() -> None:
    clock = ManualClock()
    limits = PartitionedRateLimiter(InMemoryRateLimiter(clock), 4)
    assert await limits.try_acquire("k:a", 10, SLOW) == 0
    wait = await limits.try_acquire("k:a", 10, SLOW)
    await clock.push(wait)
    assert await limits.try_acquire("k:a", 10, SLOW) == 0
