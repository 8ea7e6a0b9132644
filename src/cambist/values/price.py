"""Holds a price as the exact ratio of two amounts, and writes it as text."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.values.amount import write_amount

SIGNIFICANT_DIGITS: Final = 12
_FRACTION_MAX: Final = 30


class Price(msgspec.Struct, frozen=True, gc=False):
    """How much of one token pays for one whole other token: numerator / denominator.

    Both parts are raw amounts scaled by the other token's decimals, so the ratio is in whole
    tokens.
    """

    numerator: int
    denominator: int

    def text(self) -> str:
        """Write the price with twelve significant digits, rounded down, never as an exponent."""
        whole = self.numerator // self.denominator
        places = SIGNIFICANT_DIGITS - len(str(whole))
        if not whole and self.numerator:
            gap = len(str(self.denominator)) - len(str(self.numerator))
            # The first digit that is not zero stands at `gap`, or one place after it.
            places = SIGNIFICANT_DIGITS + gap - (self.numerator * 10**gap >= self.denominator)
        places = min(max(places, 0), _FRACTION_MAX)
        return write_amount(self.numerator * 10**places // self.denominator, places)

    def inverse(self) -> Price:
        """Return the price seen from the other token."""
        return Price(self.denominator, self.numerator)


def price_of(paid: int, paid_decimals: int, got: int, got_decimals: int) -> Price | None:
    """Return how much is got for one whole token paid, or None when nothing was paid."""
    if paid <= 0:
        return None
    return Price(got * 10**paid_decimals, paid * 10**got_decimals)
