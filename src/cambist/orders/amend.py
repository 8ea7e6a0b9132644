"""Says whether the terms of an order may be changed now, and from when new terms apply."""

# New terms are one event, `amended`, that leaves the status as it is. A store writes it only on top
# of the events that the change was decided on. So a change that races a trigger either stands
# before it, and then the order is held against the new level, or is decided again after it.

from __future__ import annotations

from typing import Literal

from cambist.faults import Code
from cambist.orders.order import Order, Status
from cambist.orders.resting import rest_until
from cambist.orders.steps import is_cancelled_or_past_deadline
from cambist.orders.terms import Terms
from cambist.values.time_units import Timestamp

AppliesFrom = Literal["now", "next_attempt"]


def find_conflict(order: Order, terms: Terms, now: Timestamp) -> Code | None:
    """Return why an order cannot have new terms any more; None when it can.

    The level of an order that was triggered is past: it cannot be moved until the order rests.
    """
    if order.is_closed or is_cancelled_or_past_deadline(order, now):
        return Code.TOO_LATE
    has_new_trigger = terms.trigger_price != order.terms.trigger_price
    has_new_limit = terms.limit_price != order.terms.limit_price
    if order.status is Status.SUBMITTED and has_new_trigger:
        return Code.ATTEMPT_IN_FLIGHT
    is_level_new = has_new_trigger or (has_new_limit and order.intent.kind == "limit")
    if order.status in (Status.ROUTING, Status.BUILDING) and is_level_new:
        return Code.ALREADY_TRIGGERED
    return None


def applies_from(order: Order) -> AppliesFrom:
    """Return from when new terms bound what is traded: a route that was chosen keeps its bound."""
    is_bound = order.status in (Status.BUILDING, Status.SUBMITTED)
    return "next_attempt" if is_bound else "now"


def wake_after_amend(order: Order, now: Timestamp) -> Timestamp | None:
    """Return when an order with new terms is due: a resting one at its start or deadline."""
    if order.status is Status.WAITING:
        return rest_until(order)
    if order.in_flight is not None or order.wake_at is None:
        return order.wake_at
    deadline = order.terms.deadline
    return order.wake_at if deadline is None else min(order.wake_at, max(deadline, now))
