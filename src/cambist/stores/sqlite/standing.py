"""Works out how an order stands once a change of it is written."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from cambist.orders.decide import Change
from cambist.orders.order import Order
from cambist.values.moment import Moment

LEASED: Final = Moment(2**53 - 1)
"""The wake-up of an order that rests in flight: the lock on the home never runs out by itself."""


def wake_up(standing: Moment | None, after: Order, change: Change, now: Moment) -> Moment | None:
    """Return the row's wake-up: the lease's end for an order that rests with the chain.

    An instant that is past already is kept as it stands: moving it would only churn the index.
    """
    if change.wake_at is None:
        return None
    if after.rests_with_chain:
        return LEASED
    due = standing is not None and standing <= now and change.wake_at <= now
    return standing if due else change.wake_at


def with_bytes(order: Order, transaction: bytes) -> Order:
    """Return the order with the bytes that its newest attempt may send."""
    attempt = order.attempt
    return (
        order
        if attempt is None
        else replace(order, attempt=replace(attempt, transaction=transaction))
    )
