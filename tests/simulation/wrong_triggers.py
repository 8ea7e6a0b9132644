"""Breaks the rules of orders that wait for a price, one at a time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final

from msgspec.structs import replace

from cambist.engine import executor
from cambist.orders import resting
from cambist.orders.order import Order
from cambist.orders.terms import Terms
from cambist.orders.trigger import PriceObservation
from cambist.stores.sqlite import writer
from cambist.values.time_units import Timestamp
from tests.simulation import database
from tests.simulation.wrong_decisions import swap


def triggers_on_the_word_of_the_watcher(stack: ExitStack) -> None:
    async def wrong(self: Any, order: Order) -> PriceObservation:
        seen = await self._observe_after(order, 0)
        return replace(seen, observations=order.terms.confirm_slots)

    def met(order: Order, outcome: Any, now: Timestamp) -> Any:
        if isinstance(outcome, PriceObservation) and order.condition is not None:
            triggered = resting.events.Triggered(order.condition.level, outcome)
            return resting.Decision((triggered,), now)
        return right(order, outcome, now)

    right = resting.observe
    swap(stack, executor.OrderExecutor, "_confirm", wrong)
    swap(stack, resting, "observe", met)


def takes_one_slot_for_two(stack: ExitStack) -> None:
    async def wrong(self: Any, order: Order) -> PriceObservation:
        return await self._observe_after(order, 0)

    def check(order: Order, seen: PriceObservation, now: Timestamp) -> Any:
        confirmed = replace(seen, observations=max(seen.observations, order.terms.confirm_slots))
        decision = right(order, confirmed, now)
        first = decision.events[:1]
        if first and isinstance(first[0], resting.events.Triggered):
            return replace(decision, events=(replace(first[0], observation=seen),))
        return decision

    right = resting._check
    swap(stack, executor.OrderExecutor, "_confirm", wrong)
    swap(stack, resting, "_check", check)


def signs_beyond_the_limit(stack: ExitStack) -> None:
    swap(stack, Terms, "is_within_limit", lambda *_: True)
    swap(stack, Terms, "limit_bound", lambda *_: None)


def triggers_under_a_halt(stack: ExitStack) -> None:
    for module in (writer, database):
        swap(stack, module, "needs_trading", lambda decision: decision.signed is not None)


ALL: Final = (
    triggers_on_the_word_of_the_watcher,
    takes_one_slot_for_two,
    signs_beyond_the_limit,
    triggers_under_a_halt,
)
