"""Names the writes a model database takes, and the rows they imply."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.attempt import Attempt, AttemptState
from cambist.orders.decide import Decision
from cambist.orders.journal import RecordedEvent, append
from cambist.orders.order import Order
from cambist.orders.terms import Terms
from cambist.ports.store import Halt, IdempotencyRecord, NewOrder
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp


class Move(NamedTuple):
    """A change of an order by the process that holds it."""

    before: Order
    after: Order
    events: tuple[RecordedEvent, ...]
    change: Decision


class Births(NamedTuple):
    """Orders that are born together."""

    births: tuple[NewOrder, ...]
    strict: bool


class Cancel(NamedTuple):
    """A user's wish to end an order."""

    order_id: OrderId
    now: Timestamp


class Amend(NamedTuple):
    """New terms for an order whose last event is `at_seq`."""

    order_id: OrderId
    terms: Terms
    at_seq: int
    now: Timestamp


class Switch(NamedTuple):
    """A move of the switch that stops all trading."""

    halt: Halt | None


Write = Move | Births | Cancel | Amend | Switch


class Written(NamedTuple):
    """Lines that became durable; `place` is the first one's."""

    events: tuple[RecordedEvent, ...]
    place: int
    taken: tuple[IdempotencyRecord | None, ...] = ()


class Kept(NamedTuple):
    """A row of `attempts`."""

    attempt: Attempt
    state: AttemptState


def fate(event: events.OrderEvent) -> AttemptState | None:
    """Return the state a fact leaves its attempt in."""
    match event:
        case events.Landed():
            return "landed"
        case events.Reverted():
            return "reverted"
        case events.Lapsed():
            return "lapsed"
        case _:
            return None


def rebased(write: Move, row: Order) -> Move:
    """Build a change on the row as it is, whoever may own it: what no fencing comes to."""
    told = append(row, [event.event for event in write.events], row.last_at)
    after = told[-1].order if told else row
    if after.attempt is not None and write.after.attempt is not None:
        kept = replace(after.attempt, transaction=write.after.attempt.transaction)
        after = replace(after, attempt=kept)
    after = replace(
        after, version=row.version + 1, wake_at=write.after.wake_at,
        lease_owner=write.after.lease_owner, lease_epoch=write.before.lease_epoch,
    )  # fmt: skip
    return Move(row, after, told, write.change)
