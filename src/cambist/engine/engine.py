"""Offers the engine to its users: run, submit, cancel, read and follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Literal

import msgspec
import structlog

from cambist import metrics
from cambist.engine.dependencies import EngineDependencies, RedisStatus
from cambist.engine.dispatcher import RENEW_EVERY_MS, Dispatcher, DispatchLimits
from cambist.engine.event_following import (
    HEARTBEAT_MS,
    EventBatch,
    FeedBatch,
    PrincipalSubscription,
    follow_order,
    get_of,
    replay_events,
)
from cambist.engine.executor import OrderExecutor
from cambist.engine.inflight_tracker import InFlightTracker
from cambist.engine.intake import (
    BACKLOG_MAX,
    AmendResult,
    BatchResult,
    CancelAnswer,
    Intake,
    SubmitOrder,
    SubmitResult,
)
from cambist.engine.price_watcher import PriceWatcher
from cambist.engine.quote_budget import QuoteBudget, QuotePermit
from cambist.engine.quoting import PricedAmount, Quoter, RoutingOptions
from cambist.engine.send_permission import SendPermission
from cambist.faults import Fault
from cambist.orders.decide import Policy
from cambist.orders.intent import Intent
from cambist.orders.journal import RecordedEvent
from cambist.orders.order import Order
from cambist.orders.retry import Backoff
from cambist.orders.terms import Terms
from cambist.orders.trigger import PriceObservation
from cambist.ports.daily_fills import FillSums
from cambist.ports.errors import PortUnavailable
from cambist.ports.market import Market
from cambist.ports.store import Halt, OrderCounts, OrderPage, OrderQuery
from cambist.values.costs import Costs
from cambist.values.ids import OrderId, Principal
from cambist.values.route import QuoteFailure, Route
from cambist.values.time_units import Slot, Timestamp
from cambist.values.token import Pair
from cambist.venues.pool import Pool

log = structlog.get_logger("cambist.engine")

DRAIN_MS: Final = 10_000
CONCURRENCY_DEFAULT: Final = 10
HEALTH_WITHIN_MS: Final = 1_000
"""How long a dependency has to answer before health reports it down."""


class EngineLimits(msgspec.Struct, frozen=True):
    """Settings of the engine: concurrency, backlog, pace, retries, lease renewal, routes."""

    concurrency: int = CONCURRENCY_DEFAULT
    backlog_max: int = BACKLOG_MAX
    orders_per_minute: int = 0
    backoff: Backoff = Backoff()
    renew_every_ms: int = RENEW_EVERY_MS
    routing: RoutingOptions = RoutingOptions()


class EngineHealth(msgspec.Struct, frozen=True):
    """Which dependencies answer. `unreadable` counts the orders that could not be read."""

    store: Literal["ok", "down"]
    chain: Literal["ok", "down"]
    draining: bool
    halt: Halt | None = None
    redis: RedisStatus = "not_configured"
    unreadable: int = 0


class QuoteResult(msgspec.Struct, frozen=True):
    """The route an order would take now, and its costs."""

    route: Route
    costs: Costs
    at: Timestamp


class Engine:
    """One process's engine."""

    def __init__(
        self,
        dependencies: EngineDependencies,
        limits: EngineLimits = EngineLimits(),  # noqa: B008 -- frozen
    ) -> None:
        policy = Policy(dependencies.world.chain.rules, limits.backoff)
        self.clock = dependencies.clock
        self._dependencies = dependencies
        permission = SendPermission(dependencies.store, dependencies.clock)
        self._tracker = InFlightTracker(
            dependencies.world.chain, dependencies.wakeups, permission, dependencies.clock, policy
        )
        self._quoter = Quoter(dependencies.world.market, dependencies.clock, limits.routing)
        executor = OrderExecutor(
            dependencies, self._tracker, permission, self._quoter, policy, limits.concurrency
        )
        dispatch = DispatchLimits(limits.orders_per_minute, limits.renew_every_ms)
        self._watcher = PriceWatcher(
            dependencies.store, self._quoter, dependencies.wakeups, dependencies.clock
        )
        self._dispatcher = Dispatcher(
            dependencies, executor, self._tracker, self._watcher, permission, dispatch
        )
        self._intake = Intake(dependencies, limits.backlog_max)
        self.quote_budget = QuoteBudget()

    @property
    def market(self) -> Market:
        """The market: tokens, venues and pools."""
        return self._dependencies.world.market

    @property
    def is_idle(self) -> bool:
        """Whether no order is being executed or waits for the chain in this process."""
        return self._dispatcher.is_idle and not len(self._tracker)

    async def run(self) -> None:
        """Move orders until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._dependencies.wakeups.run())
            tasks.create_task(self._tracker.run())
            tasks.create_task(self._watcher.run())
            tasks.create_task(self._dispatcher.run())

    async def drain(self) -> None:
        """Accept no more orders and finish running executions; open orders stay stored."""
        self._intake.draining = True
        try:
            async with asyncio.timeout(DRAIN_MS / 1_000):
                await self._dispatcher.drain()
        except TimeoutError:
            return

    async def submit(self, command: SubmitOrder) -> SubmitResult:
        """Store an order and return the answer. Raises RequestRejected."""
        return await self._intake.submit(command)

    async def submit_all(self, commands: Sequence[SubmitOrder]) -> tuple[BatchResult, ...]:
        """Store several orders in one commit, each with its answer. Raises RequestRejected."""
        return await self._intake.submit_all(commands)

    async def has_key(self, principal: Principal, key: str | None) -> bool:
        """Whether an order is stored under an idempotency key; False while the store is down."""
        if key is None:
            return False
        with suppress(PortUnavailable):
            return await self._dependencies.store.find_by_key(principal, key) is not None
        return False

    async def observe(self, intent: Intent) -> PriceObservation:
        """Return what an intent's amount would bring now; empty where no venue answers in time."""
        asked = PricedAmount(intent.pair, intent.mode, intent.amount)
        reference = f"observe/{intent.client_order_id or self.clock.now()}"
        return await self._quoter.observe(asked, reference, Slot(0))

    async def watch(self, order: Order, caller: str | None = None) -> tuple[PriceObservation, bool]:
        """Return the prices of a resting order now, and whether trading is halted.

        Counts as a quote. Raises RequestRejected when there are too many, and PortUnavailable.
        """
        async with self.quote_budget.permit(caller):
            seen = await self.observe(order.intent)
        return seen, await self._dependencies.store.halted() is not None

    async def quote(self, intent: Intent, caller: str | None = None) -> QuoteResult | Fault:
        """Return the route an order would take now, and what it costs; stores nothing.

        A `caller` computes one quote at a time. Raises RequestRejected when there are too many.
        """
        async with self.quote_budget.permit(caller) as permit:
            found = await self._quoter.quote_intent(intent, permit)
        if isinstance(found, Fault):
            return found
        return QuoteResult(found, self._dependencies.world.chain.costs(found), self.clock.now())

    async def pools(
        self, pair: Pair, permit: QuotePermit
    ) -> dict[str, Sequence[Pool] | QuoteFailure]:
        """Return each venue's pools of a pair, or the reason why there are none.

        Needs a permit of `quote_budget`. Raises RequestRejected when there are too many quotes.
        """
        return await self._quoter.fetch_pools(pair, permit)

    async def cancel(
        self, order_id: OrderId, principal: Principal
    ) -> tuple[CancelAnswer, Order] | None:
        """Record a cancel request; None when the principal has no such order."""
        return await self._intake.cancel(order_id, principal)

    async def amend(
        self,
        order_id: OrderId,
        principal: Principal,
        change: Callable[[Order], Terms],
        if_seq: int | None = None,
    ) -> AmendResult:
        """Record new terms of an order. Raises RequestRejected."""
        return await self._intake.amend(order_id, principal, change, if_seq)

    async def get(self, order_id: OrderId, principal: Principal) -> Order | None:
        """Return a principal's order; None when there is none, or it is another principal's.

        Raises PortUnavailable, and Unreadable for an order of this principal.
        """
        order = await get_of(self._dependencies.store, order_id, principal)
        return order if order is not None and order.intent.principal == principal else None

    async def list_orders(self, query: OrderQuery) -> OrderPage:
        """Return a principal's orders, newest first. Raises PortUnavailable."""
        return await self._dependencies.store.list_orders(query)

    async def fill_sums(self, principal: Principal, since_day: int, limit: int) -> FillSums:
        """Return what a principal's orders filled, by day and pair. Raises PortUnavailable."""
        return await self._dependencies.store.fill_sums(principal, since_day, limit)

    async def add_up_fills(self) -> bool:
        """Add some fills to the sums of their days; True when more may wait.

        Raises PortUnavailable.
        """
        return await self._dependencies.store.add_up_fills()

    async def count_orders(self, principal: Principal) -> OrderCounts:
        """Count a principal's orders by status. Raises PortUnavailable."""
        return await self._dependencies.store.count_orders(principal, self.clock.now())

    async def history(self, order_id: OrderId, after_seq: int = 0) -> tuple[RecordedEvent, ...]:
        """Return an order's events after `after_seq`. Raises PortUnavailable."""
        return await replay_events(self._dependencies.store, order_id, after_seq)

    def follow_order(
        self, order_id: OrderId, after_seq: int = 0, beat_ms: int = HEARTBEAT_MS
    ) -> AsyncIterator[EventBatch]:
        """Yield an order's events as they become durable; an empty batch is a heartbeat."""
        return follow_order(
            self._dependencies.store, self._dependencies.bus, order_id, after_seq, beat_ms
        )

    def follow_principal(
        self, principal: Principal, after: int | None = None, beat_ms: int = HEARTBEAT_MS
    ) -> AsyncIterator[FeedBatch]:
        """Yield the events of all orders of a principal as they become durable."""
        return PrincipalSubscription(
            self._dependencies.store, self._dependencies.bus, principal
        ).follow(after, beat_ms)

    async def halt(self, by: str, reason: str) -> None:
        """Halt trading; orders in flight are tracked to their end. Raises PortUnavailable."""
        log.warning("halted", by=by, reason=reason)
        await self._dependencies.store.halt(Halt(reason, by, self.clock.now()))

    async def resume(self, by: str, reason: str) -> None:
        """Resume trading. Raises PortUnavailable."""
        log.warning("resumed", by=by, reason=reason)
        await self._dependencies.store.resume(by, reason, self.clock.now())

    async def halted(self) -> Halt | None:
        """Return the halt in force. Raises PortUnavailable."""
        return await self._dependencies.store.halted()

    async def measure(self) -> None:
        """Set the gauges: open orders, orders in flight, and the age of the oldest.

        Raises PortUnavailable.
        """
        sent = [
            order.attempt.sent_at
            for order in self._tracker.orders
            if order.in_flight and order.attempt
        ]
        oldest = min((at for at in sent if at is not None), default=None)
        metrics.IN_FLIGHT.set(len(sent))
        age_ms = 0 if oldest is None else max(self.clock.now() - oldest, 0)
        metrics.OLDEST_IN_FLIGHT.set(age_ms / 1_000)
        metrics.OPEN.set(await self._dependencies.store.backlog())

    async def health(self) -> EngineHealth:
        """Return whether the store and the chain answer, and what is known besides."""
        async with asyncio.TaskGroup() as tasks:
            halted = tasks.create_task(self._find_halt())
            store = tasks.create_task(_ping(self._dependencies.store.ping()))
            chain = tasks.create_task(_ping(self._dependencies.world.chain.blockhash()))
        return EngineHealth(
            store.result(),
            chain.result(),
            self._intake.draining,
            halted.result(),
            self._dependencies.redis(),
            self._dependencies.store.unreadable(),
        )

    async def _find_halt(self) -> Halt | None:
        with suppress(PortUnavailable, TimeoutError):
            async with asyncio.timeout(HEALTH_WITHIN_MS / 1_000):
                return await self._dependencies.store.halted()
        return None


async def _ping(call: Awaitable[object]) -> Literal["ok", "down"]:
    try:
        async with asyncio.timeout(HEALTH_WITHIN_MS / 1_000):
            await call
    except (PortUnavailable, TimeoutError):
        return "down"
    return "ok"
