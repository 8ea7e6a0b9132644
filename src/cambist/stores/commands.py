"""Lists the write commands of a store and their results."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from cambist.orders.decide import Decision
from cambist.orders.journal import RecordedEvent, append
from cambist.orders.order import Order
from cambist.ports.chain import ExecutedTransaction
from cambist.ports.store import Halt, IdempotencyRecord, NewOrder
from cambist.values.ids import OrderId
from cambist.values.time_units import Slot, Timestamp

__all__ = [
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
    "write_out",
]


class InsertOrder(msgspec.Struct, frozen=True):
    """A new order."""

    new_order: NewOrder


class InsertOrders(msgspec.Struct, frozen=True):
    """New orders that belong together: all durable at once."""

    births: tuple[NewOrder, ...]


class ApplyDecision(msgspec.Struct, frozen=True):
    """A change of a claimed order, its journal lines already written out, and when it was made."""

    before: Order
    after: Order
    events: tuple[RecordedEvent, ...]
    decision: Decision
    now: Timestamp = Timestamp(0)


class AppendNote(ApplyDecision, frozen=True):
    """A change by somebody who holds no claim."""


class RecoveredEvents(msgspec.Struct, frozen=True, gc=False):
    """Lines that an earlier batch made durable, though it failed; `place` is the first one's."""

    events: tuple[RecordedEvent, ...]
    position: int


class CommittedEvents(msgspec.Struct, frozen=True, gc=False):
    """Lines that became durable; `place` is the first one's, and the others follow."""

    events: tuple[RecordedEvent, ...]
    position: int = 0
    taken: tuple[IdempotencyRecord | None, ...] = ()
    untold: RecoveredEvents | None = None


class RequestCancel(msgspec.Struct, frozen=True):
    """A user's wish to end an order."""

    order_id: OrderId
    now: Timestamp


class SetHalt(msgspec.Struct, frozen=True):
    """A move of the switch that stops all trading: to a halt, or away from it."""

    halt: Halt | None
    by: str
    reason: str
    now: Timestamp


class WriteProbe(msgspec.Struct, frozen=True):
    """The question whether the disk takes a write, asked by making one that changes nothing."""


class RecordReconciliation(msgspec.Struct, frozen=True):
    """The word that the chain was held against the attempts: up to a slot, or what is missing."""

    slot: Slot | None = None
    missing: tuple[ExecutedTransaction, ...] = ()
    halt: Halt | None = None
    now: Timestamp = Timestamp(0)


class SumFills(msgspec.Struct, frozen=True):
    """The request to put some fills into the sums of their days."""


class FillsSummed(msgspec.Struct, frozen=True, kw_only=True):
    """Its answer: whether more fills are waiting."""

    is_more: bool
    untold: RecoveredEvents | None = None


Write = (
    InsertOrder
    | InsertOrders
    | ApplyDecision
    | RequestCancel
    | SetHalt
    | RecordReconciliation
    | WriteProbe
    | SumFills
)
Written = CommittedEvents | FillsSummed


def write_out(
    order: Order, change: Decision, now: Timestamp, owner: str, leased: Timestamp
) -> ApplyDecision:
    """Return the write of a change; `leased` is the wake-up of an order that rests in flight.

    Raises IllegalFact when the lifecycle does not allow it.
    """
    events = append(order, change.events, now)
    after = events[-1].order if events else order
    after = replace(
        after,
        version=order.version + 1,
        lease_owner=owner,
        wake_at=_wake_at(order.wake_at, after, change, now, leased),
    )
    if change.signed is not None:
        after = _with_bytes(after, change.signed.transaction)
    events = (*events[:-1], replace(events[-1], order=after)) if events else ()
    return ApplyDecision(order, after, events, change)


def _wake_at(
    standing: Timestamp | None, after: Order, change: Decision, now: Timestamp, leased: Timestamp
) -> Timestamp | None:
    """Return the row's wake-up: the lease's end for an order that rests with the chain.

    An instant that is past already is kept as it stands: moving it would only churn the index.
    """
    if change.wake_at is None:
        return None
    if after.awaits_chain:
        return leased
    due = standing is not None and standing <= now and change.wake_at <= now
    return standing if due else change.wake_at


def _with_bytes(order: Order, transaction: bytes) -> Order:
    attempt = order.attempt
    return (
        order
        if attempt is None
        else replace(order, attempt=replace(attempt, transaction=transaction))
    )
