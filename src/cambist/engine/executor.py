"""Executes one order: takes the next step, performs it, decides, commits."""

# Theory of operation
#
# An order is a state machine without I/O (`cambist.orders`): `next_step` says what to do, and
# `decide` turns the outcome into events. This module is the loop around it, and the only code that
# moves an order:
#
#     step = next_step(order) -> outcome = perform(step) -> decision = decide(order, outcome)
#     -> begin_commit(decision) -> next step
#
# Write-ahead. A step with `requires_durable_commit` waits until all events before it are on disk.
# SendTransaction is such a step: the signed bytes and their signature are recorded before the
# network sees them. If the process is killed after the send, the next one finds the signature in
# the journal and asks the chain about it. If the bytes were sent first, a crash would leave a
# transaction that nobody knows of, and the order would be executed a second time.
#
# Pipelined commits. All other steps go on from the order as it will be, while the commit of the
# last decision is under way: one fsync then serves several events. If a commit loses its
# compare-and-set (a cancel request, an amendment, another process that stole the lease), every
# later commit of the execution fails with it. The execution then goes on from the order as the
# store has it, or ends when the lease belongs to another process.
#
# Before each send the store is read again (SendPermission): a cancel request, a passed deadline or
# a halt stops the first send. A transaction that was signed in this execution is exempt from the
# halt check, since the commit that recorded it would have failed under a halt.
#
# The number of steps is bounded. An order that never comes to rest is a defect of ours; the bound
# turns it into an error that the dispatcher retries and reports, not a busy loop.

from __future__ import annotations

import asyncio
from typing import Any, Final

from msgspec.structs import replace

from cambist.engine.dependencies import EngineDependencies
from cambist.engine.inflight_tracker import InFlightTracker
from cambist.engine.quoting import PricedAmount, Quoter, try_reference
from cambist.engine.send_permission import SendPermission
from cambist.failpoints import failpoint
from cambist.faults import Code, Fault, fault
from cambist.orders.attempt import Attempt
from cambist.orders.decide import Decision, Policy, decide, fail_order
from cambist.orders.order import Order
from cambist.orders.steps import (
    ArmTrigger,
    AttemptReport,
    AwaitChain,
    BuildTransaction,
    CheckTrigger,
    CloseConfirmed,
    CloseUnwanted,
    FindRoute,
    OrderStarted,
    Outcome,
    SendTransaction,
    StartOrder,
    Step,
    StepFailed,
    TransactionBuilt,
    TriggerArmed,
    Wait,
    next_step,
)
from cambist.orders.trigger import PriceObservation
from cambist.ports.chain import Chain, SwapRequest
from cambist.ports.errors import PortUnavailable, VersionConflict
from cambist.ports.signer import Signer
from cambist.ports.store import Store
from cambist.values.route import Route
from cambist.values.time_units import Millis, Slot, Timestamp

STEPS_MAX: Final = 64
OBSERVED_WITHIN_MS: Final = Millis(10_000)
"""How long the next slot may take in which a price is looked at again."""


class StepLimitExceeded(RuntimeError):
    """An order did not come to rest within `STEPS_MAX` steps: a defect of ours."""


class _Execution:
    """One order during an execution, and its commits that are not durable yet."""

    def __init__(self, store: Store, order: Order) -> None:
        self._store = store
        self._commits: list[asyncio.Future[Any]] = []
        self.order = order
        self.is_lost = False
        self.has_signed = False
        """Whether this execution recorded the attempt in flight; then there was no halt."""

    def begin_commit(self, decision: Decision, now: Timestamp) -> None:
        """Begin to commit a decision, and go on from the order as it will be afterwards."""
        if decision.events:
            begun = self._store.begin_commit(self.order, decision, now)
            self.has_signed |= decision.signed is not None
            self._commits.append(begun.durable)
            self.order = begun.order

    async def flush(self) -> bool:
        """Wait until all commits are durable; False when the stored order was another version.

        Then `order` is the stored version, or `is_lost` says that another process has the lease.
        Raises PortUnavailable.
        """
        while self._commits:
            try:
                await self._commits[0]
            except VersionConflict as stale:
                # Every later commit was based on the stale one, and fails as well.
                self.abandon()
                self.is_lost = stale.current is None
                self.order = stale.current or self.order
                return False
            del self._commits[0]
        return True

    def abandon(self) -> None:
        """Stop waiting for commits; those under way still succeed or fail."""
        for future in self._commits:
            future.add_done_callback(_retrieve_exception)
        self._commits.clear()


def _retrieve_exception(future: asyncio.Future[Any]) -> None:
    # asyncio logs an exception that nobody retrieved; of an abandoned commit none is expected to.
    if not future.cancelled():
        future.exception()


class OrderExecutor:
    """Moves orders; no other code does.

    `concurrency` limits the steps that are performed at once. An execution that waits for a commit
    holds no permit.
    """

    def __init__(
        self,
        dependencies: EngineDependencies,
        tracker: InFlightTracker,
        permission: SendPermission,
        quoter: Quoter,
        policy: Policy,
        concurrency: int,
    ) -> None:
        self._permits = asyncio.Semaphore(concurrency)
        self._store = dependencies.store
        self._ports = dependencies.world
        self._clock = dependencies.clock
        self._tracker = tracker
        self._permission = permission
        self._quoter = quoter
        self._policy = policy

    async def advance(self, order: Order, report: AttemptReport | None = None) -> Order | None:
        """Return the order once it rests, or None when another process has its lease.

        An order that waits for the chain is handed to the tracker. Raises StepLimitExceeded, and
        PortUnavailable from the store: then only the stored order is valid.
        """
        failpoint("worker.claimed")
        execution = _Execution(self._store, order)
        try:
            return await self._run_steps(execution, report)
        finally:
            execution.abandon()

    async def _run_steps(self, execution: _Execution, report: AttemptReport | None) -> Order | None:
        was_checked = False
        for _ in range(STEPS_MAX):
            step = next_step(execution.order, self._permission.time_of(execution.order))
            awaits_chain = isinstance(step, AwaitChain)
            # A wait, an order in flight without news from the chain, or a price that was looked at
            # and is not met: nothing to do for now.
            rests = (
                isinstance(step, Wait)
                or (awaits_chain and report is None)
                or (was_checked and isinstance(step, CheckTrigger))
            )
            if (step.requires_durable_commit or rests) and not await execution.flush():
                if execution.is_lost:
                    return None
                continue
            if rests:
                if awaits_chain:
                    self._tracker.track(execution.order)
                return execution.order
            if isinstance(step, SendTransaction):
                allowed = await self._permission.check(
                    execution.order, was_just_signed=execution.has_signed
                )
                if allowed == "changed":
                    execution.order = await self.reread(execution.order)
                    continue
                if allowed == "halted":
                    self._tracker.track(execution.order)
                    return execution.order
            if awaits_chain and report is not None:
                outcome: Outcome = report
                report = None
                failpoint("worker.heard")
            else:
                outcome = await self._with_permit(step, execution.order)
                was_checked = isinstance(step, CheckTrigger)
            now = self._permission.time_of(execution.order)
            execution.begin_commit(decide(execution.order, outcome, now, self._policy), now)
        raise StepLimitExceeded(execution.order.id)

    async def reread(self, order: Order) -> Order:
        """Return a claimed order as it is stored now, with its lease. Raises PortUnavailable."""
        stored = await self._store.reload(order.id)
        if stored is None or stored.head_hash == order.head_hash:
            return order
        return replace(stored, lease_owner=order.lease_owner, lease_epoch=order.lease_epoch)

    async def fail(self, order: Order, reason: Fault) -> None:
        """End an order that the engine cannot execute; never call it with an attempt in flight."""
        await self._store.commit(order, fail_order(order, reason), self._clock.now())

    async def _with_permit(self, step: Step, order: Order) -> Outcome:
        """Perform a step; one that waits for a venue, the chain or the signer needs a permit."""
        if isinstance(step, StartOrder):
            return OrderStarted()
        if isinstance(step, CloseUnwanted):
            return CloseConfirmed()
        if isinstance(step, CheckTrigger):
            return await self._confirm(order)
        async with self._permits:
            return await self._perform(step, order)

    async def _confirm(self, order: Order) -> PriceObservation:
        """Look at the prices of an order, slot after slot as long as they confirm its level.

        What another process or the watcher saw is a hint alone: this market view decides.
        """
        condition = order.condition
        seen = PriceObservation(Slot(0))
        for number in range(1, order.terms.confirm_slots + 1):
            async with self._permits:
                seen = await self._observe_after(order, seen.slot)
            if condition is None or not condition.is_met(seen.effective):
                break
            seen = replace(seen, observations=number)
        failpoint("worker.trigger_checked")
        return seen

    async def _observe_after(self, order: Order, slot: Slot) -> PriceObservation:
        """Return the prices at a later slot than the one given. Raises PortUnavailable."""
        chain = self._ports.chain
        until = self._clock.monotonic_ms() + OBSERVED_WITHIN_MS
        while (head := (await chain.blockhash()).slot) <= slot:
            if self._clock.monotonic_ms() >= until:
                return PriceObservation(slot)
            await self._clock.sleep(chain.rules.slot_ms)
        return await self._observe(order, head)

    async def _observe(self, order: Order, slot: Slot) -> PriceObservation:
        intent = order.intent
        asked = PricedAmount(intent.pair, intent.mode, intent.amount)
        return await self._quoter.observe(asked, try_reference(order), slot)

    async def _perform(self, step: Step, order: Order) -> Outcome:
        match step:
            case ArmTrigger():
                head = await self._ports.chain.blockhash()
                return TriggerArmed(await self._observe(order, head.slot))
            case FindRoute():
                outcome = await self._quoter.route_order(order)
                failpoint("worker.routed")
                return outcome
            case BuildTransaction(route):
                built = await build_attempt(self._ports.chain, self._ports.signer, order, route)
                failpoint("worker.signed")
                return built
            case SendTransaction(attempt):
                failpoint("worker.before_send")
                sent = await self._tracker.send(attempt)
                failpoint("worker.after_send")
                return sent
            case _:
                raise TypeError(step)


async def build_attempt(
    chain: Chain, signer: Signer, order: Order, route: Route
) -> TransactionBuilt | StepFailed:
    """Return a signed attempt that the chain would accept now, or why there is none."""
    swap = SwapRequest(
        order.id,
        order.attempt_count + 1,
        order.intent.wallet or signer.address,
        route,
        try_reference(order),
    )
    try:
        recent = await chain.blockhash()
        message = chain.build_message(swap, recent)
        rejection = await chain.simulate(message)
        if rejection is not None:
            return StepFailed(rejection)
        signed = await signer.sign(message)
    except PortUnavailable as error:
        return StepFailed(fault(Code.RPC_UNREACHABLE, str(error)))
    attempt = Attempt(
        swap.attempt,
        signed.signature,
        recent.text,
        recent.last_valid_height,
        recent.slot,
        transaction=signed.transaction,
    )
    return TransactionBuilt(attempt)
