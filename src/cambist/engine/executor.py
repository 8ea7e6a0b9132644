"""Executes one order: takes the next step, performs it, decides, commits."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from msgspec.structs import replace

from cambist.engine.dependencies import Means
from cambist.engine.inflight_tracker import Tracker
from cambist.engine.quoting import Quoter, draw_key
from cambist.engine.send_permission import SendPermission
from cambist.failpoints import faultpoint
from cambist.faults import Code, Fault, fault
from cambist.orders.attempt import Attempt
from cambist.orders.decide import Change, Policy, decide, give_up
from cambist.orders.order import Order
from cambist.orders.steps import (
    Ask,
    Begin,
    Begun,
    Build,
    Built,
    Faulted,
    FindRoute,
    Outcome,
    Rest,
    Send,
    Step,
    Testimony,
    Withdraw,
    Withdrawn,
    next_step,
)
from cambist.ports.chain import Chain, Swap
from cambist.ports.errors import PortDown, StaleClaim
from cambist.ports.signer import Signer
from cambist.ports.store import Store
from cambist.values.route import Route
from cambist.values.time_units import Moment

STEPS_PER_TURN_MAX: Final = 64


class OutOfSteps(RuntimeError):
    """An order that would not come to rest: a defect of ours."""


class _Turn:
    """An order on its way through a turn, and the changes of it that are not durable yet."""

    def __init__(self, store: Store, order: Order) -> None:
        self._store = store
        self._writing: list[asyncio.Future[Any]] = []
        self.order = order
        self.is_lost = False
        self.has_signed = False
        """Whether the attempt in flight was recorded in this turn, and so under no halt."""

    def begin(self, change: Change, now: Moment) -> None:
        """Begin to write what became true, and go on from the order as it will be."""
        if change.facts:
            begun = self._store.begin(self.order, change, now)
            self.has_signed |= change.signed is not None
            self._writing.append(begun.durable)
            self.order = begun.order

    async def written(self) -> bool:
        """Wait until all is durable; False when the order moved under us.

        Then it stands as it does now, or is someone else's and lost to us. Raises PortDown.
        """
        while self._writing:
            try:
                await self._writing[0]
            except StaleClaim as stale:
                # What was built on the stale change is stale with it.
                self.let_go()
                self.is_lost = stale.fresh is None
                self.order = stale.fresh or self.order
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


class Worker:
    """Moves orders. No other code does.

    So many steps are performed at once as it has hands; a turn that waits for the disk holds
    none.
    """

    def __init__(
        self,
        means: Means,
        tracker: Tracker,
        permission: SendPermission,
        quoter: Quoter,
        policy: Policy,
        hands: int,
    ) -> None:
        self._hands = asyncio.Semaphore(hands)
        self._store = means.store
        self._world = means.world
        self._clock = means.clock
        self._tracker = tracker
        self._permission = permission
        self._quoter = quoter
        self._policy = policy

    async def advance(self, order: Order, note: Testimony | None = None) -> Order | None:
        """Return the order once it rests, or None when it is someone else's now.

        An order that rests with the chain is left with the tracker. Raises OutOfSteps, and
        PortDown from the store: then the row says where the order stands.
        """
        faultpoint("worker.claimed")
        turn = _Turn(self._store, order)
        try:
            return await self._go(turn, note)
        finally:
            turn.let_go()

    async def _go(self, turn: _Turn, note: Testimony | None) -> Order | None:
        for _ in range(STEPS_PER_TURN_MAX):
            step = next_step(turn.order, self._permission.time_of(turn.order))
            asks = isinstance(step, Ask)
            rests = isinstance(step, Rest) or (asks and note is None)
            if (step.consequential or rests) and not await turn.written():
                if turn.is_lost:
                    return None
                continue
            if rests:
                if asks:
                    self._tracker.watch(turn.order)
                return turn.order
            if isinstance(step, Send):
                allowed = await self._permission.check(turn.order, was_just_signed=turn.has_signed)
                if allowed == "changed":
                    turn.order = await self.reread(turn.order)
                    continue
                if allowed == "halted":
                    self._tracker.watch(turn.order)
                    return turn.order
            if asks and note is not None:
                outcome: Outcome = note
                note = None
                faultpoint("worker.heard")
            else:
                outcome = await self._by_hand(step, turn.order)
            now = self._permission.time_of(turn.order)
            turn.begin(decide(turn.order, outcome, now, self._policy), now)
        raise OutOfSteps(turn.order.id)

    async def reread(self, order: Order) -> Order:
        """Return a claimed order with what others noted of it since. Raises PortDown."""
        kept = await self._store.look_again(order.id)
        if kept is None or kept.head_hash == order.head_hash:
            return order
        return replace(kept, lease_owner=order.lease_owner, lease_epoch=order.lease_epoch)

    async def park(self, order: Order, why: Fault) -> None:
        """End an order the engine cannot get on with; never one with an attempt in flight."""
        await self._store.commit(order, give_up(order, why), self._clock.now())

    async def _by_hand(self, step: Step, order: Order) -> Outcome:
        """Do what the order needs; what takes the world's time takes one of the few hands."""
        if isinstance(step, Begin):
            return Begun()
        if isinstance(step, Withdraw):
            return Withdrawn()
        async with self._hands:
            return await self._perform(step, order)

    async def _perform(self, step: Step, order: Order) -> Outcome:
        match step:
            case FindRoute():
                found = await self._quoter.route_order(order)
                faultpoint("worker.routed")
                return found
            case Build(route):
                built = await build(self._world.chain, self._world.signer, order, route)
                faultpoint("worker.signed")
                return built
            case Send(attempt):
                faultpoint("worker.before_send")
                handed = await self._tracker.send(attempt)
                faultpoint("worker.after_send")
                return handed
            case _:
                raise TypeError(step)


async def build(chain: Chain, signer: Signer, order: Order, route: Route) -> Built | Faulted:
    """Return a signed attempt that the chain would accept now, or why there is none."""
    swap = Swap(
        order.id,
        order.attempts_made + 1,
        order.intent.wallet or signer.address,
        route,
        draw_key(order),
    )
    try:
        recent = await chain.blockhash()
        message = chain.compose(swap, recent)
        refusal = await chain.simulate(message)
        if refusal is not None:
            return Faulted(refusal)
        signed = await signer.sign(message)
    except PortDown as down:
        return Faulted(fault(Code.RPC_UNREACHABLE, str(down)))
    attempt = Attempt(
        swap.attempt,
        signed.signature,
        recent.text,
        recent.last_valid_height,
        recent.slot,
        transaction=signed.transaction,
    )
    return Built(attempt)
