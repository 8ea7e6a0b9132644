"""Limits rates in memory: one process alone, or each its part of a rate.

Holds callers to a rate with token buckets in memory, of which there is a bounded number.

A bucket's level is kept in parts of a token, 60,000 to one: a minute has as many milliseconds, so
that a rate a minute refills it by whole parts and nothing is ever rounded.
"""

from __future__ import annotations

from typing import Final

from cambist.ports.clock import Clock
from cambist.ports.rate_limits import RateLimit, RateLimiter, TokenWait
from cambist.values.time_units import MINUTE

BUCKETS_MAX: Final = 50_000
"""Past this many of a kind that are not full again, callers who come new share one."""

_PARTS: Final = int(MINUTE)
_DROPPED_AT_ONCE: Final = 4
_SHARED: Final = ""


class _Bucket:
    __slots__ = ("allowance", "at", "parts")

    def __init__(self, limit: RateLimit, at: int) -> None:
        self.allowance = limit
        self.parts = limit.burst * _PARTS
        self.at = at

    def fill(self, limit: RateLimit, now: int) -> None:
        refill = (now - self.at) * limit.per_minute
        self.parts = min(self.parts + refill, limit.burst * _PARTS)
        self.allowance, self.at = limit, now

    def is_full_at(self, now: int) -> bool:
        allowance = self.allowance
        refill = (now - self.at) * allowance.per_minute
        return self.parts + refill >= allowance.burst * _PARTS


class InMemoryRateLimiter:
    """Token buckets of one process. A bucket's name is `kind:whose`.

    There are at most `buckets_max` of a kind, so that those who come in crowds crowd out only
    one another.
    """

    def __init__(self, clock: Clock, buckets_max: int = BUCKETS_MAX) -> None:
        self._clock = clock
        self._buckets_max = buckets_max
        self._kinds: dict[str, dict[str, _Bucket]] = {}

    def __len__(self) -> int:
        return sum(len(kind) for kind in self._kinds.values())

    async def try_acquire(self, bucket: str, cost: int, limit: RateLimit) -> TokenWait:
        """Take `cost` tokens and return 0, or take none and return how long to wait for them.

        A cost above the burst is never to be had; who asks looks at the burst first.
        """
        now = self._clock.monotonic_ms()
        name, _, whose = bucket.partition(":")
        kind = self._kinds.setdefault(name, {})
        held = kind.pop(whose, None)
        if held is None:
            whose = self._make_room(kind, whose, now)
            held = kind.pop(whose, None) or _Bucket(limit, now)
        kind[whose] = held  # who was asked last stands last
        held.fill(limit, now)
        missing = cost * _PARTS - held.parts
        if missing <= 0:
            held.parts -= cost * _PARTS
            return TokenWait(0, held.parts // _PARTS)
        return TokenWait(-(-missing // limit.per_minute), held.parts // _PARTS)

    def _make_room(self, kind: dict[str, _Bucket], whose: str, now: int) -> str:
        """Return the name a new caller's bucket gets: its own, or without room a shared one.

        What is full again says no more than what is not there, so it makes room. A bucket that
        is not is kept: dropping it would forgive what was taken.
        """
        for _ in range(_DROPPED_AT_ONCE):
            oldest = next(iter(kind), None)
            if oldest is None or not kind[oldest].is_full_at(now):
                break
            del kind[oldest]
        return whose if len(kind) < self._buckets_max else _SHARED


class PartitionedRateLimiter:
    """Limits of one process of so many. Rounded down, so that all shares together are no more.

    Nobody's share is nothing: a rate below the number of processes is one a minute for each.
    """

    def __init__(self, limits: RateLimiter, processes: int) -> None:
        self._limits = limits
        self._processes = processes

    async def try_acquire(self, bucket: str, cost: int, limit: RateLimit) -> TokenWait:
        """Take `cost` tokens of the share and return 0, or take none and return the wait.

        What may be taken at once of the whole may be taken at once of a share, too: only later.
        """
        per_minute = max(limit.per_minute // self._processes, 1)
        burst = max(limit.burst // self._processes, min(cost, limit.burst))
        return await self._limits.try_acquire(bucket, cost, RateLimit(per_minute, burst))
