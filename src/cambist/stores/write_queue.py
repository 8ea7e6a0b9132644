"""Collects waiting writes into batches: a bounded queue with two priorities."""

# This module knows no database and no thread. Whoever runs it takes a batch, applies it and
# reports the results, so that the simulation runs the same code inline that the server runs
# beside a writer thread.
#
# There are two queues because they have different owners. *Settlement* holds writes about known
# orders: decisions, cancels, halts. *Intake* holds new orders. A batch takes settlement first,
# because a decision about a transaction that has landed must not wait behind a thousand new
# orders. A part of each batch is kept for intake, so that executions cannot starve it. Intake has
# a limit: beyond it a new order is rejected at once, which is better for its client than a slow
# answer. Settlement has none, because each order in it was accepted already, and the number of
# executions at once bounds it.
#
# A caller may be cancelled while its write waits, when a client disconnects. A write that nobody
# waits for any more may still become durable. It is counted as abandoned until its outcome is
# known, so that the backlog limit counts it.

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from cambist.ports.errors import PortOverloaded, PortUnavailable

T = TypeVar("T")
R = TypeVar("R")

BATCH_ITEMS_MAX: Final = 64
"""Also how many events are published in a row, which holds the event loop for about a
millisecond."""
BATCH_INTAKE_MIN: Final = 16
"""How many items of a batch new orders may have at least, whatever else waits."""
INTAKE_WAITING_MAX: Final = 4_096
SETTLEMENT_WAITING_MAX: Final = 65_536


class AbandonedCount:
    """Counts orders whose senders went away and that will be written all the same."""

    def __init__(self) -> None:
        self.orders = 0


class PendingWrite(Generic[T, R]):
    """One write and the coroutine that awaits it."""

    __slots__ = ("_abandoned", "_counted", "_orders", "future", "item")

    def __init__(self, item: T, future: asyncio.Future[R]) -> None:
        self.item = item
        self.future = future
        self._abandoned: AbandonedCount | None = None
        self._orders = 0
        self._counted = False

    def count_when_abandoned(self, abandoned: AbandonedCount, orders: int) -> None:
        """Count the orders of this write from when its sender goes away until it is answered."""
        self._abandoned, self._orders = abandoned, orders
        self.future.add_done_callback(self._count)

    def _count(self, future: asyncio.Future[R]) -> None:
        if future.cancelled() and self._abandoned is not None:
            self._abandoned.orders += self._orders
            self._counted = True

    def answered(self) -> None:
        """Count no more: what was written is counted by the store."""
        # A sender that left in this very moment was not counted yet, and will not be.
        if self._counted and self._abandoned is not None:
            self._abandoned.orders -= self._orders
        self._abandoned = None


Results = Sequence[R | BaseException]


class WriteQueue(Generic[T, R]):
    """Two queues of writes. `wake` is called when there may be something to take."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._settlement: deque[PendingWrite[T, R]] = deque()
        self._intake: deque[PendingWrite[T, R]] = deque()
        self._wake = wake
        self._closed = False
        self.abandoned = AbandonedCount()

    def put_settlement(self, item: T) -> asyncio.Future[R]:
        """Queue a write that moves an accepted order. Raises PortOverloaded, PortUnavailable."""
        return self._queue(self._settlement, SETTLEMENT_WAITING_MAX, self._waiting(item))

    def put_intake(self, item: T, orders: int = 1) -> asyncio.Future[R]:
        """Queue a write of new orders; the first to be refused.

        Raises PortOverloaded, PortUnavailable.
        """
        waiting = self._waiting(item)
        waiting.count_when_abandoned(self.abandoned, orders)
        return self._queue(self._intake, INTAKE_WAITING_MAX, waiting)

    def _waiting(self, item: T) -> PendingWrite[T, R]:
        return PendingWrite(item, asyncio.get_running_loop().create_future())

    def _queue(
        self, lane: deque[PendingWrite[T, R]], most: int, waiting: PendingWrite[T, R]
    ) -> asyncio.Future[R]:
        if self._closed:
            raise PortUnavailable("the store is closed")
        if len(lane) >= most:
            raise PortOverloaded("too many writes are waiting")
        lane.append(waiting)
        self._wake()
        return waiting.future

    def close(self) -> None:
        """Take no more; what waits is still to be taken."""
        self._closed = True
        self._wake()

    @property
    def drained(self) -> bool:
        """Whether nothing waits and nothing more will come."""
        return self._closed and not self._settlement and not self._intake

    def batch(self) -> list[PendingWrite[T, R]]:
        """Take the next batch."""
        taken: list[PendingWrite[T, R]] = []
        kept = min(len(self._intake), BATCH_INTAKE_MIN)
        for lane, most in (
            (self._settlement, BATCH_ITEMS_MAX - kept),
            (self._intake, BATCH_ITEMS_MAX),
        ):
            while lane and len(taken) < most:
                taken.append(lane.popleft())
        return taken


def resolve(batch: Sequence[PendingWrite[T, R]], results: Results[R]) -> None:
    """Give each waiting coroutine its own result; call it on the event loop."""
    for waiting, result in zip(batch, results, strict=True):
        waiting.answered()
        if waiting.future.done():
            continue
        if isinstance(result, BaseException):
            waiting.future.set_exception(result)
        else:
            waiting.future.set_result(result)
