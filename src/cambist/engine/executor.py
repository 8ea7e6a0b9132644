"""Executes one order: takes the next step, performs it, decides, commits."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from msgspec.structs import replace

from cambist.engine.dependencies import EngineDependencies
from cambist.engine.inflight_tracker import InFlightTracker
from cambist.engine.quoting import Quoter, try_reference
from cambist.engine.send_permission import SendPermission
from cambist.failpoints import failpoint
from cambist.faults import Code, Fault, fault
from cambist.orders.attempt import Attempt
from cambist.orders.decide import Decision, Policy, decide, fail_order
from cambist.orders.order import Order
from cambist.orders.steps import (
    AttemptReport,
    AwaitChain,
    BuildTransaction,
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
    Wait,
    next_step,
)
from cambist.ports.chain import Chain, SwapRequest
from cambist.ports.errors import PortUnavailable, VersionConflict
from cambist.ports.signer import Signer
from cambist.ports.store import Store
from cambist.values.route import Route
from cambist.values.time_units import Timestamp

STEPS_PER_TURN_MAX: Final = 64


class StepLimitExceeded(RuntimeError):
    """An order that would not come to rest: a defect of ours."""


class _Execution:
    """An order on its way through a turn, and the changes of it that are not durable yet."""

    def __init__(self, store: Store, order: Order) -> None:
        self._store = store
        self._writing: list[asyncio.Future[Any]] = []
        self.order = order
        self.is_lost = False
        self.has_signed = False
        """Whether the attempt in flight was recorded in this turn, and so under no halt."""

    def begin_commit(self, change: Decision, now: Timestamp) -> None:
        """Begin to write what became true, and go on from the order as it will be."""
        if change.events:
            begun = self._store.begin_commit(self.order, change, now)
            self.has_signed |= change.signed is not None
            self._writing.append(begun.durable)
            self.order = begun.order

    async def flush(self) -> bool:
        """Wait until all is durable; False when the order moved under us.

        Then it stands as it does now, or is someone else's and lost to us. Raises PortUnavailable.
        """
        while self._writing:
            try:
                await self._writing[0]
            except VersionConflict as stale:
                # What was built on the stale change is stale with it.
                self.let_go()
                self.is_lost = stale.current is None
                self.order = stale.current or self.order
                return False
            del self._writing[0]
        return True

    def let_go(self) -> None:
        """Wait for nothing more; what is on its way is still written or refused."""
        for future in self._writing:
            future.add_done_callback(_no_matter)
        self._writing.clear()


def _no_matter(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


class OrderExecutor:
    """Moves orders. No other code does.

    So many steps are performed at once as it has hands; a turn that waits for the disk holds
    none.
    """

    def __init__(
        self,
        dependencies: EngineDependencies,
        tracker: InFlightTracker,
        permission: SendPermission,
        quoter: Quoter,
        policy: Policy,
        hands: int,
    ) -> None:
        self._permits = asyncio.Semaphore(hands)
        self._store = dependencies.store
        self._world = dependencies.world
        self._clock = dependencies.clock
        self._tracker = tracker
        self._permission = permission
        self._quoter = quoter
        self._policy = policy

    async def advance(self, order: Order, note: AttemptReport | None = None) -> Order | None:
        """Return the order once it rests, or None when it is someone else's now.

        An order that rests with the chain is left with the tracker. Raises StepLimitExceeded, and
        PortUnavailable from the store: then the row says where the order stands.
        """
        failpoint("worker.claimed")
        turn = _Execution(self._store, order)
        try:
            return await self._run_steps(turn, note)
        finally:
            turn.let_go()

    async def _run_steps(self, turn: _Execution, note: AttemptReport | None) -> Order | None:
        for _ in range(STEPS_PER_TURN_MAX):
            step = next_step(turn.order, self._permission.time_of(turn.order))
            asks = isinstance(step, AwaitChain)
            rests = isinstance(step, Wait) or (asks and note is None)
            if (step.requires_durable_commit or rests) and not await turn.flush():
                if turn.is_lost:
                    return None
                continue
            if rests:
                if asks:
                    self._tracker.track(turn.order)
                return turn.order
            if isinstance(step, SendTransaction):
                allowed = await self._permission.check(turn.order, was_just_signed=turn.has_signed)
                if allowed == "changed":
                    turn.order = await self.reread(turn.order)
                    continue
                if allowed == "halted":
                    self._tracker.track(turn.order)
                    return turn.order
            if asks and note is not None:
                outcome: Outcome = note
                note = None
                failpoint("worker.heard")
            else:
                outcome = await self._with_permit(step, turn.order)
            now = self._permission.time_of(turn.order)
            turn.begin_commit(decide(turn.order, outcome, now, self._policy), now)
        raise StepLimitExceeded(turn.order.id)

    async def reread(self, order: Order) -> Order:
        """Return a claimed order with what others noted of it since. Raises PortUnavailable."""
        kept = await self._store.reload(order.id)
        if kept is None or kept.head_hash == order.head_hash:
            return order
        return replace(kept, lease_owner=order.lease_owner, lease_epoch=order.lease_epoch)

    async def fail(self, order: Order, why: Fault) -> None:
        """End an order the engine cannot get on with; never one with an attempt in flight."""
        await self._store.commit(order, fail_order(order, why), self._clock.now())

    async def _with_permit(self, step: Step, order: Order) -> Outcome:
        """Do what the order needs; what takes the world's time takes one of the few hands."""
        if isinstance(step, StartOrder):
            return OrderStarted()
        if isinstance(step, CloseUnwanted):
            return CloseConfirmed()
        async with self._permits:
            return await self._perform(step, order)

    async def _perform(self, step: Step, order: Order) -> Outcome:
        match step:
            case FindRoute():
                found = await self._quoter.route_order(order)
                failpoint("worker.routed")
                return found
            case BuildTransaction(route):
                built = await build_attempt(self._world.chain, self._world.signer, order, route)
                failpoint("worker.signed")
                return built
            case SendTransaction(attempt):
                failpoint("worker.before_send")
                handed = await self._tracker.send(attempt)
                failpoint("worker.after_send")
                return handed
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
        refusal = await chain.simulate(message)
        if refusal is not None:
            return StepFailed(refusal)
        signed = await signer.sign(message)
    except PortUnavailable as down:
        return StepFailed(fault(Code.RPC_UNREACHABLE, str(down)))
    attempt = Attempt(
        swap.attempt,
        signed.signature,
        recent.text,
        recent.last_valid_height,
        recent.slot,
        transaction=signed.transaction,
    )
    return TransactionBuilt(attempt)
