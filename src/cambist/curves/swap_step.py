"""Computes one step of a swap within constant liquidity, with the fee on either side.

Source: raydium-clmm of 2026, `libraries/swap_math.rs`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cambist.curves.tick_walk_state import PPM_ONE, InconsistentTicks
from cambist.values.amount import mul_div_ceil, mul_div_floor

_U64: Final = (1 << 64) - 1


class SwapSide(NamedTuple):
    """How a swap is asked for, and where its fee is taken at which rate (parts per million)."""

    down: bool
    exact_in: bool
    fee_on_input: bool
    fee_ppm: int


class SwapStep(NamedTuple):
    """One step: the price it ends at, what it gives and pays, and the fee beside them.

    A fee on the input comes on top of `given`; one on the output has left `paid` already.
    """

    price: int
    given: int
    paid: int
    fee: int


def step(price: int, target: int, liquidity: int, amount: int, side: SwapSide) -> SwapStep:
    """Return the step from a price towards a target, for what is left of the amount.

    Prices are square roots in Q64.64. Raises InconsistentTicks where the program would overflow.
    """
    # `swap_math::compute_swap_step`. An amount of more than 64 bits counts as out of reach, as in
    # `calculate_amount_in_range`.
    drives = _driving(amount, side)
    given, paid = deltas(price, target, liquidity, down=side.down)
    after = target
    reached = max(given, paid) <= _U64 and drives >= (given if side.exact_in else paid)
    if not reached:
        after = _moved(price, liquidity, drives, side)
        given, paid = deltas(price, after, liquidity, down=side.down)
        if max(given, paid) > _U64 or not (after >= target if side.down else after <= target):
            msg = "a step too large"
            raise InconsistentTicks(msg)
    if side.fee_on_input:
        return _fee_on_input(SwapStep(after, given, paid, 0), amount, side, short=after != target)
    return _fee_on_output(SwapStep(after, given, paid, 0), amount, side, short=after != target)


def deltas(price: int, after: int, liquidity: int, *, down: bool) -> tuple[int, int]:
    """Return what moving the price takes in, rounded up, and pays, rounded down."""
    # `get_delta_amount_0_unsigned` and `get_delta_amount_1_unsigned` of `liquidity_math`.
    low, high = sorted((price, after))
    moved = liquidity * (high - low)
    if down:
        return mul_div_ceil(moved, 1 << 64, low * high), moved >> 64
    return mul_div_ceil(moved, 1, 1 << 64), mul_div_floor(moved, 1 << 64, low * high)


def _driving(amount: int, side: SwapSide) -> int:
    """Return the amount that moves the price: without a fee on it, or with one still to come."""
    rest = PPM_ONE - side.fee_ppm
    if side.exact_in:
        return mul_div_floor(amount, rest, PPM_ONE) if side.fee_on_input else amount
    if side.fee_on_input:
        return amount
    gross = mul_div_ceil(amount, PPM_ONE, rest)
    if gross > _U64:
        msg = "an amount too large"
        raise InconsistentTicks(msg)
    return gross


def _moved(price: int, liquidity: int, amount: int, side: SwapSide) -> int:
    """Return the price after an amount, rounded up for token 0 and down for token 1."""
    if not liquidity:
        msg = "no liquidity"
        raise InconsistentTicks(msg)
    # `get_next_sqrt_price_from_input` and `get_next_sqrt_price_from_output`: token 0 moves the
    # price in the first branch, token 1 below.
    if side.down == side.exact_in:
        whole = liquidity << 64
        by = whole + amount * price if side.exact_in else whole - amount * price
        if by <= 0:
            msg = "an amount too large"
            raise InconsistentTicks(msg)
        return mul_div_ceil(whole, price, by)
    if side.exact_in:
        return price + mul_div_floor(amount, 1 << 64, liquidity)
    return price - mul_div_ceil(amount, 1 << 64, liquidity)


def _fee_on_input(done: SwapStep, amount: int, side: SwapSide, *, short: bool) -> SwapStep:
    # An amount in that ends before the target leaves its dust in the fee.
    if side.exact_in and short:
        return done._replace(fee=amount - done.given)
    fee = mul_div_ceil(done.given, side.fee_ppm, PPM_ONE - side.fee_ppm)
    return done._replace(paid=done.paid if side.exact_in else min(done.paid, amount), fee=fee)


def _fee_on_output(done: SwapStep, amount: int, side: SwapSide, *, short: bool) -> SwapStep:
    fee = mul_div_ceil(done.paid, side.fee_ppm, PPM_ONE)
    net = done.paid - fee
    if not side.exact_in:
        net = min(net, amount)
        return done._replace(paid=net, fee=done.paid - net)
    # What the new price does not need cannot be a fee of this side: it goes to the pool.
    return done._replace(given=amount if short else done.given, paid=net, fee=fee)
