"""Writes what a resting order waits for, which price is there now, and what holds it back."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.orders.order import Order, Status
from cambist.orders.trigger import Condition, Phase, PriceObservation, TriggerState
from cambist.values.time_units import Timestamp
from cambist.wire.decimals import number
from cambist.wire.public_order_state import Number
from cambist.wire.resting_orders import (
    describe_resting,
    distance_bps,
    with_terms,
    write_exchange,
    write_level,
)
from cambist.wire.rfc3339 import write_moment

_encode: Final = msgspec.json.Encoder().encode


class WatchReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What an order waits for, held against the price now; an order for a time has no level.

    `distanceBps` is 0 where the level is met. `heldBackBy` lists what keeps an order from trading
    although it may be near: `not_before` (its start, or a pause after a missed limit), `halted`,
    `no_route`, `incomplete_view` (a part of the pair's depth is missing), `size` (a small part
    meets the level and the whole does not), `confirming` (met, and not yet in enough slots).
    """

    order_id: str
    status: Status
    phase: Phase
    level: Number | None = None
    effective_price: Number | None = None
    touch_price: Number | None = None
    distance_bps: int | None = None
    confirm_slots: int
    not_before: str | None = None
    held_back_by: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    summary: str
    timestamp: str


def is_watchable(order: Order) -> bool:
    """Whether an order waits for a price or a time, or is about to."""
    if order.status is Status.WAITING:
        return True
    is_resting_kind = order.intent.waits_for_price and order.terms.time_in_force != "fok"
    return order.status is Status.PENDING and is_resting_kind


def write_watch(order: Order, seen: PriceObservation, now: Timestamp, *, is_halted: bool) -> bytes:
    """Write what a resting order waits for, and the prices that were seen for it."""
    condition, intent = order.condition, order.intent
    state = order.trigger or TriggerState()
    not_before = max(order.terms.start_at or Timestamp(0), state.not_before or Timestamp(0))
    is_early = now < not_before
    held = [name for name, holds in (("not_before", is_early), ("halted", is_halted)) if holds]
    if condition is not None:
        held += _held_by_prices(order, condition, seen)
    is_met = condition is not None and condition.is_met(seen.effective)
    if is_met and not held and order.terms.confirm_slots > 1:
        held.append("confirming")
    return _encode(
        WatchReply(
            order_id=order.id,
            status=order.status,
            phase=state.phase,
            level=None if condition is None else number(write_level(intent, condition.level)),
            effective_price=write_exchange(intent, seen.effective),
            touch_price=write_exchange(intent, seen.touch),
            distance_bps=None if condition is None else distance_bps(condition, seen.effective),
            confirm_slots=order.terms.confirm_slots,
            not_before=write_moment(not_before) if is_early else None,
            held_back_by=tuple(held),
            summary=describe_resting(with_terms(intent, order.terms), seen),
            timestamp=write_moment(now),
        )
    )


def _held_by_prices(order: Order, condition: Condition, seen: PriceObservation) -> list[str]:
    if seen.effective is None:
        return ["incomplete_view" if seen.is_incomplete and seen.touch is None else "no_route"]
    is_above = condition.side == "at_or_above"
    if is_above and condition.is_met(seen.touch) and not condition.is_met(seen.effective):
        return ["size"]
    # A limit may trade on what is there; a stop is not started by a view that lacks depth.
    return ["incomplete_view"] if seen.is_incomplete and order.intent.kind == "stop" else []
