"""Computes a fee that grows with the size of one swap, both ways.

Up to the reference amount x0 the fee is the cliff c; each further x0 costs one increment i more, up
to the most. Fees are numerators over 10^9. (The arithmetic of `fee_rate_limiter` in Meteora's DAMM
v2, with its detour: the fee in raw units, rounded up, and then back to a numerator, rounded up.)
"""

from __future__ import annotations

from math import isqrt
from typing import Final, NamedTuple

ONE: Final = 1_000_000_000
RAW_MAX: Final = (1 << 64) - 1


class NoSolution(ValueError):
    """The program's own arithmetic has no answer for so large an amount."""


class FeeRateLimiter(NamedTuple):
    """The cliff, the increment and the most as numerators, and the reference in raw units."""

    cliff: int
    increment: int
    most: int
    reference: int

    def of_given(self, amount: int) -> int:
        """Return the fee of so many raw units, the fee inside."""
        # `get_fee_numerator_from_included_fee_amount`: input = x0 + a * x0 + b, and
        # fee = x0 * (c + c*a + i*a*(a+1)/2) + b * (c + i*(a+1)) while a is below the top index.
        x0, c, i = self.reference, self.cliff, self.increment
        if amount <= x0:
            return c
        a, b = divmod(amount - x0, x0)
        top = (self.most - c) // i
        if a < top:
            whole = x0 * (c + c * a + i * a * (a + 1) // 2) + b * (c + i * (a + 1))
        else:
            whole = x0 * (c + c * top + i * top * (top + 1) // 2)
            whole += ((a - top) * x0 + b) * self.most
        fee = -(-whole // ONE)  # ceil
        return -(-fee * ONE // amount)  # ceil

    def of_wanted(self, amount: int) -> int:
        """Return the fee at which so many raw units are left of what is given.

        Raises NoSolution.
        """
        # `get_fee_numerator_from_excluded_fee_amount`. `top` and `left_of_top` are the program's
        # `get_checked_amounts`.
        x0, c = self.reference, self.cliff
        if amount <= self._left_of(x0):
            return c
        top = min(((self.most - c) // self.increment + 1) * x0, RAW_MAX)
        left_of_top = self._left_of(top)
        if amount == left_of_top:
            return self.of_given(top)
        if amount < left_of_top:
            given = self._given_for(amount)
        elif top == RAW_MAX:
            raise NoSolution
        else:
            given = top + _gross(amount - left_of_top, self.most)
        if given > RAW_MAX or given < amount:
            raise NoSolution
        rate = -(-(given - amount) * ONE // given)  # ceil
        if rate < c:
            raise NoSolution
        return rate

    def _left_of(self, given: int) -> int:
        return given + (-given * self.of_given(given) // ONE)  # the fee rounded up

    def _given_for(self, amount: int) -> int:
        """Return what to give: the lesser root of a quadratic, and the rest at the next rate.

        Both are off by less than a raw unit each; the fee is computed from them as they are.
        """
        # The program solves i*in^2 - y*in + z = 0 with z = 2 * amount * 1e9 * x0 (its own names).
        x0, c, i = self.reference, self.cliff, self.increment
        y = 2 * ONE * x0 + i * x0 - 2 * c * x0
        below_root = y * y - 8 * i * amount * ONE * x0
        if below_root < 0:
            raise NoSolution
        given = (y - isqrt(below_root)) // (2 * i)
        rest = amount - self._left_of(given)
        rate = c + i * (given // x0)
        if rest < 0 or rate >= ONE:
            raise NoSolution
        return given + _gross(rest, rate)


def _gross(net: int, rate: int) -> int:
    return -(-net * ONE // (ONE - rate))  # ceil
