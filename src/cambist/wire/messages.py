"""Writes one journal line as the message that every stream sends for it.

A message is a function of the line alone: history read from the journal and news heard live
give the same bytes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.orders.event import RetryScheduled
from cambist.orders.journal import Told
from cambist.orders.lifecycle import START, TABLE
from cambist.wire.figures import Number, Standing, realised_slippage, standing
from cambist.wire.moments import write_moment

MOVES: Final = frozenset((START, *(kind for moves in TABLE.values() for kind in moves)))
_encode: Final = msgspec.json.Encoder().encode


class Message(Standing, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One event of an order, with everything known of the order by then.

    `event` is the status where the status changed, and the name of the note elsewhere.
    `slippage` is the realised one in percent, from `confirmed` on.
    """

    seq: int
    event: str
    timestamp: str
    slippage: Number | None = None
    next_attempt_at: str | None = None


def is_status_change(told: Told) -> bool:
    """Whether the line moves the order's status, or begins another try of it."""
    return told.entry.kind in MOVES


def message(told: Told) -> bytes:
    """Return the message of a journal line, as JSON."""
    order, entry = told.order, told.entry
    known = standing(order)
    if order.fill is not None and order.route is not None:
        known["slippage"] = realised_slippage(order.route, order.fill)
    if isinstance(told.fact, RetryScheduled):
        known["next_attempt_at"] = write_moment(told.fact.wake_at)
    return _encode(
        Message(
            **known,
            seq=entry.seq,
            event=order.status if entry.kind in MOVES else entry.kind,
            timestamp=write_moment(entry.at),
        )
    )
