"""Says when an order that waits for a price has met it."""

# Terms of this module (docs/orders.md has them for users):
#
# - The *effective price* is what the order's own amount would bring now, in full, at the best route
#   the router would choose: fees, price impact and splits included, network fees excluded. It is
#   the only price that starts a limit, a take-profit or a stop.
# - The *level* is the price it is held against. A limit and a take-profit are met when the
#   effective price is at the level or better, a stop when it is at the level or worse. Equality is
#   enough in both directions.
# - An order with a limit price that has been triggered, and could not trade within that limit,
#   rests again in the phase `limit`: now the limit price is its level.
#
# A price that is met is confirmed by `confirm_slots` observations in a row at different slots, so
# that a price that one block showed and the next one took back starts no stop.

from __future__ import annotations

from typing import Final, Literal

import msgspec

from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.values.amount import RawAmount
from cambist.values.price import PriceLevel
from cambist.values.time_units import Slot, Timestamp

Phase = Literal["trigger", "limit"]
Side = Literal["at_or_above", "at_or_below"]


TOUCH_PARTS: Final = 1_000
TOUCH_MIN: Final = 10_000
"""The touch is the price of a thousandth of an order, of 10,000 raw units at least."""


def touch_amount(amount: int) -> int:
    """Return the raw amount at which the touch of an order is taken."""
    return min(amount, max(amount // TOUCH_PARTS, TOUCH_MIN))


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """What an amount would be exchanged for, in raw units."""

    amount_in: RawAmount
    amount_out: RawAmount


class PriceObservation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The prices that an order was held against at a slot.

    `effective` is what its whole amount would bring, None where no route trades it; `touch` is what
    a small part of it would. `observations` says how many slots in a row confirmed that the
    level was met. `is_incomplete` marks a market view in which a part of the pair's depth was
    missing.
    """

    slot: Slot
    effective: Exchange | None = None
    touch: Exchange | None = None
    observations: int = 1
    is_incomplete: bool = False


class TriggerState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a resting order has to remember: its phase, failed checks, and when the next is due.

    `misses` counts how often in a row it was triggered and could not trade within its limit.
    `ladder_step` is how many steps of the slippage ladder are used.
    """

    phase: Phase = "trigger"
    misses: int = 0
    not_before: Timestamp | None = None
    ladder_step: int = 0
    was_touched: bool = False


class Condition(msgspec.Struct, frozen=True, gc=False):
    """What a resting order waits for: an effective price at a level or beyond it."""

    level: PriceLevel
    side: Side

    def is_met(self, effective: Exchange | None) -> bool:
        """Whether an exchange meets the level; without a route nothing does."""
        if effective is None:
            return False
        if self.side == "at_or_above":
            return self.level.is_reached_by(effective.amount_in, effective.amount_out)
        return self.level.is_above_or_at(effective.amount_in, effective.amount_out)


def condition_of(intent: Intent, terms: Terms, state: TriggerState) -> Condition | None:
    """Return what an order waits for; None for one that waits for no price."""
    if intent.kind == "limit" or state.phase == "limit":
        level = terms.limit_price
        return None if level is None else Condition(level, "at_or_above")
    if terms.trigger_price is None:
        return None
    return Condition(terms.trigger_price, "at_or_below" if intent.kind == "stop" else "at_or_above")
