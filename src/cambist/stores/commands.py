"""Lists the write commands of a store and their results."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from cambist.orders.decide import Change
from cambist.orders.journal import Told, append
from cambist.orders.order import Order
from cambist.ports.chain import Trace
from cambist.ports.store import Birth, Halt, Keyed
from cambist.values.ids import OrderId
from cambist.values.time_units import Moment, Slot

__all__ = [
    "Add",
    "AddAll",
    "AddUp",
    "Cancel",
    "Compared",
    "Facts",
    "Move",
    "Probe",
    "Summed",
    "Switch",
    "Untold",
    "Wish",
    "Write",
    "Written",
    "write_out",
]


class Add(msgspec.Struct, frozen=True):
    """A new order."""

    birth: Birth


class AddAll(msgspec.Struct, frozen=True):
    """New orders that belong together: all durable at once."""

    births: tuple[Birth, ...]


class Move(msgspec.Struct, frozen=True):
    """A change of a claimed order, its journal lines already written out, and when it was made."""

    before: Order
    after: Order
    told: tuple[Told, ...]
    change: Change
    now: Moment = Moment(0)


class Wish(Move, frozen=True):
    """A change by somebody who holds no claim."""


class Untold(msgspec.Struct, frozen=True, gc=False):
    """Lines that an earlier batch made durable, though it failed; `place` is the first one's."""

    told: tuple[Told, ...]
    place: int


class Facts(msgspec.Struct, frozen=True, gc=False):
    """Lines that became durable; `place` is the first one's, and the others follow."""

    told: tuple[Told, ...]
    place: int = 0
    taken: tuple[Keyed | None, ...] = ()
    untold: Untold | None = None


class Cancel(msgspec.Struct, frozen=True):
    """A user's wish to end an order."""

    order_id: OrderId
    now: Moment


class Switch(msgspec.Struct, frozen=True):
    """A move of the switch that stops all trading: to a halt, or away from it."""

    halt: Halt | None
    by: str
    reason: str
    now: Moment


class Probe(msgspec.Struct, frozen=True):
    """The question whether the disk takes a write, asked by making one that changes nothing."""


class Compared(msgspec.Struct, frozen=True):
    """The word that the chain was held against the attempts: up to a slot, or what is missing."""

    slot: Slot | None = None
    missing: tuple[Trace, ...] = ()
    halt: Halt | None = None
    now: Moment = Moment(0)


class AddUp(msgspec.Struct, frozen=True):
    """The request to put some fills into the sums of their days."""


class Summed(msgspec.Struct, frozen=True, kw_only=True):
    """Its answer: whether more fills are waiting."""

    is_more: bool
    untold: Untold | None = None


Write = Add | AddAll | Move | Cancel | Switch | Compared | Probe | AddUp
Written = Facts | Summed


def write_out(order: Order, change: Change, now: Moment, owner: str, leased: Moment) -> Move:
    """Return the write of a change; `leased` is the wake-up of an order that rests in flight.

    Raises IllegalFact when the lifecycle does not allow it.
    """
    told = append(order, change.facts, now)
    after = told[-1].order if told else order
    after = replace(
        after,
        version=order.version + 1,
        lease_owner=owner,
        wake_at=_wake_at(order.wake_at, after, change, now, leased),
    )
    if change.signed is not None:
        after = _with_bytes(after, change.signed.transaction)
    told = (*told[:-1], replace(told[-1], order=after)) if told else ()
    return Move(order, after, told, change)


def _wake_at(
    standing: Moment | None, after: Order, change: Change, now: Moment, leased: Moment
) -> Moment | None:
    """Return the row's wake-up: the lease's end for an order that rests with the chain.

    An instant that is past already is kept as it stands: moving it would only churn the index.
    """
    if change.wake_at is None:
        return None
    if after.rests_with_chain:
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
