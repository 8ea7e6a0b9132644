"""Computes swaps in bins of constant price, with a fee that grows with the bins crossed.

A bin holds raw units of X and of Y at one price, y per x in Q64.64. Who takes from it empties
layers one after another (what market makers hold, then limit orders); each layer rounds for itself,
and against the trader. (The same arithmetic as the `commons` crate of Meteora's DLMM SDK, which was
compared with the compiled program.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from cambist.values.amount import RAW_MAX, mul_div_ceil

SCALE_BITS: Final = 64
ONE: Final = 1 << SCALE_BITS
FEE_ONE: Final = 1_000_000_000
FEE_MAX: Final = 100_000_000
"""No more than a tenth is ever charged."""

VOLATILITY_ONE: Final = 10_000
"""What one bin away from the reference adds to the volatility."""

VARIABLE_ONE: Final = 100_000_000_000
_STEP_ONE: Final = 10_000
_U128: Final = (1 << 128) - 1
_EXPONENT_BITS: Final = 19


def price_at(bin_id: int, step: int) -> int:
    """Return the price of a bin in Q64.64: (1 + step / 10,000) to the power of its id.

    Rounded as the program rounds: 19 squarings, each floored, of the inverse where the base is
    above one. Returns 0 where the program finds no price.
    """
    if bin_id == 0:
        return ONE
    power = abs(bin_id)
    if power >> _EXPONENT_BITS:
        return 0
    # The base is at least one: its inverse keeps the squares within 128 bits.
    squared, result = _U128 // (ONE + (step << SCALE_BITS) // _STEP_ONE), ONE
    while power:
        if power & 1:
            result = result * squared >> SCALE_BITS
        squared = squared * squared >> SCALE_BITS
        power >>= 1
    if result and bin_id > 0:
        return _U128 // result
    return result


class BinFee(NamedTuple):
    """What decides the fee of each bin of one swap: rates in 1e-9, the rest as the pair has it.

    `variable` is the pair's control times the square of its bin step.
    """

    base: int
    variable: int
    volatility: int
    volatility_max: int
    reference: int
    on_input: bool

    def volatility_at(self, bin_id: int) -> int:
        """Return the volatility when a swap is in this bin."""
        grown = self.volatility + abs(self.reference - bin_id) * VOLATILITY_ONE
        return min(grown, self.volatility_max)

    def rate_at(self, bin_id: int) -> int:
        """Return the fee of this bin, in 1e-9. The variable part is rounded up."""
        volatility = self.volatility_at(bin_id)
        return min(self.base - (-self.variable * volatility**2) // VARIABLE_ONE, FEE_MAX)


def fee_within(gross: int, rate: int) -> int:
    """Return the fee contained in raw units, rounded up."""
    return mul_div_ceil(gross, rate, FEE_ONE)


def fee_upon(net: int, rate: int) -> int:
    """Return the fee to be added to raw units, rounded up."""
    return mul_div_ceil(net, rate, FEE_ONE - rate)


def input_for(taken: int, price: int, *, down: bool) -> int:
    """Return what so many raw units of a layer cost, rounded up: X for Y (down) or Y for X."""
    if down:
        return -(-(taken << SCALE_BITS) // price)
    return -(-taken * price >> SCALE_BITS)


def output_for(given: int, price: int, *, down: bool) -> int:
    """Return what raw units buy at a price, rounded down: Y for X (down) or X for Y."""
    if down:
        return given * price >> SCALE_BITS
    return (given << SCALE_BITS) // price


class BinFill(NamedTuple):
    """What each layer was given and paid, and what is left over."""

    given: tuple[int, ...]
    paid: tuple[int, ...]
    left: int


class DoesNotFit(ValueError):
    """A number on the way is more than the program's 64 bits hold."""


def fill(layers: Sequence[int], price: int, net: int, *, down: bool) -> BinFill:
    """Give raw units, fee apart, to layers one after another until nothing is left of either.

    Raises DoesNotFit where a layer that is reached costs too much, even if only part is taken.
    """
    given: list[int] = []
    paid: list[int] = []
    for held in layers:
        # The first layer is reached whatever is left, the others only by what is left over.
        whole = input_for(held, price, down=down) if held and (net or not given) else 0
        if whole > RAW_MAX:
            raise DoesNotFit
        if net >= whole:
            given.append(whole)
            paid.append(held if whole else 0)
            net -= whole
        else:
            given.append(net)
            paid.append(output_for(net, price, down=down))
            net = 0
    return BinFill(tuple(given), tuple(paid), net)
