"""Hold the token buckets to a model: never more than the burst and what the time since brought."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.clock import ManualClock
from cambist.coordination.memory_rate_limits import InMemoryRateLimiter
from cambist.ports.rate_limits import RateLimit, RateLimiter

MINUTE = 60_000
ALLOWANCES = st.builds(RateLimit, st.integers(1, 10_000), st.integers(1, 500))
STEPS = st.lists(
    st.tuples(st.integers(0, 2 * MINUTE), st.sampled_from("ab"), st.integers(1, 120)), max_size=60
)


@given(ALLOWANCES, STEPS)
async def test_it_gives_what_the_model_gives_and_tells_the_true_wait(
    limit: RateLimit, steps: list[tuple[int, str, int]]
) -> None:
    clock = ManualClock()
    limits: RateLimiter = InMemoryRateLimiter(clock)
    levels = dict.fromkeys("ab", Fraction(limit.burst))
    for passed, name, cost in steps:
        await clock.push(passed)
        for level in levels:
            levels[level] += Fraction(passed * limit.per_minute, MINUTE)
            levels[level] = min(levels[level], Fraction(limit.burst))
        wait = await limits.try_acquire(name, cost, limit)
        if cost <= levels[name]:
            assert wait == 0
            levels[name] -= cost
        else:
            missing = (cost - levels[name]) * MINUTE / limit.per_minute
            assert missing <= wait < missing + 1


@given(ALLOWANCES, STEPS, st.integers(1, 3))
async def test_no_window_yields_more_than_the_burst_and_its_share_however_few_the_buckets(
    limit: RateLimit, steps: list[tuple[int, str, int]], buckets_max: int
) -> None:
    clock = ManualClock()
    limits = InMemoryRateLimiter(clock, buckets_max)
    taken: dict[str, list[tuple[int, int]]] = {"a": [], "b": []}
    for number, (passed, name, cost) in enumerate(steps):
        await clock.push(passed)
        await limits.try_acquire(f"k:{number}", 1, limit)
        if await limits.try_acquire(f"k:{name}", cost, limit) == 0:
            taken[name].append((clock.monotonic_ms(), cost))
        assert len(limits) <= buckets_max + 1
    for gains in taken.values():
        for first, (since, _) in enumerate(gains):
            total = 0
            for at, cost in gains[first:]:
                total += cost
                assert total <= limit.burst + Fraction((at - since) * limit.per_minute, MINUTE)


async def test_the_wait_it_names_is_enough_and_one_less_is_not() -> None:
    clock = ManualClock()
    limits = InMemoryRateLimiter(clock)
    limit = RateLimit(7, 3)
    for _ in range(3):
        assert await limits.try_acquire("k:a", 1, limit) == 0
    wait = await limits.try_acquire("k:a", 1, limit)
    await clock.push(wait - 1)
    assert await limits.try_acquire("k:a", 1, limit) == 1
    await clock.push(1)
    assert await limits.try_acquire("k:a", 1, limit) == 0


async def test_all_or_none_are_taken() -> None:
    limits = InMemoryRateLimiter(ManualClock())
    limit = RateLimit(60, 10)
    assert await limits.try_acquire("k:a", 6, limit) == 0
    assert await limits.try_acquire("k:a", 5, limit) > 0
    assert await limits.try_acquire("k:a", 4, limit) == 0


@pytest.mark.parametrize("strangers", [20, 1_000])
async def test_a_flood_of_names_takes_no_more_room_and_forgives_nobody(strangers: int) -> None:
    clock = ManualClock()
    limits = InMemoryRateLimiter(clock, 8)
    limit = RateLimit(5, 5)
    assert await limits.try_acquire("k:a", 5, limit) == 0
    for number in range(strangers):
        await limits.try_acquire(f"k:{number}", 1, limit)
    assert len(limits) <= 9
    assert await limits.try_acquire("k:a", 1, limit) > 0
    assert await limits.try_acquire("k:yet another", 1, limit) > 0
    assert await limits.try_acquire("other:first", 1, limit) == 0
    await clock.push(MINUTE)
    for number in range(100):
        assert await limits.try_acquire(f"k:new {number}", 1, limit) == 0
        await clock.push(MINUTE)
    assert len(limits) <= 9
