"""Computes fees that fall from a cliff, period by period, with time or with the price.

Fees are numerators over 10^9. A period is a stretch of time (or slots) since the pool opened, or a
step of the price above the first one. (The arithmetic of `fee_time_scheduler`,
`fee_market_cap_scheduler` and `fee_math` in Meteora's DAMM v2.)
"""

from __future__ import annotations

from typing import Final

from cambist.values.amount import BPS_ONE

ONE: Final = 1 << 64
PERIODS_MAX: Final = (1 << 16) - 1


def linear(cliff: int, reduction: int, period: int) -> int:
    """Return the fee after so many periods, each of which takes `reduction` off.

    Raises ValueError where nothing is left of it.
    """
    fee = cliff - reduction * period
    if fee < 0:
        msg = f"{period} periods take more than the fee of {cliff}"
        raise ValueError(msg)
    return fee


def exponential(cliff: int, reduction_bps: int, period: int) -> int:
    """Return the fee after so many periods, each of which takes a share of what is left.

    The power is one by squaring, with 64 fractional bits, each product rounded down. Raises
    ValueError where the program's own arithmetic has no answer: more than the whole is taken, or
    nothing is left.
    """
    if not reduction_bps:
        return cliff
    base = ONE - (reduction_bps << 64) // BPS_ONE
    if base < 0:
        msg = f"a period takes {reduction_bps} bps"
        raise ValueError(msg)
    left = ONE
    while period:
        if period & 1:
            left = left * base >> 64
        base = base * base >> 64
        period >>= 1
    if not left:
        msg = "nothing is left of the fee"
        raise ValueError(msg)
    return left * cliff >> 64


def periods_of_time(point: int, since: int, frequency: int, count: int) -> int:
    """Return the periods gone by since a point, at most `count`.

    Before that point all are gone: who may trade then pays the lowest fee.
    """
    # Only the whitelisted vault trades before activation.
    return count if point < since else min(count, (point - since) // frequency)


def periods_of_price(price: int, first: int, step_bps: int, count: int) -> int:
    """Return how many steps a root of a price is above the first one, at most `count`."""
    return min(count, (price - first) * BPS_ONE // first // step_bps) if price > first else 0
