"""Holds a price as the exact ratio of two amounts, and writes it as text."""

from __future__ import annotations

from math import gcd
from typing import Final

import msgspec

from cambist.values.amount import BPS_ONE, BigInt, mul_div_ceil, mul_div_floor, write_amount
from cambist.values.token import Pair

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


class PriceLevel(msgspec.Struct, frozen=True, gc=False):
    """A price that an exchange is held against: `taken` for `given`, in raw units, exactly.

    "At least" is meant from the side of whoever gives: more taken for what is given is better.
    """

    taken: BigInt
    given: BigInt

    def is_reached_by(self, amount_in: int, amount_out: int) -> bool:
        """Whether an exchange of raw amounts brings at least this price; equality is enough."""
        return amount_out * self.given >= self.taken * amount_in

    def is_above_or_at(self, amount_in: int, amount_out: int) -> bool:
        """Whether an exchange of raw amounts brings at most this price; equality is enough."""
        return amount_out * self.given <= self.taken * amount_in

    def least_out(self, amount_in: int) -> int:
        """Return the least raw amount out that is this price or better (rounded up)."""
        return mul_div_ceil(amount_in, self.taken, self.given)

    def most_in(self, amount_out: int) -> int:
        """Return the greatest raw amount in that is this price or better (rounded down)."""
        return mul_div_floor(amount_out, self.given, self.taken)

    def less(self, bps: int) -> PriceLevel:
        """Return the price that is so many basis points lower."""
        return price_level(self.taken * (BPS_ONE - bps), self.given * BPS_ONE)

    def price(self, pair: Pair) -> Price:
        """Return the price in whole tokens: how much is taken for one whole token given."""
        return Price(
            self.taken * 10**pair.token_in.decimals, self.given * 10**pair.token_out.decimals
        )


def price_level(taken: int, given: int) -> PriceLevel:
    """Return the level of two raw amounts, both positive, in lowest terms."""
    common = gcd(taken, given)
    return PriceLevel(BigInt(taken // common), BigInt(given // common))
