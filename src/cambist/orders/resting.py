"""Decides about orders that wait for a price: when they trigger, rest again, or end."""

# Two families of orders differ in what they do after a try that came to nothing, with no
# transaction in flight.
#
# A limit and a take-profit are about a price, so they rest again (`Rearmed`). After a revert or a
# lapse they are checked at once, since their price was met a moment ago. After a try that was never
# signed, because its route missed the limit or the chain rejected it in simulation, the next check
# comes after 1, 2, 4 ... 60 s, so that a price that flickers around the level does not cost
# endless work.
#
# A stop is about getting out, so it does not give up. It is quoted again at once, then after 1, 2,
# 4 s and every 5 s from then on, and these tries do not count against `tries_max`. Its tolerance
# does not widen by itself: only a revert because of the bound moves it along the slippage ladder
# that the user gave. A stop with a limit price that cannot trade within it rests in the phase
# `limit`.
#
# No order ends for a temporary reason. What no waiting cures ends it: a fault of the user's, apart
# from missing funds, which may come.

from __future__ import annotations

from typing import Final

from cambist.faults import Code, Fault, Remedy, fault
from cambist.orders import events
from cambist.orders.decision import Decision
from cambist.orders.order import Order
from cambist.orders.steps import TriggerArmed
from cambist.orders.trigger import PriceObservation, TriggerState
from cambist.values.time_units import Millis, Timestamp, add_ms

FAR: Final = Timestamp(253_402_214_400_000)
"""The due time of an order without a deadline that waits for a price: 9999-12-31."""
MISS_FIRST_MS: Final = Millis(1_000)
MISS_MAX_MS: Final = Millis(60_000)
STOP_RETRY_MAX_MS: Final = Millis(5_000)
CURABLE_WAIT_MS: Final = Millis(60_000)
"""How long an order rests that has no route or no funds: both may come."""

_CURABLE: Final = frozenset((Code.NO_ROUTE, Code.INSUFFICIENT_FUNDS))


def rest_until(order: Order) -> Timestamp:
    """Return when a resting order is due without any price: its start, or its deadline."""
    terms = order.terms
    due = FAR if terms.deadline is None else terms.deadline
    if terms.start_at is not None and not order.intent.waits_for_price:
        due = min(due, terms.start_at)
    return due


def observe(order: Order, outcome: TriggerArmed | PriceObservation, now: Timestamp) -> Decision:
    """Return what follows from the prices that an order was held against."""
    if isinstance(outcome, TriggerArmed):
        return _arm(order, outcome.observation, now)
    return _check(order, outcome, now)


def _arm(order: Order, observation: PriceObservation | None, now: Timestamp) -> Decision:
    """Return the decision that lets a new order rest."""
    condition = order.condition
    starts_at = order.terms.start_at
    armed = events.Armed(
        None if condition is None else condition.level,
        observation,
        starts_at if starts_at is not None and now < starts_at else None,
    )
    return Decision((armed,), rest_until(order))


def _check(order: Order, seen: PriceObservation, now: Timestamp) -> Decision:
    """Return what follows from the prices that a resting order was held against."""
    condition = order.condition
    if condition is None:
        return Decision((events.Triggered(),), now)
    if condition.is_met(seen.effective) and seen.observations >= order.terms.confirm_slots:
        return Decision((events.Triggered(condition.level, seen),), now)
    state = order.trigger or TriggerState()
    is_touched = condition.side == "at_or_above" and condition.is_met(seen.touch)
    if is_touched and not state.was_touched and not condition.is_met(seen.effective):
        return Decision((events.Touched(condition.level, seen),), rest_until(order))
    return Decision((), order.wake_at)


def after_failed_try(
    order: Order, before: tuple[events.OrderEvent, ...], why: Fault, now: Timestamp
) -> Decision | None:
    """Return the decision after a try that came to nothing; None where nothing cures its fault."""
    is_temporary = why.remedy is not Remedy.GIVE_UP
    if not is_temporary and why.code not in _CURABLE:
        return None
    if order.intent.kind == "stop":
        return _retry_stop(order, before, why, now)
    if why.code in _CURABLE:
        return _rearm(order, before, why, add_ms(now, CURABLE_WAIT_MS))
    # What was signed was within the limit a moment ago. What was not may never be.
    wait_ms = 0 if before else _miss_ms(order)
    return _rearm(order, before, why, add_ms(now, wait_ms))


def rearm_after_miss(order: Order, why: Fault, now: Timestamp) -> Decision:
    """Return the decision after a route that was worse than the limit."""
    return _rearm(order, (), why, add_ms(now, _miss_ms(order)))


def not_filled_at_once(why: Fault, before: tuple[events.OrderEvent, ...] = ()) -> Decision:
    """Return the decision that ends an order that was to be filled at once, and was not."""
    sentence = f"The order was to be filled at once, and was not: {why.message}"
    return Decision((*before, events.Expired(fault(Code.NOT_FILLED_AT_ONCE, sentence))), None)


def _rearm(
    order: Order, before: tuple[events.OrderEvent, ...], why: Fault, not_before: Timestamp
) -> Decision:
    state = order.trigger or TriggerState()
    has_limit = order.terms.limit_price is not None
    phase = "limit" if has_limit and order.intent.kind != "limit" else state.phase
    rearmed = events.Rearmed(why, order.try_number + 1, not_before, phase)
    return Decision((*before, rearmed), rest_until(order))


def _retry_stop(
    order: Order, before: tuple[events.OrderEvent, ...], why: Fault, now: Timestamp
) -> Decision:
    tries = order.try_number
    if why.code is Code.INSUFFICIENT_FUNDS:
        wait_ms = int(CURABLE_WAIT_MS)
    elif tries == 1 and before:
        wait_ms = 0
    else:
        wait_ms = min(MISS_FIRST_MS << min(max(tries - 2, 0), 32), STOP_RETRY_MAX_MS)
    wake_at = add_ms(now, wait_ms)
    return Decision((*before, events.RetryScheduled(why, tries + 1, wake_at)), wake_at)


def _miss_ms(order: Order) -> int:
    misses = (order.trigger or TriggerState()).misses
    return min(MISS_FIRST_MS << min(misses, 32), MISS_MAX_MS)
