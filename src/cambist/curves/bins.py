"""Computes swaps in bins of constant price, with a fee that grows with the bins crossed.

A bin holds raw units of X and of Y at one price, y per x in Q64.64. A swap empties its layers one
after another, and each layer rounds for itself and against the trader.
"""

# Formulas and their source, the `commons` crate of MeteoraAg/dlmm-sdk. Its `quote.rs` was compared
# with the compiled program, unit by unit, and so is this module (tests/onchain/test_dlmm.py):
#
# - price of a bin: `get_price_from_id`, a power by repeated squaring with a floor after each step.
#   A price that is stored in the bin wins over the computed one.
# - what a bin pays, and what a layer costs: `Bin::get_amount_out` rounds down and
#   `Bin::get_amount_in` rounds up, both with a price of 64 fractional bits.
# - fee inside an amount: `compute_fee_from_amount`, ceil(gross * rate / 1e9)
# - fee on top of an amount: `compute_fee`, ceil(net * rate / (1e9 - rate))
# - rate: `get_total_fee`, the base plus `compute_variable_fee`, at most MAX_FEE_RATE
# - volatility: `update_volatility_accumulator`, before each bin that holds something
#
# The two fee formulas are not inverse to each other to the unit, and the program uses both: the
# first for an amount that a bin takes whole, the second for a bin that is emptied. Fees are rounded
# in every bin, so no formula over several bins at once gives the program's numbers.
#
# Since release 0.12 a bin has up to three layers: what market makers hold, what is left of limit
# orders that were started, and open orders. A swap takes them in that order, each layer with a
# rounding of its own.

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
    # `get_price_from_id` of the commons crate, with the 19 bits of its `pow`.
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
        # `update_volatility_accumulator`: the distance counts all bins, also those that are empty.
        grown = self.volatility + abs(self.reference - bin_id) * VOLATILITY_ONE
        return min(grown, self.volatility_max)

    def rate_at(self, bin_id: int) -> int:
        """Return the fee of this bin, in 1e-9. The variable part is rounded up."""
        # `compute_variable_fee` rounds up; `get_total_fee` adds the base and caps the sum.
        volatility = self.volatility_at(bin_id)
        return min(self.base - (-self.variable * volatility**2) // VARIABLE_ONE, FEE_MAX)


def fee_within(gross: int, rate: int) -> int:
    """Return the fee contained in raw units, rounded up."""
    # `compute_fee_from_amount`
    return mul_div_ceil(gross, rate, FEE_ONE)


def fee_upon(net: int, rate: int) -> int:
    """Return the fee to be added to raw units, rounded up."""
    # `compute_fee`
    return mul_div_ceil(net, rate, FEE_ONE - rate)


def input_for(taken: int, price: int, *, down: bool) -> int:
    """Return what so many raw units of a layer cost, rounded up: X for Y (down) or Y for X."""
    # `Bin::get_amount_in` with Rounding::Up
    if down:
        return -(-(taken << SCALE_BITS) // price)
    return -(-taken * price >> SCALE_BITS)


def output_for(given: int, price: int, *, down: bool) -> int:
    """Return what raw units buy at a price, rounded down: Y for X (down) or X for Y."""
    # `Bin::get_amount_out` with Rounding::Down
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
