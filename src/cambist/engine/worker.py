"""Takes a claimed order as far as it can go now: step, perform, decide, commit."""

from __future__ import annotations

from typing import Final

from cambist.engine.means import Means
from cambist.engine.perform.build import build
from cambist.engine.perform.quote import find_route
from cambist.engine.perform.track import Tracker
from cambist.faultpoints import faultpoint
from cambist.faults import Fault
from cambist.orders.decide import Policy, decide, give_up
from cambist.orders.order import Order
from cambist.orders.steps import (
    Ask,
    Begin,
    Begun,
    Build,
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
from cambist.ports.failures import StaleClaim

STEPS_PER_TURN_MAX: Final = 64


class OutOfSteps(RuntimeError):
    """An order that would not come to rest: a defect of ours."""


class Worker:
    """Moves orders. No other code does."""

    def __init__(self, means: Means, tracker: Tracker, policy: Policy) -> None:
        self._store = means.store
        self._world = means.world
        self._clock = means.clock
        self._tracker = tracker
        self._policy = policy

    async def advance(self, order: Order, note: Testimony | None = None) -> Order | None:
        """Return the order once it rests, or None when it is someone else's now.

        An order that rests with the chain is left with the tracker. Raises OutOfSteps, and
        PortDown from the store: then the row says where the order stands.
        """
        faultpoint("worker.claimed")
        current: Order | None = order
        for _ in range(STEPS_PER_TURN_MAX):
            if current is None:
                return None
            step = next_step(current, self._clock.now())
            if isinstance(step, Rest):
                return current
            if isinstance(step, Ask):
                if note is None:
                    self._tracker.watch(current)
                    return current
                outcome: Outcome = note
                note = None
                faultpoint("worker.heard")
            else:
                outcome = await self._perform(step, current)
            current = await self._commit(current, outcome)
        raise OutOfSteps(order.id)

    async def park(self, order: Order, why: Fault) -> None:
        """End an order the engine cannot get on with; never one with an attempt in flight."""
        await self._store.commit(order, give_up(order, why), self._clock.now())

    async def _perform(self, step: Step, order: Order) -> Outcome:
        match step:
            case Begin():
                return Begun()
            case FindRoute():
                found = await find_route(self._world.market, self._clock, order)
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
            case Withdraw():
                return Withdrawn()
            case _:
                raise TypeError(step)

    async def _commit(self, order: Order, outcome: Outcome) -> Order | None:
        """Write what became true; on a stale claim go on from the order as it is now."""
        now = self._clock.now()
        change = decide(order, outcome, now, self._policy)
        if not change.facts:
            return order
        try:
            return await self._store.commit(order, change, now)
        except StaleClaim as stale:
            return stale.fresh
