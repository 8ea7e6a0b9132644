"""Writes a change out: the order after it, and the lines that say so."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from cambist.orders.decide import Change
from cambist.orders.journal import append
from cambist.orders.order import Order
from cambist.stores.sqlite.items import Move
from cambist.values.time_units import Moment

LEASED: Final = Moment(2**53 - 1)
"""The wake-up of an order that rests in flight: the lock on the home never runs out by itself."""


def write_out(order: Order, change: Change, now: Moment, owner: str) -> Move:
    """Return the write of a change. Raises IllegalFact when the lifecycle does not allow it."""
    told = append(order, change.facts, now)
    after = told[-1].order if told else order
    after = replace(
        after,
        version=order.version + 1,
        lease_owner=owner,
        wake_at=_wake_at(order.wake_at, after, change, now),
    )
    if change.signed is not None:
        after = _with_bytes(after, change.signed.transaction)
    told = (*told[:-1], replace(told[-1], order=after)) if told else ()
    return Move(order, after, told, change)


def _wake_at(standing: Moment | None, after: Order, change: Change, now: Moment) -> Moment | None:
    """Return the row's wake-up: the lease's end for an order that rests with the chain.

    An instant that is past already is kept as it stands: moving it would only churn the index.
    """
    if change.wake_at is None:
        return None
    if after.rests_with_chain:
        return LEASED
    due = standing is not None and standing <= now and change.wake_at <= now
    return standing if due else change.wake_at


def _with_bytes(order: Order, transaction: bytes) -> Order:
    attempt = order.attempt
    return (
        order
        if attempt is None
        else replace(order, attempt=replace(attempt, transaction=transaction))
    )
