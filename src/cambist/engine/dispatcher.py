"""Dispatches orders to the executor: work queues, permits, sweeps, lease renewal, retries."""

# Theory of operation
#
# An order needs attention for three reasons: a wake-up (it was just submitted, cancelled or
# amended, or the tracker has a report about its transaction), a due time (`wake_at` in its row),
# or a crash of the process that held its lease. The dispatcher turns each into a WorkItem and runs
# it under a permit. It guarantees:
#
# - At most one execution per order in this process. An item for an order that is active is merged
#   into one follow-up item, so no report is lost and none is handled concurrently.
# - No order is forgotten. Wake-ups are hints and may be lost; the sweep claims every due order from
#   the store once a second. After a crash the leases run out, and the sweep of any process finds
#   the orders.
# - A failure never ends an order whose transaction may still land. Only the chain may do that.
#
# Two queues with separate permits. Executions (quote, build, sign, send) can be slow: a venue may
# hang, and a burst of new orders may fill all permits. Settlements (recording what the chain
# reported) are short, and they release leases and capital. If they shared the permits, a burst of
# new orders would delay every order whose transaction has already landed.
#
# The number of permits is bounded although most executions wait: for the executor's own permits, or
# for a commit that they share. With many more, a client that submits an order would wait for its
# answer behind all executions that are ready to run.
#
# Leases. The tracker holds the orders in flight, which may rest there for a minute; the dispatcher
# renews their leases. All other orders are released as soon as their execution ends, and are
# claimed again by id for the next one.
#
# A halt. An order that may not be signed now is kept in HaltedOrders with its lease. If it were
# released, it would be due at once, and would be claimed and released in a tight loop.
#
# A failed execution (a defect of ours) is retried three times with growing pauses. Then the order
# is ended with the code TURN_FAILED, provided that no attempt is in flight.

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
from cambist.engine.price_watcher import PriceWatcher
from cambist.engine.send_permission import SendPermission
from cambist.faults import Code, fault
from cambist.orders.order import Order, Status
from cambist.orders.steps import AttemptReport
from cambist.ports.clock import Clock
from cambist.ports.errors import PortOverloaded, PortUnavailable, TradingHalted, VersionConflict
from cambist.values.ids import OrderId
from cambist.values.time_units import MINUTE, add_ms

EXECUTION_PERMITS: Final = 24
SETTLEMENT_PERMITS: Final = 24
SWEEP_EVERY_MS: Final = 1_000
SWEPT_AT_ONCE_MAX: Final = 256
RENEW_EVERY_MS: Final = 5_000
STORE_RETRY_MS: Final = 500
FAILURE_RETRY_MS: Final = 1_000
FAILURES_MAX: Final = 3

log = structlog.get_logger("cambist.dispatcher")


class WorkItem(msgspec.Struct, frozen=True):
    """An order that needs an execution; `order` is set if this process holds its lease already."""

    order_id: OrderId
    order: Order | None = None
    report: AttemptReport | None = None


class DispatchLimits(NamedTuple):
    """How many orders are started a minute (0: no limit), and how often leases are renewed."""

    orders_per_minute: int = 0
    renew_every_ms: int = RENEW_EVERY_MS


class _WorkQueue:
    """Work items in the order of their arrival, and the permits to run them."""

    def __init__(self, permits: int) -> None:
        self.permits = asyncio.Semaphore(permits)
        self._items: deque[WorkItem] = deque()
        self._available = asyncio.Semaphore(0)

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: WorkItem) -> None:
        """Append an item."""
        self._items.append(item)
        self._available.release()

    async def take(self) -> WorkItem:
        """Wait for an item and remove it."""
        await self._available.acquire()
        return self._items.popleft()


class Dispatcher:
    """Runs the work items of one process."""

    def __init__(
        self,
        dependencies: EngineDependencies,
        executor: OrderExecutor,
        tracker: InFlightTracker,
        watcher: PriceWatcher,
        permission: SendPermission,
        limits: DispatchLimits = DispatchLimits(),  # noqa: B008
    ) -> None:
        self._store = dependencies.store
        self._wakeups = dependencies.wakeups
        self._clock = dependencies.clock
        self._executor = executor
        self._tracker = tracker
        self._watcher = watcher
        self._permission = permission
        self._pacer = StartPacer(limits.orders_per_minute)
        self._renew_every_ms = limits.renew_every_ms
        self._execution_queue = _WorkQueue(EXECUTION_PERMITS)
        self._settlement_queue = _WorkQueue(SETTLEMENT_PERMITS)
        self._active: set[OrderId] = set()
        self._requeued: dict[OrderId, WorkItem] = {}
        self._failures: dict[OrderId, int] = {}
        self._halted = HaltedOrders(
            dependencies, self._release, lambda order_id: self._enqueue(WorkItem(order_id))
        )
        self._store_warning = ThrottledWarning(dependencies.clock, "store_unavailable")
        self._is_pacing = False
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    async def run(self) -> None:
        """Dispatch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._sweep())
            tasks.create_task(self._renew())
            tasks.create_task(self._halted.run())
            tasks.create_task(self._dispatch(self._execution_queue, tasks))
            tasks.create_task(self._dispatch(self._settlement_queue, tasks))

    @property
    def is_idle(self) -> bool:
        """Whether no order is queued or being executed."""
        return not self._active

    async def drain(self) -> None:
        """Start no more items, and wait for those that run."""
        self._draining = True
        await self._idle.wait()

    async def _dispatch(self, queue: _WorkQueue, tasks: asyncio.TaskGroup) -> None:
        while not self._draining:
            await queue.permits.acquire()
            item = await queue.take()
            if self._draining:
                return
            # Counted before the task starts: `drain` must not miss a task that was just created.
            self._running += 1
            self._idle.clear()
            tasks.create_task(self._run(item)).add_done_callback(lambda _: queue.permits.release())

    async def _listen(self) -> None:
        while not self._draining:  # another process may take what this one no longer takes
            wakeup = await self._wakeups.get()
            self._enqueue(WorkItem(wakeup.order_id, report=wakeup.report))

    async def _sweep(self) -> None:
        """Claim due orders: the safety net for lost wake-ups, and the restart after a crash."""
        while True:
            # Sweeping into a full queue would only hold leases that another process could use.
            if len(self._execution_queue) < SWEPT_AT_ONCE_MAX:
                try:
                    due = await self._store.claim_due(self._clock.now(), SWEPT_AT_ONCE_MAX)
                except PortUnavailable as error:
                    self._store_warning.log(error)
                    due = ()
                for order in due:
                    self._enqueue(WorkItem(order.id, order))
                if len(due) == SWEPT_AT_ONCE_MAX and not self._is_pacing:
                    await self._clock.sleep(0)
                    continue
                # An order that the pacer delays stays due, and the next sweep would claim it again.
                self._is_pacing = False
            await self._clock.sleep(SWEEP_EVERY_MS)

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(self._renew_every_ms)
            try:
                await self._store.renew(self._tracker.orders)
            except PortUnavailable as error:
                self._store_warning.log(error)

    def _enqueue(self, item: WorkItem) -> None:
        """Queue an item; for an active order it is merged into the item that runs next."""
        if item.order_id in self._active:
            waiting = self._requeued.get(item.order_id, item)
            self._requeued[item.order_id] = WorkItem(
                item.order_id, item.order or waiting.order, item.report or waiting.report
            )
            return
        self._active.add(item.order_id)
        is_settlement = item.report is not None or item.order_id in self._tracker
        (self._settlement_queue if is_settlement else self._execution_queue).put(item)

    async def _run(self, item: WorkItem) -> None:
        try:
            await self._execute(item)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
            self._active.discard(item.order_id)
            requeued = self._requeued.pop(item.order_id, None)
            if requeued is not None:
                self._enqueue(requeued)

    async def _execute(self, item: WorkItem) -> None:
        """Execute one order; whatever fails, the order is not lost."""
        try:
            order, was_held = await self._claim(item)
        except PortUnavailable:
            self._notify_later(item.order_id, STORE_RETRY_MS)
            return
        if order is None:
            # It is closed, or another process has it; if it rests, it is read again later.
            self._watcher.forget(item.order_id)
            return
        wait_ms = self._pacer.wait_ms(order, self._clock.monotonic_ms())
        if wait_ms:
            self._is_pacing = True
            await self._release(order)
            self._notify_later(order.id, wait_ms)
            return
        try:
            if was_held and item.report is None:
                # The wake-up may be for a cancel request, which only the store has.
                order = await self._executor.reread(order)
            result = await self._executor.advance(order, item.report)
        except TradingHalted:
            # Nothing was signed that could be sent. See "A halt" above.
            self._halted.add(order)
            return
        except (PortUnavailable, PortOverloaded) as error:
            self._store_warning.log(error)
            await self._release(order)
            self._notify_later(order.id, STORE_RETRY_MS)
            return
        except Exception as error:  # noqa: BLE001 -- a defect must not lose the order
            await self._after_failure(order, error)
            return
        self._failures.pop(order.id, None)
        await self._after_execution(order, result)

    async def _claim(self, item: WorkItem) -> tuple[Order | None, bool]:
        """Return the order with its lease, and whether this process held it in memory already.

        The tracker and the halted orders hold orders whose lease this process owns; anything else
        is claimed from the store. Raises PortUnavailable.
        """
        held = self._halted.pop(item.order_id) or self._tracker.untrack(item.order_id)
        if item.order is not None:
            return item.order, False
        if held is not None:
            return held, True
        return await self._store.claim(item.order_id), False

    async def _after_execution(self, order: Order, result: Order | None) -> None:
        if result is not None:
            # Also when it is in flight: what was triggered must not be woken for its price again.
            self._watcher.note(result)
            if order.id in self._tracker:
                return
        self._permission.forget(order.id)
        await self._release(order)
        # A resting order may be due in a year: the sweep finds it, and it needs no timer.
        if (
            result is not None
            and result.wake_at is not None
            and result.status is not Status.WAITING
        ):
            self._wakeups.notify_at(result.id, result.wake_at)

    async def _after_failure(self, order: Order, error: Exception) -> None:
        """Retry after a defect of ours; after some failures end the order.

        Never end it while an attempt may be in flight: then only the chain decides.
        """
        failures = self._failures[order.id] = self._failures.get(order.id, 0) + 1
        log.error("turn_failed", order_id=order.id, turns=failures, exc_info=error)
        await self._release(order)
        if failures < FAILURES_MAX:
            self._notify_later(order.id, FAILURE_RETRY_MS << failures)
            return
        try:
            current = await self._store.claim(order.id)
            if (
                current is not None
                and current.in_flight is None
                and current.status is not Status.PENDING
                # A defect of ours never ends an order that waits for a price.
                and not current.intent.waits_for_price
            ):
                reason = fault(
                    Code.TURN_FAILED, f"The engine failed {failures} times: {type(error).__name__}."
                )
                await self._executor.fail(current, reason)
                self._failures.pop(order.id, None)
                await self._release(current)
                return
        except (PortUnavailable, VersionConflict):
            log.warning("park_failed", order_id=order.id)
        await self._release(order)
        self._notify_later(order.id, FAILURE_RETRY_MS << FAILURES_MAX)

    async def _release(self, order: Order) -> None:
        """Release a lease; if the store is unavailable, the lease runs out by itself."""
        try:
            await self._store.release(order)
        except PortUnavailable as error:
            self._store_warning.log(error)

    def _notify_later(self, order_id: OrderId, wait_ms: int) -> None:
        self._wakeups.notify_at(order_id, add_ms(self._clock.now(), wait_ms))


LOG_EVERY_MS: Final = 1_000


class ThrottledWarning:
    """Logs a warning at most once a second, with the number of times it occurred since."""

    # The store may be unavailable because a disk is full, perhaps of logs: one line for each
    # failed call would make that worse.

    def __init__(self, clock: Clock, event: str) -> None:
        self._clock = clock
        self._event = event
        self._logged_at: int | None = None
        self._times = 0

    def log(self, error: Exception) -> None:
        """Count an error, and log it if the last log line is long enough ago."""
        now = self._clock.monotonic_ms()
        self._times += 1
        if self._logged_at is not None and now - self._logged_at < LOG_EVERY_MS:
            return
        log.warning(self._event, times=self._times, error=str(error))
        self._logged_at, self._times = now, 0


class StartPacer:
    """Spaces the starts of orders, first come first served. A rate of 0 means no limit."""

    # Each order reserves one instant and keeps it: an order that comes back early, because of a
    # wake-up or a sweep, gets the rest of its own wait and not a new place at the end.

    def __init__(self, orders_per_minute: int) -> None:
        self._gap_ms = max(MINUTE // orders_per_minute, 1) if orders_per_minute else 0
        self._free_at = 0
        self._reserved: dict[OrderId, int] = {}

    def wait_ms(self, order: Order, monotonic_ms: int) -> int:
        """Return how long a pending order must wait before it starts; 0 when it may start now.

        A cancelled order does not wait: ending it needs no start.
        """
        if not self._gap_ms or order.status is not Status.PENDING:
            return 0
        if order.cancel_requested_at is not None:
            self._reserved.pop(order.id, None)
            return 0
        start_at = self._reserved.pop(order.id, None)
        if start_at is None:
            start_at = max(self._free_at, monotonic_ms)
            self._free_at = start_at + self._gap_ms
        if start_at > monotonic_ms:
            self._reserved[order.id] = start_at
        return max(start_at - monotonic_ms, 0)
