"""Computes swaps in one range of concentrated liquidity, with 64 fractional bits on both numbers.

    a = L / sqrt(p)        b = L * sqrt(p)

The price is the root of b for one a, times 2^64; so is the liquidity. Every rounding goes against
the trader: the price moves no further than what is given pays for, and at least as far as what is
taken costs. (The arithmetic of `ConcentratedLiquidity` in Meteora's DAMM v2: an amount of a is
rounded once, over the product of both prices.)
"""

from __future__ import annotations

from typing import Final

FRACTION_BITS: Final = 128
"""How many bits of liquidity times price stand behind the point."""

BELOW_ONE: Final = (1 << FRACTION_BITS) - 1


def after_giving_a(liquidity: int, price: int, amount: int) -> int:
    """Return the price after so many raw units of a came in, rounded up."""
    # `get_next_sqrt_price_from_amount_in_a_rounding_up`
    return -(-liquidity * price // (liquidity + amount * price))


def after_giving_b(liquidity: int, price: int, amount: int) -> int:
    """Return the price after so many raw units of b came in, rounded down."""
    # `get_next_sqrt_price_from_amount_in_b_rounding_down`
    return price + (amount << FRACTION_BITS) // liquidity


def after_taking_a(liquidity: int, price: int, amount: int) -> int | None:
    """Return the price after so much of a went out, rounded up; None when no price is so high."""
    # `get_next_sqrt_price_from_amount_out_a_rounding_up`
    left = liquidity - amount * price
    return -(-liquidity * price // left) if left > 0 else None


def after_taking_b(liquidity: int, price: int, amount: int) -> int:
    """Return the price after so much of b went out, rounded down; below zero when there is less."""
    # `get_next_sqrt_price_from_amount_out_b_rounding_down`: the quotient is rounded up.
    return price + (-amount << FRACTION_BITS) // liquidity


def amount_a(liquidity: int, lower: int, upper: int) -> int:
    """Return the raw units of a between two prices, rounded down."""
    # `get_delta_amount_a_unsigned`: one division, by the product of both prices.
    return liquidity * (upper - lower) // (lower * upper)


def amount_a_ceil(liquidity: int, lower: int, upper: int) -> int:
    """Return the raw units of a between two prices, rounded up."""
    return -(liquidity * (lower - upper) // (lower * upper))


def amount_b(liquidity: int, lower: int, upper: int) -> int:
    """Return the raw units of b between two prices, rounded down."""
    # `get_delta_amount_b_unsigned`
    return liquidity * (upper - lower) >> FRACTION_BITS


def amount_b_ceil(liquidity: int, lower: int, upper: int) -> int:
    """Return the raw units of b between two prices, rounded up."""
    return liquidity * (upper - lower) + BELOW_ONE >> FRACTION_BITS
