"""Fills limit orders that rest on a tick, at the tick's own price.

Source: raydium-clmm, `states/tick_array.rs`.
"""

from __future__ import annotations

from typing import NamedTuple

from cambist.curves.swap_step import SwapSide, SwapStep
from cambist.curves.tick_walk_state import PPM_ONE, InconsistentTicks, TickOrders
from cambist.values.amount import mul_div_ceil, mul_div_floor

_ONE = 1 << 64
_U128 = (1 << 128) - 1


class LimitOrderFill(NamedTuple):
    """What orders gave and took, and what is left of them."""

    step: SwapStep
    left: TickOrders


def fill(orders: TickOrders, amount: int, price: int, side: SwapSide) -> LimitOrderFill:
    """Fill orders on a tick from an amount that is still to be swapped.

    `price` is the square root of the tick's price in Q64.64. Raises InconsistentTicks where the
    program would overflow.
    """
    resting = orders.untouched + orders.started
    square = price * price
    # The price is rounded against who swaps.
    worth = square >> 64 if side.down else square + _ONE - 1 >> 64
    if worth > _U128:
        msg = "a price too large"
        raise InconsistentTicks(msg)
    given, paid, fee = (_bought if side.exact_in else _sold)(resting, amount, worth, side)
    left = _taken(orders, paid)
    if not side.fee_on_input:
        fee = mul_div_ceil(paid, side.fee_ppm, PPM_ONE)
        paid -= fee
    return LimitOrderFill(SwapStep(price, given, paid, fee), left)


def _bought(resting: int, amount: int, worth: int, side: SwapSide) -> tuple[int, int, int]:
    """Return what is given, paid before a fee on it, and the fee on what is given."""
    rate, on_input = side.fee_ppm, side.fee_on_input
    fee = mul_div_ceil(amount, rate, PPM_ONE) if on_input else 0
    given = amount - fee
    paid = mul_div_floor(given, worth, _ONE) if side.down else mul_div_floor(given, _ONE, worth)
    if paid <= resting:
        return given, paid, fee
    given = _price_of(resting, worth, side)
    return given, resting, mul_div_ceil(given, rate, PPM_ONE - rate) if on_input else 0


def _sold(resting: int, amount: int, worth: int, side: SwapSide) -> tuple[int, int, int]:
    rate = side.fee_ppm
    paid = min(amount, resting)
    if side.fee_on_input:
        given = _price_of(paid, worth, side)
        return given, paid, mul_div_ceil(given, rate, PPM_ONE - rate)
    paid = min(mul_div_ceil(paid, PPM_ONE, PPM_ONE - rate), resting)
    return _price_of(paid, worth, side), paid, 0


def _price_of(paid: int, worth: int, side: SwapSide) -> int:
    return mul_div_ceil(paid, _ONE, worth) if side.down else mul_div_ceil(paid, worth, _ONE)


def _taken(orders: TickOrders, paid: int) -> TickOrders:
    """Return what is left: those part filled go first, and what is touched becomes one of them."""
    started = min(orders.started, paid)
    more = paid - started
    if not more:
        return orders._replace(started=orders.started - started)
    return orders._replace(untouched=0, started=orders.untouched - more)
