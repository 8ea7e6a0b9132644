"""Limits the share of the event loop that quotes may use, so that they delay no order."""

# A route is computed on the event loop, which also accepts and executes orders. A semaphore alone
# does not limit that: as soon as one quote ends, the next one starts. So a permit stays unusable
# after each quote, for IDLE_FACTOR times the time it was used. However many callers ask, quotes
# take at most `PERMITS / (1 + IDLE_FACTOR)` of the loop. Each caller computes one quote at a time.

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from cambist.faults import Code, RequestRejected, fault

PERMITS: Final = 2
IDLE_FACTOR: Final = 8
VENUE_WAITS_MAX: Final = 4
"""Quotes that wait for venues at once; they hold no permit meanwhile."""

QUEUE_MS: Final = 1_000
"""How long a quote waits for permits in total before it is rejected."""

SPREAD_MS: Final = 500
GAP_MS: Final = 2
"""Rejections of a burst of quotes are spread over up to `SPREAD_MS`. If all were rejected at the
same moment, all would be repeated at the same moment, and each burst would delay orders.
"""

_BUSY: Final = "Too many quotes are asked for at once; try again in a second."


class QuoteBudget:
    """The permits of one process."""

    def __init__(self) -> None:
        self.permits = asyncio.Semaphore(PERMITS)
        self.venue_waits = asyncio.Semaphore(VENUE_WAITS_MAX)
        self._callers: dict[str, asyncio.Lock] = {}
        self._users: Counter[str] = Counter()
        self._last_deadline = 0.0

    def __len__(self) -> int:
        return len(self._callers)

    def deadline(self, now: float) -> float:
        """Return until when a new quote waits, in seconds of the event loop's clock."""
        soonest = now + QUEUE_MS / 1_000
        spaced = max(soonest, self._last_deadline + GAP_MS / 1_000)
        self._last_deadline = min(spaced, soonest + SPREAD_MS / 1_000)
        return self._last_deadline

    @asynccontextmanager
    async def permit(self, caller: str | None) -> AsyncIterator[QuotePermit]:
        """Hold a permit while the context lasts; a named `caller` computes one quote at a time.

        Raises RequestRejected when the queue is longer than `QUEUE_MS`.
        """
        permit = QuotePermit(self)
        if caller is None:
            async with permit.computing():
                yield permit
            return
        lock = self._callers.setdefault(caller, asyncio.Lock())
        self._users[caller] += 1
        try:
            await permit.queue(lock.acquire())
            try:
                async with permit.computing():
                    yield permit
            finally:
                lock.release()
        finally:
            self._users[caller] -= 1
            if not self._users[caller]:
                del self._users[caller], self._callers[caller]


class QuotePermit:
    """One quote's permit to compute."""

    def __init__(self, budget: QuoteBudget) -> None:
        self._budget = budget
        self._loop = asyncio.get_running_loop()
        self._deadline = budget.deadline(self._loop.time())
        self._since: float | None = None

    @asynccontextmanager
    async def computing(self) -> AsyncIterator[None]:
        """Hold a permit. Raises RequestRejected."""
        await self._begin()
        try:
            yield
        finally:
            self._end()

    @asynccontextmanager
    async def waiting_for_venues(self) -> AsyncIterator[None]:
        """Give the permit back while the quote waits for venues. Raises RequestRejected."""
        self._end()
        await self.queue(self._budget.venue_waits.acquire())
        began = self._loop.time()
        try:
            yield
        finally:
            self._budget.venue_waits.release()
        self._deadline += self._loop.time() - began
        await self._begin()

    async def rest(self) -> None:
        """Pause between two parts of a computation, in proportion to the time of the first."""
        now = self._loop.time()
        used = now - (now if self._since is None else self._since)
        waiter: asyncio.Future[None] = self._loop.create_future()
        timer = self._loop.call_later(used * IDLE_FACTOR, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
        self._since = self._loop.time()
        self._deadline += self._since - now

    async def queue(self, acquiring: Coroutine[Any, Any, Any]) -> None:
        """Wait for a permit. Raises RequestRejected when that takes too long."""
        try:
            async with asyncio.timeout_at(self._deadline):
                await acquiring
        except TimeoutError:
            raise RequestRejected(fault(Code.RATE_LIMITED, _BUSY)) from None

    async def _begin(self) -> None:
        await self.queue(self._budget.permits.acquire())
        self._since = self._loop.time()

    def _end(self) -> None:
        if self._since is None:
            return
        used, self._since = self._loop.time() - self._since, None
        self._deadline += used
        self._loop.call_later(used * IDLE_FACTOR, self._budget.permits.release)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
