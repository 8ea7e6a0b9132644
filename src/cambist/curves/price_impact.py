"""Says how far a swap moves the price, in one way for every curve.

The price it got is held against the first price at which anything could be had, both without fees.
Bins that hold nothing for it, ticks without liquidity and orders of the other side are passed over
on the way there, so that they do not count: who buys all at one price has moved nothing.
"""

from __future__ import annotations

from typing import Final

WHOLE_HUNDREDTHS: Final = 1_000_000
"""All of it, in hundredths of a basis point."""

DUST_MAX: Final = 99
"""Up to so many raw units on either side nothing is said: rounding alone is a percent of them."""


def impact_hundredths(given: int, paid: int, first: tuple[int, int]) -> int:
    """Return how far a swap's own price is below the first, rounded down; never below 0.

    In hundredths of a basis point. `given` and `paid` are raw units without fees, `first` is a
    fraction: raw units paid for one given.
    """
    # Compared crosswise: a quotient would have to be rounded before it is subtracted.
    numerator, denominator = first
    fair, got = given * numerator, paid * denominator
    return max(fair - got, 0) * WHOLE_HUNDREDTHS // fair if fair > 0 else 0


def unless_dust(amount_in: int, amount_out: int, impact: int) -> int | None:
    """Return the impact of a swap of these raw units, or None where they are too few for one."""
    return impact if min(amount_in, amount_out) > DUST_MAX else None
