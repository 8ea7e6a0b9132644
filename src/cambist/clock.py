"""Provides time and randomness; no other module may ask the machine for either."""

# All other code gets a clock and a source of entropy as arguments. A simulation can then run years
# in seconds, and repeat a failure from its seed. The linter bans the functions elsewhere (TID251).

from __future__ import annotations

import asyncio
import heapq
import secrets
import time
from typing import Final

from cambist.values.ids import ENTROPY_BITS
from cambist.values.time_units import Timestamp

_SETTLE_ROUNDS: Final = 50
_DRAWN: Final = 32


class Entropy:
    """Draws the random bits of order ids, from a buffer: a system call for each is slow."""

    def __init__(self) -> None:
        self._bits = 0
        self._left = 0

    def __call__(self) -> int:
        """Return the random bits of one order id; no bit is used twice."""
        if not self._left:
            self._bits, self._left = secrets.randbits(ENTROPY_BITS * _DRAWN), _DRAWN
        self._left -= 1
        drawn = self._bits & ((1 << ENTROPY_BITS) - 1)
        self._bits >>= ENTROPY_BITS
        return drawn


def draw_secret(size: int) -> bytes:
    """Return random bytes that are fit for a secret."""
    return secrets.token_bytes(size)  # noqa: TID251 -- the only source of randomness


class SystemClock:
    """The machine's clock."""

    def now(self) -> Timestamp:
        """Return the wall-clock time, which may step back."""
        return Timestamp(time.time_ns() // 1_000_000)  # noqa: TID251 -- the only source of time

    def monotonic_ms(self) -> int:
        """Return milliseconds since a fixed start; they never go back."""
        return time.monotonic_ns() // 1_000_000  # noqa: TID251 -- the only source of time

    async def sleep(self, milliseconds: int) -> None:
        """Wait."""
        await asyncio.sleep(milliseconds / 1_000)  # noqa: TID251 -- the only source of time


class ManualClock:
    """A clock for tests: time passes only in `push`."""

    def __init__(self, start: int = 1_700_000_000_000) -> None:
        self._start = start
        self._passed = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> Timestamp:
        """Return the time it was pushed to."""
        return Timestamp(self._start + self._passed)

    def monotonic_ms(self) -> int:
        """Return how far it was pushed, in milliseconds."""
        return self._passed

    async def sleep(self, milliseconds: int) -> None:
        """Wait until it is pushed that far."""
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        due = self._passed + max(milliseconds, 0)
        heapq.heappush(self._sleepers, (due, self._count, wake))
        await wake

    async def push(self, milliseconds: int) -> None:
        """Advance the time, waking the sleepers in the order of their due times."""
        goal = self._passed + milliseconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= goal:
            due, _, wake = heapq.heappop(self._sleepers)
            self._passed = max(self._passed, due)
            if not wake.done():
                wake.set_result(None)
                await self.settle()
        self._passed = goal
        await self.settle()

    async def settle(self) -> None:
        """Run the tasks that are ready, without advancing the time."""
        for _ in range(_SETTLE_ROUNDS):
            await asyncio.sleep(0)  # noqa: TID251 -- yields without waiting
