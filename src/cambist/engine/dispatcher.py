"""Dispatches orders to workers: queues, pacing, sweeps, renewals, retries."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

import msgspec
import structlog

from cambist.engine.dependencies import EngineDependencies
from cambist.engine.executor import OrderExecutor
from cambist.engine.halted_orders import HaltedOrders
from cambist.engine.inflight_tracker import InFlightTracker
from cambist.engine.send_permission import SendPermission
from cambist.faults import Code, fault
from cambist.orders.order import Order, Status
from cambist.orders.steps import AttemptReport
from cambist.ports.clock import Clock
from cambist.ports.errors import PortOverloaded, PortUnavailable, TradingHalted, VersionConflict
from cambist.values.ids import OrderId
from cambist.values.time_units import MINUTE, add_ms

ADVANCED_AT_ONCE: Final = 24
"""Turns at once that take an order towards the chain. Fewer are performed at once; the others
wait for a hand, or for the disk, and share its writes. With many more, those who send orders
would wait for their answer behind those already taken."""
SETTLED_AT_ONCE: Final = 24
"""Turns at once that record what the chain said. They have workers of their own, so that no
crowd at the door, and no venue that hangs, holds up those whose transaction has landed."""
SWEEP_EVERY_MS: Final = 1_000
SWEPT_AT_ONCE_MAX: Final = 256
RENEW_EVERY_MS: Final = 5_000
STORE_AWAY_MS: Final = 500
BAD_TURN_WAIT_MS: Final = 1_000
BAD_TURNS_MAX: Final = 3

log = structlog.get_logger("cambist.dispatcher")


class WorkItem(msgspec.Struct, frozen=True):
    """One order's turn; `order` where it is claimed already."""

    order_id: OrderId
    order: Order | None = None
    report: AttemptReport | None = None


class DispatchLimits(NamedTuple):
    """How many orders are begun a minute (0: no limit), and how often claims are renewed."""

    orders_per_minute: int = 0
    renew_every_ms: int = RENEW_EVERY_MS


class _WorkQueue:
    """Turns that wait for a worker, first come first served."""

    def __init__(self) -> None:
        self._turns: deque[WorkItem] = deque()
        self._come = asyncio.Semaphore(0)

    def __len__(self) -> int:
        return len(self._turns)

    def put(self, item: WorkItem) -> None:
        """Add a turn."""
        self._turns.append(item)
        self._come.release()

    async def take(self) -> WorkItem:
        """Wait for a turn."""
        await self._come.acquire()
        return self._turns.popleft()


class Dispatcher:
    """The workers of one process."""

    def __init__(
        self,
        dependencies: EngineDependencies,
        worker: OrderExecutor,
        tracker: InFlightTracker,
        permission: SendPermission,
        pace: DispatchLimits = DispatchLimits(),  # noqa: B008
    ) -> None:
        self._store = dependencies.store
        self._wakeups = dependencies.wakeups
        self._clock = dependencies.clock
        self._executor = worker
        self._tracker = tracker
        self._permission = permission
        self._pacer = StartPacer(pace.orders_per_minute)
        self._renew_every_ms = pace.renew_every_ms
        self._execution_queue, self._settlement_queue = _WorkQueue(), _WorkQueue()
        self._active: set[OrderId] = set()
        self._requeued: dict[OrderId, WorkItem] = {}
        self._failures: dict[OrderId, int] = {}
        self._halted = HaltedOrders(
            dependencies, self._release, lambda mean: self._enqueue(WorkItem(mean))
        )
        self._complaints = ThrottledWarning(dependencies.clock, "store_away")
        self._is_shaping = False
        self._performing = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._sweep())
            tasks.create_task(self._renew())
            tasks.create_task(self._halted.run())
            for lane, workers in (
                (self._execution_queue, ADVANCED_AT_ONCE),
                (self._settlement_queue, SETTLED_AT_ONCE),
            ):
                for _ in range(workers):
                    tasks.create_task(self._run_worker(lane))

    async def drain(self) -> None:
        """Begin no more turns, and wait for those being performed."""
        self._draining = True
        await self._idle.wait()

    async def _listen(self) -> None:
        while not self._draining:  # what we do not take, another worker may
            bell = await self._wakeups.get()
            self._enqueue(WorkItem(bell.order_id, report=bell.report))

    async def _sweep(self) -> None:
        """Claim what is due: the safety net under every lost bell, and the start after a crash."""
        while True:
            if len(self._execution_queue) < SWEPT_AT_ONCE_MAX:
                try:
                    due = await self._store.claim_due(self._clock.now(), SWEPT_AT_ONCE_MAX)
                except PortUnavailable as down:
                    self._complaints.log(down)
                    due = ()
                for order in due:
                    self._enqueue(WorkItem(order.id, order))
                if len(due) == SWEPT_AT_ONCE_MAX and not self._is_shaping:
                    await self._clock.sleep(0)
                    continue
                # What waits for its minute is due all the while, and would be swept again at once.
                self._is_shaping = False
            await self._clock.sleep(SWEEP_EVERY_MS)

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(self._renew_every_ms)
            try:
                await self._store.renew(self._tracker.orders)
            except PortUnavailable as down:
                self._complaints.log(down)

    def _enqueue(self, item: WorkItem) -> None:
        """Queue a turn; an order that has one already gets another after it."""
        if item.order_id in self._active:
            missed = self._requeued.get(item.order_id, item)
            self._requeued[item.order_id] = WorkItem(
                item.order_id, item.order or missed.order, item.report or missed.report
            )
            return
        self._active.add(item.order_id)
        heard = item.report is not None or item.order_id in self._tracker
        (self._settlement_queue if heard else self._execution_queue).put(item)

    async def _run_worker(self, lane: _WorkQueue) -> None:
        while True:
            turn = await lane.take()
            if self._draining:
                return
            self._performing += 1
            self._idle.clear()
            try:
                await self._perform(turn)
            finally:
                self._performing -= 1
                if not self._performing:
                    self._idle.set()
                self._active.discard(turn.order_id)
                again = self._requeued.pop(turn.order_id, None)
                if again is not None:
                    self._enqueue(again)

    async def _perform(self, item: WorkItem) -> None:
        """Give one order its turn; whatever goes wrong, the order is not lost."""
        held = self._halted.pop(item.order_id) or self._tracker.untrack(item.order_id)
        try:
            order = item.order or held or await self._store.claim(item.order_id)
        except PortUnavailable:
            self._ring_later(item.order_id, STORE_AWAY_MS)
            return
        if order is None:
            return
        wait_ms = self._pacer.wait_ms(order, self._clock.monotonic_ms())
        if wait_ms:
            self._is_shaping = True
            await self._release(order)
            self._ring_later(order.id, wait_ms)
            return
        try:
            if order is held and item.report is None:
                order = await self._executor.reread(order)  # a bare bell may speak of a note
            rested = await self._executor.advance(order, item.report)
        except TradingHalted:
            # Nothing was signed that could be sent. Given back, it would be due again at once.
            self._halted.add(order)
            return
        except (PortUnavailable, PortOverloaded) as down:
            self._complaints.log(down)
            await self._release(order)
            self._ring_later(order.id, STORE_AWAY_MS)
            return
        except Exception as error:  # noqa: BLE001 -- a defect must not lose the order
            await self._after_bad_turn(order, error)
            return
        self._failures.pop(order.id, None)
        await self._after_turn(order, rested)

    async def _after_turn(self, order: Order, rested: Order | None) -> None:
        if rested is not None and order.id in self._tracker:
            return
        self._permission.forget(order.id)
        await self._release(order)
        if rested is not None and rested.wake_at is not None:
            self._wakeups.notify_at(rested.id, rested.wake_at)

    async def _after_bad_turn(self, order: Order, error: Exception) -> None:
        """Try again after a defect of ours, and park the order once that has not helped.

        Never while an attempt may be in flight: then only the chain ends an order.
        """
        bad = self._failures[order.id] = self._failures.get(order.id, 0) + 1
        log.error("turn_failed", order_id=order.id, turns=bad, exc_info=error)
        await self._release(order)
        if bad < BAD_TURNS_MAX:
            self._ring_later(order.id, BAD_TURN_WAIT_MS << bad)
            return
        try:
            fresh = await self._store.claim(order.id)
            if fresh is not None and fresh.in_flight is None and fresh.status is not Status.PENDING:
                why = fault(
                    Code.TURN_FAILED, f"The engine failed {bad} times: {type(error).__name__}."
                )
                await self._executor.fail(fresh, why)
                self._failures.pop(order.id, None)
                await self._release(fresh)
                return
        except (PortUnavailable, VersionConflict):
            log.warning("park_failed", order_id=order.id)
        await self._release(order)
        self._ring_later(order.id, BAD_TURN_WAIT_MS << BAD_TURNS_MAX)

    async def _release(self, order: Order) -> None:
        """Give up a claim. Where the store is away, the lease runs out by itself."""
        try:
            await self._store.release(order)
        except PortUnavailable as down:
            self._complaints.log(down)

    def _ring_later(self, order_id: OrderId, wait_ms: int) -> None:
        self._wakeups.notify_at(order_id, add_ms(self._clock.now(), wait_ms))


TOLD_EVERY_MS: Final = 1_000


class ThrottledWarning:
    """Counts what was not said, and says how many they were with the next word."""

    def __init__(self, clock: Clock, event: str) -> None:
        self._clock = clock
        self._event = event
        self._told_at: int | None = None
        self._untold = 0

    def log(self, error: Exception) -> None:
        """Log one trouble, or only count it. A disk may be full because of logs."""
        now = self._clock.monotonic_ms()
        self._untold += 1
        if self._told_at is not None and now - self._told_at < TOLD_EVERY_MS:
            return
        log.warning(self._event, times=self._untold, error=str(error))
        self._told_at, self._untold = now, 0


class StartPacer:
    """Gives each order its own instant to begin, in the order they asked. A rate of 0 is off."""

    def __init__(self, orders_per_minute: int) -> None:
        self._gap_ms = max(MINUTE // orders_per_minute, 1) if orders_per_minute else 0
        self._free_at = 0
        self._reserved: dict[OrderId, int] = {}

    def wait_ms(self, order: Order, elapsed: int) -> int:
        """Return how long a pending order must wait before it may begin; 0 when it may now.

        An order that its user wants no more need not wait to be told so.
        """
        if not self._gap_ms or order.status is not Status.PENDING:
            return 0
        if order.cancel_requested_at is not None:
            self._reserved.pop(order.id, None)
            return 0
        begin_at = self._reserved.pop(order.id, None)
        if begin_at is None:
            begin_at = max(self._free_at, elapsed)
            self._free_at = begin_at + self._gap_ms
        if begin_at > elapsed:
            self._reserved[order.id] = begin_at
        return max(begin_at - elapsed, 0)
