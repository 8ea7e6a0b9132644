"""Lists the write commands of a store and their results."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from cambist.orders.amend import wake_after_amend
from cambist.orders.decide import Decision
from cambist.orders.events import Amended, Triggered
from cambist.orders.journal import RecordedEvent, append
from cambist.orders.lifecycle import evolve
from cambist.orders.order import Order
from cambist.orders.terms import Terms
from cambist.ports.chain import ExecutedTransaction
from cambist.ports.store import Halt, IdempotencyRecord, NewOrder
from cambist.values.ids import OrderId
from cambist.values.time_units import Slot, Timestamp

__all__ = [
    "AmendOrder",
    "AppendNote",
    "ApplyDecision",
    "CommittedEvents",
    "FillsSummed",
    "InsertOrder",
    "InsertOrders",
    "RecordReconciliation",
    "RecoveredEvents",
    "RequestCancel",
    "SetHalt",
    "SumFills",
    "Write",
    "WriteProbe",
    "Written",
    "apply_decision",
    "apply_terms",
    "needs_trading",
]


class InsertOrder(msgspec.Struct, frozen=True):
    """A new order."""

    new_order: NewOrder


class InsertOrders(msgspec.Struct, frozen=True):
    """New orders that belong together: all durable at once."""

    births: tuple[NewOrder, ...]


class ApplyDecision(msgspec.Struct, frozen=True):
    """A decision about a leased order, with its journal entries and the time it was made."""

    before: Order
    after: Order
    events: tuple[RecordedEvent, ...]
    decision: Decision
    now: Timestamp = Timestamp(0)


class AppendNote(ApplyDecision, frozen=True):
    """An event added by someone who holds no lease."""


class RecoveredEvents(msgspec.Struct, frozen=True, gc=False):
    """Events that an earlier batch made durable although it failed, from `position` on."""

    events: tuple[RecordedEvent, ...]
    position: int


class CommittedEvents(msgspec.Struct, frozen=True, gc=False):
    """Events that became durable, from `position` on."""

    events: tuple[RecordedEvent, ...]
    position: int = 0
    taken: tuple[IdempotencyRecord | None, ...] = ()
    recovered: RecoveredEvents | None = None


class RequestCancel(msgspec.Struct, frozen=True):
    """A user's request to cancel an order."""

    order_id: OrderId
    now: Timestamp


class AmendOrder(msgspec.Struct, frozen=True):
    """A user's change of the terms of an order whose last event is `at_seq`."""

    order_id: OrderId
    terms: Terms
    at_seq: int
    now: Timestamp


class SetHalt(msgspec.Struct, frozen=True):
    """The start or the end of a halt of all trading."""

    halt: Halt | None
    by: str
    reason: str
    now: Timestamp


class WriteProbe(msgspec.Struct, frozen=True):
    """A write that changes nothing, to find out whether the disk takes writes."""


class RecordReconciliation(msgspec.Struct, frozen=True):
    """The result of a comparison with the chain: the slot it reached, or what is missing."""

    slot: Slot | None = None
    missing: tuple[ExecutedTransaction, ...] = ()
    halt: Halt | None = None
    now: Timestamp = Timestamp(0)


class SumFills(msgspec.Struct, frozen=True):
    """A request to add some fills to the totals of their days."""


class FillsSummed(msgspec.Struct, frozen=True, kw_only=True):
    """The result of SumFills: whether more fills are waiting."""

    is_more: bool
    recovered: RecoveredEvents | None = None


Write = (
    InsertOrder
    | InsertOrders
    | ApplyDecision
    | RequestCancel
    | AmendOrder
    | SetHalt
    | RecordReconciliation
    | WriteProbe
    | SumFills
)
Written = CommittedEvents | FillsSummed


def needs_trading(decision: Decision) -> bool:
    """Whether a halt forbids a decision: an attempt begins, or a resting order is triggered."""
    return decision.signed is not None or any(
        isinstance(event, Triggered) for event in decision.events
    )


def apply_decision(
    order: Order,
    decision: Decision,
    now: Timestamp,
    *,
    owner: str | None = None,
    leased: Timestamp | None = None,
    command: type[ApplyDecision] = ApplyDecision,
) -> ApplyDecision:
    """Return the write command of a decision: the order after it, and its journal entries.

    `owner` becomes the owner of the lease; without one the lease stays as it is. `leased` is the
    wake-up of an order that waits for the chain; without one it is that of the decision. Raises
    IllegalTransition when the lifecycle does not allow an event.
    """
    events = append(order, decision.events, now)
    after = events[-1].order if events else order
    after = replace(
        after,
        version=order.version + 1,
        lease_owner=after.lease_owner if owner is None else owner,
        wake_at=_wake_at(order.wake_at, after, decision, now, leased),
    )
    if decision.signed is not None:
        after = _with_bytes(after, decision.signed.transaction)
    events = (*events[:-1], replace(events[-1], order=after)) if events else ()
    return command(order, after, events, decision, now)


def apply_terms(order: Order, terms: Terms, now: Timestamp) -> ApplyDecision:
    """Return the write command of new terms. Raises IllegalTransition for a closed order."""
    amended = Amended(terms)
    wake_at = wake_after_amend(evolve(order, amended, now), now)
    return apply_decision(order, Decision((amended,), wake_at), now, command=AppendNote)


def _wake_at(
    current: Timestamp | None,
    after: Order,
    decision: Decision,
    now: Timestamp,
    leased: Timestamp | None,
) -> Timestamp | None:
    """Return the wake-up of the row after a decision."""
    if decision.wake_at is None:
        return None
    if leased is not None and after.awaits_chain:
        return leased
    # A time that is past already stays as it is: to move it would only churn the index.
    is_due = current is not None and current <= now and decision.wake_at <= now
    return current if is_due else decision.wake_at


def _with_bytes(order: Order, transaction: bytes) -> Order:
    attempt = order.attempt
    return (
        order
        if attempt is None
        else replace(order, attempt=replace(attempt, transaction=transaction))
    )
