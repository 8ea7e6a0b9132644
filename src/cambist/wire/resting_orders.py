"""Writes what orders wait for: levels, prices now, distances, and sentences about them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cambist.faults import Code, Fault, fault
from cambist.orders.intent import Intent
from cambist.orders.order import Order
from cambist.orders.terms import Terms
from cambist.orders.trigger import (
    Condition,
    Exchange,
    PriceObservation,
    TriggerState,
    condition_of,
)
from cambist.values.amount import BPS_ONE, write_amount, write_percent
from cambist.values.price import Price, PriceLevel, price_level, price_of
from cambist.wire.decimals import number
from cambist.wire.public_order_state import Number
from cambist.wire.rfc3339 import write_moment

FAR_TIMES: Final = 20
"""A price so many times off the market is taken for a mistake if its inverse is near."""
NEAR_BPS: Final = 2_500
_OTHER_KIND: Final = {"stop": "take_profit", "take_profit": "stop"}


def price_as_asked(intent: Intent, level: PriceLevel) -> Price:
    """Return a level as the user writes prices: of a buy by symbol what one token costs."""
    price = level.price(intent.pair)
    return price.inverse() if intent.quoted == "buy" else price


def with_terms(intent: Intent, terms: Terms) -> Intent:
    """Return an intent as the amended terms of its order have it."""
    return msgspec.structs.replace(intent, terms=terms)


def write_level(intent: Intent, level: PriceLevel) -> str:
    """Write a level as the user writes prices."""
    return price_as_asked(intent, level).text()


def write_exchange(intent: Intent, exchange: Exchange | None) -> Number | None:
    """Write the price of an exchange as the user writes prices; None where there is none."""
    price = None if exchange is None else _price(intent, exchange)
    return None if price is None else number(price.text())


def _price(intent: Intent, exchange: Exchange) -> Price | None:
    given, taken = intent.pair.token_in, intent.pair.token_out
    ends = (exchange.amount_in, given.decimals), (exchange.amount_out, taken.decimals)
    (paid, got) = ends[::-1] if intent.quoted == "buy" else ends
    return price_of(*paid, *got)


def distance_bps(condition: Condition, effective: Exchange | None) -> int | None:
    """Return how far a price is from its level in basis points, rounded up; 0 where it is met."""
    if effective is None or not effective.amount_out:
        return None
    if condition.is_met(effective):
        return 0
    level = condition.level
    now, goal = effective.amount_out * level.given, level.taken * effective.amount_in
    return -(-abs(goal - now) * BPS_ONE // now)


def describe_resting(intent: Intent, now: PriceObservation | None = None) -> str:
    """Say what an order waits for, which price is there now, and how it is bound then."""
    given, taken = intent.pair.token_in, intent.pair.token_out
    amount = write_amount(intent.amount, intent.sized_token.decimals)
    condition = condition_of(intent, intent.terms, TriggerState())
    if intent.mode == "exact_in":
        deal = f"Sell {amount} {given.symbol} for {taken.symbol}"
    else:
        deal = f"Buy {amount} {taken.symbol} with {given.symbol}"
    text = deal if condition is None else f"{deal} {_when(intent, condition)}"
    if now is not None and now.effective is not None:
        price = _price(intent, now.effective)
        text += "" if price is None else f", now {price.text()}"
    # With a ladder its steps are the tolerances, and the plain one is never used.
    first, *later = intent.terms.slippage_ladder_bps or (intent.terms.slippage_bps,)
    tolerance = f"{write_percent(first * 100)} %"
    if later:
        tolerance += ", after reverts " + ", ".join(
            f"{write_percent(bps * 100)} %" for bps in later
        )
    side = "below" if intent.mode == "exact_in" else "above"
    text += f"; at most {tolerance} {side} the quote then"
    limit = intent.terms.limit_price
    if limit is not None:
        text += f", and never worse than {write_level(intent, limit)}"
    return text


def _when(intent: Intent, condition: Condition) -> str:
    price = write_level(intent, condition.level)
    is_buy, is_above = intent.quoted == "buy", condition.side == "at_or_above"
    verb, end = "costs" if is_buy else "brings", "least" if is_above is not is_buy else "most"
    return f"when all of it {verb} at {end} {price} {_unit(intent)} each"


def _unit(intent: Intent) -> str:
    pair = intent.pair
    return pair.token_in.symbol if intent.quoted == "buy" else pair.token_out.symbol


def resting_terms(order: Order) -> dict[str, Any]:
    """Return the fields of an order view that only orders with prices or times have."""
    terms, intent = order.terms, order.intent
    known: dict[str, Any] = {}
    for name, level in (("limit_price", terms.limit_price), ("trigger_price", terms.trigger_price)):
        if level is not None:
            known[name] = number(write_level(intent, level))
    if intent.waits_for_price:
        known["confirm_slots"] = terms.confirm_slots
        known["summary"] = describe_resting(with_terms(intent, terms))
    if terms.slippage_ladder_bps:
        known["slippage_ladder_bps"] = terms.slippage_ladder_bps
    if terms.time_in_force != "gtc":
        known["time_in_force"] = terms.time_in_force
    if terms.start_at is not None:
        known["start_at"] = write_moment(terms.start_at)
    return known


def check_prices(
    intent: Intent, seen: PriceObservation, *, fires_when_met: bool, accepts_far_price: bool
) -> tuple[list[Fault], list[str]]:
    """Hold the prices of a request against the price now; return the faults, and warnings."""
    condition = condition_of(intent, intent.terms, TriggerState())
    effective = seen.effective
    if condition is None or effective is None or not effective.amount_out:
        return [], ["No price is available now; the order waits until there is one."]
    faults = [] if accepts_far_price else _find_inverted(intent, effective)
    field = "limitPrice" if intent.kind == "limit" else "triggerPrice"
    if any(found.field == field for found in faults) or not condition.is_met(effective):
        return faults, []
    if intent.kind == "limit":
        return faults, ["The limit is met already: the order trades at once."]
    if fires_when_met:
        return faults, []
    price = _price(intent, effective)
    message = (
        f"The price is {'' if price is None else price.text()} now, so this {intent.kind} is met "
        f'already. Was {_OTHER_KIND[intent.kind]} meant? `onMet: "fire"` takes it as it is.'
    )
    return [*faults, fault(Code.TRIGGER_ALREADY_MET, message, field)], []


def _find_inverted(intent: Intent, effective: Exchange) -> list[Fault]:
    """Return a fault for each price of a request that was probably meant the other way round."""
    terms, now, faults = intent.terms, _price(intent, effective), list[Fault]()
    for field, level in (("limitPrice", terms.limit_price), ("triggerPrice", terms.trigger_price)):
        if level is None or not _is_inverted(intent, level, effective):
            continue
        meant = price_as_asked(intent, level).inverse().text()
        message = (
            f"{field} {write_level(intent, level)} is far from the price now"
            f"{'' if now is None else f' ({now.text()})'}, and its inverse {meant} is near. A "
            f"price is {_unit(intent)} for one {_base(intent)}; `acceptFarPrice` takes it as it is."
        )
        faults.append(fault(Code.PRICE_INVERTED, message, field))
    return faults


def _base(intent: Intent) -> str:
    pair = intent.pair
    return pair.token_out.symbol if intent.quoted == "buy" else pair.token_in.symbol


def _is_inverted(intent: Intent, level: PriceLevel, effective: Exchange) -> bool:
    """Whether a level is far from an exchange in whole tokens, and its inverse is near."""
    asked = level.price(intent.pair)
    now = price_level(effective.amount_out, effective.amount_in).price(intent.pair)
    asked_by_now = asked.numerator * now.denominator, asked.denominator * now.numerator
    low, high = sorted(asked_by_now)
    if high <= FAR_TIMES * low:
        return False
    # The inverse of what was asked beside the price now, both over the same denominator.
    inverse = asked.denominator * now.denominator
    market = now.numerator * asked.numerator
    return abs(inverse - market) * BPS_ONE <= market * NEAR_BPS
