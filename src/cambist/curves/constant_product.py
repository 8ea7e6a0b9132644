"""Computes swaps on a curve of constant product, with the fee taken from what is given.

    x · y = k        amount_out = y · net / (x + net),   net = amount_in - fee

Every rounding goes against the trader: the fee is rounded up, what is paid out is rounded down,
and what is asked for is rounded up. So k never falls, and no order of swaps takes more out of a
pool than one swap would. (The same arithmetic as `CurveCalculator` in Raydium's CPMM program.)
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cambist.values.amount import mul_div_ceil, mul_div_floor

PPM_ONE: Final = 1_000_000
"""A fee of the whole, in parts per million."""


class CurveSwap(NamedTuple):
    """One swap in raw units: what is given (fee inside), what is paid out, and the fee."""

    amount_in: int
    amount_out: int
    fee: int


def ceil_from_half(dividend: int, divisor: int) -> int:
    """Return the quotient rounded up, except that less than a half is nothing.

    So `checked_ceil_div` of SPL's math library divides, which programs used until August 2025.
    """
    return 0 if 2 * dividend < divisor else -(-dividend // divisor)


class PoolTooSmall(ValueError):
    """The pool does not hold what is asked of it."""


def amount_out(reserve_in: int, reserve_out: int, amount_in: int, fee_ppm: int) -> CurveSwap:
    """Return the swap of exactly `amount_in` raw units; `amount_out` may be 0 for dust."""
    # `CurveCalculator::swap_base_input` of raydium-cp-swap: the fee by ceil_div, then
    # `ConstantProductCurve::swap_base_input_without_fees`, rounded down.
    fee = mul_div_ceil(amount_in, fee_ppm, PPM_ONE)
    net = amount_in - fee
    return CurveSwap(amount_in, mul_div_floor(reserve_out, net, reserve_in + net), fee)


def amount_in(reserve_in: int, reserve_out: int, amount_out: int, fee_ppm: int) -> CurveSwap:
    """Return the swap that pays exactly `amount_out` raw units, for the least that buys it.

    Raises PoolTooSmall when the pool holds no more than that.
    """
    if amount_out >= reserve_out:
        msg = "a pool cannot pay out all it holds"
        raise PoolTooSmall(msg)
    # `ConstantProductCurve::swap_base_output_without_fees`, rounded up; then
    # `Fees::calculate_pre_fee_amount`, rounded up again.
    net = mul_div_ceil(reserve_in, amount_out, reserve_out - amount_out)
    given = mul_div_ceil(net, PPM_ONE, PPM_ONE - fee_ppm)
    return CurveSwap(given, amount_out, given - net)


def impact_hundredths(reserve_in: int, swap: CurveSwap) -> int:
    """Return how far the swap's own price is below the pool's, fee apart.

    In hundredths of a basis point (1,000,000 is the whole), rounded down: net / (x + net).
    """
    net = swap.amount_in - swap.fee
    return mul_div_floor(net, PPM_ONE, reserve_in + net)
