"""Writes one journal line as the message that every stream sends for it.

A message is a function of the line alone: history read from the journal and news heard live
give the same bytes.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cambist.orders import events
from cambist.orders.events import RetryScheduled
from cambist.orders.journal import RecordedEvent
from cambist.orders.lifecycle import INITIAL_EVENT, TRANSITIONS
from cambist.orders.order import Order, Status
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp
from cambist.wire.decimals import number
from cambist.wire.public_order_state import Number, OrderState, order_state, realised_slippage
from cambist.wire.resting_orders import write_exchange, write_level
from cambist.wire.rfc3339 import write_moment

MOVES: Final = frozenset(
    (INITIAL_EVENT.kind, *(moved.kind for moves in TRANSITIONS.values() for moved in moves))
)
_encode: Final = msgspec.json.Encoder().encode


class Message(OrderState, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One event of an order, with everything known of the order by then.

    `event` is the status where the status changed, and the name of the note elsewhere.
    `slippage` is the realised one in percent, from `confirmed` on. Events of an order that waits
    for a price have the name of the event in `transition`, and what the decision was based on: the
    level, the effective price of the whole amount, the touch, the slot, and by how many slots it
    was confirmed. `next_attempt_at` of one that is armed is the time to start, if it has one.
    """

    seq: int
    event: str
    timestamp: str
    slippage: Number | None = None
    next_attempt_at: str | None = None
    transition: str | None = None
    level: Number | None = None
    effective_price: Number | None = None
    touch_price: Number | None = None
    observed_slot: int | None = None
    confirmed_by: int | None = None


class Data(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What some clients look for one level deeper, amounts as numbers: they do arithmetic."""

    selected_dex: str | None = None
    raydium_price: Number | None = None
    meteora_price: Number | None = None
    tx_hash: str | None = None
    executed_price: Number | None = None
    amount_out: Number | None = None
    error: str | None = None
    message: str | None = None


class NestedMessage(Message, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A message whose figures stand in `data` too."""

    data: Data


class Notice(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a stream says of itself: no line of any journal, so it has no `seq`.

    `event` is `subscribed` at the beginning of some streams, and `lagged` where a reader was too
    slow: then what it missed follows, read from the journal. `unreadable` names an order whose
    events are left out, since what is stored of them cannot be read.
    """

    success: bool
    message: str
    event: str
    order_id: str | None = None
    status: Status | None = None
    timestamp: str


UNREADABLE: Final = "The stored events of this order cannot be read and are left out:"
LAGGED: Final = "You read too slowly; the missed events follow now."


def subscribed(order: Order, at: Timestamp) -> bytes:
    """Write the notice that an order's stream begins."""
    return _encode(
        Notice(
            success=True,
            message=f"Subscribed to order {order.id}",
            event="subscribed",
            order_id=order.id,
            # The history follows and begins with pending: a later status would run ahead of it.
            status=order.status if order.status is Status.PENDING else None,
            timestamp=write_moment(at),
        )
    )


def lagged(order: Order | None, at: Timestamp) -> bytes:
    """Write the notice that the reader was too slow; a stream of all orders names none."""
    return _encode(
        Notice(
            success=True,
            message=LAGGED,
            event="lagged",
            order_id=None if order is None else order.id,
            status=None if order is None else order.status,
            timestamp=write_moment(at),
        )
    )


def unreadable(order_id: OrderId, at: Timestamp) -> bytes:
    """Write the notice that an order's events are left out, since they cannot be read."""
    return _encode(
        Notice(
            success=False,
            message=f"{UNREADABLE} {order_id}",
            event="unreadable",
            order_id=order_id,
            timestamp=write_moment(at),
        )
    )


def is_status_change(recorded: RecordedEvent) -> bool:
    """Whether the line moves the order's status, or begins another try of it."""
    return recorded.entry.kind in MOVES


def _is_setback(recorded: RecordedEvent) -> bool:
    """Whether the line itself tells that a try came to nothing, or that the order failed."""
    if isinstance(recorded.event, RetryScheduled | events.Rearmed):
        return True
    return recorded.order.status is Status.FAILED and recorded.entry.kind in MOVES


def _add_trigger(known: dict[str, Any], recorded: RecordedEvent) -> None:
    """Add what an event of an order that waits for a price was based on."""
    event, intent = recorded.event, recorded.order.intent
    if isinstance(event, events.Rearmed):
        known["transition"] = event.kind
        known["next_attempt_at"] = write_moment(event.not_before)
        return
    if not isinstance(event, events.Armed | events.Triggered | events.Touched):
        return
    known["transition"] = event.kind
    if event.level is not None:
        known["level"] = number(write_level(intent, event.level))
    seen = event.observation
    if seen is not None:
        known["effective_price"] = write_exchange(intent, seen.effective)
        known["touch_price"] = write_exchange(intent, seen.touch)
        known["observed_slot"] = seen.slot
    if seen is not None and isinstance(event, events.Triggered):
        known["confirmed_by"] = seen.observations
    if isinstance(event, events.Armed) and event.starts_at is not None:
        known["next_attempt_at"] = write_moment(event.starts_at)


def message(recorded: RecordedEvent, *, nested: bool = False) -> bytes:
    """Return the message of a journal line, as JSON; `nested` adds `data`."""
    order, entry = recorded.order, recorded.entry
    known = order_state(order)
    if order.fill is not None and order.route is not None:
        known["slippage"] = realised_slippage(order.route, order.fill)
    if not _is_setback(recorded):
        # An earlier try's error stands on the line of that try alone.
        known.pop("last_error", None)
        known.pop("last_code", None)
    if isinstance(recorded.event, RetryScheduled):
        known["next_attempt_at"] = write_moment(recorded.event.wake_at)
    _add_trigger(known, recorded)
    known["seq"] = entry.seq
    known["event"] = order.status if entry.kind in MOVES else entry.kind
    known["timestamp"] = write_moment(entry.at)
    if not nested:
        return _encode(Message(**known))
    data = {name: known[name] for name in Data.__struct_fields__ if name in known}
    if "amount_out" in data:
        data["amount_out"] = number(data["amount_out"])
    return _encode(NestedMessage(**known, data=Data(**data, message=known.get("reason"))))
