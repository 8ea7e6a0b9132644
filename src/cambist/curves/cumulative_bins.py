"""Answers what amounts bring and cost across bins, from sums that it keeps as far as asked.

All but the last bin of a swap are emptied, and what an emptied bin takes and pays depends on no
amount. So the bins before a swap are added up once, and each amount needs a search and the
arithmetic of one bin. The numbers are those of walking bin by bin (`bins.fill`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

from cambist.curves.bins import (
    FEE_MAX,
    FEE_ONE,
    SCALE_BITS,
    VARIABLE_ONE,
    VOLATILITY_ONE,
    BinFee,
)
from cambist.curves.segments import Segment, straight
from cambist.values.amount import RAW_MAX

BinStep = tuple[int, int, int, tuple[int, ...]]
"""A bin before a swap: its id, its price, what market makers hold of the token given, and the
layers of the token taken. In raw units, at least one layer not empty."""

BEYOND: Final = -1
"""The amount needs the long way: a number on it does not fit the program's 64 bits."""


class CumulativeBins:
    """The bins before swaps in one direction, nearest first. Down gives X and takes Y.

    With `go_on` whatever is more than a bin's whole price goes on to the next, even where rounding
    lets the bin take it.
    """

    __slots__ = (
        "_down", "_fee", "_given", "_go_on", "_paid", "_reach", "_rungs", "_spoilt", "_steps",
    )  # fmt: skip

    def __init__(
        self, rungs: Iterator[BinStep], fee: BinFee, *, down: bool, go_on: bool = False
    ) -> None:
        self._rungs, self._fee, self._down, self._go_on = rungs, fee, down, go_on
        self._spoilt = False
        self._reach: list[int] = []  # the least amount in that goes on to the next bin
        self._given = [0]  # what the bins before this one take, fee inside
        self._paid = [0]  # what they pay
        self._steps: list[tuple[int, int, tuple[int, ...]]] = []  # price, rate, layers

    def paid(self, given: int) -> int:
        """Return what raw units bring; 0 when the bins do not suffice, or BEYOND."""
        reach = self._reach
        while not reach or reach[-1] <= given:
            if not self._grow():
                return BEYOND if self._spoilt else 0
        at = bisect_right(reach, given)
        price, rate, layers = self._steps[at]
        # From here on the arithmetic of `bins.fill` is written out: a call for each layer would
        # cost more than the layer.
        net = given - self._given[at]
        on_input = self._fee.on_input
        if on_input:
            net += -net * rate // FEE_ONE  # less the fee, rounded up
        out = 0
        if self._down:
            for held in layers:
                whole = -(-(held << SCALE_BITS) // price)  # up
                if net < whole:
                    out += net * price >> SCALE_BITS  # down
                    break
                out += held
                net -= whole
        else:
            for held in layers:
                whole = -(-held * price >> SCALE_BITS)  # up
                if net < whole:
                    out += (net << SCALE_BITS) // price  # down
                    break
                out += held
                net -= whole
        if not on_input:
            out += -out * rate // FEE_ONE
        return self._paid[at] + out

    def given(self, paid: int) -> int:
        """Return what raw units cost; 0 when the bins do not suffice, or BEYOND."""
        sums = self._paid
        while sums[-1] < paid:
            if not self._grow():
                return BEYOND if self._spoilt else 0
        at = bisect_left(sums, paid) - 1
        price, rate, layers = self._steps[at]
        # Exact out in a bin that is not emptied: one rounding for the cost, then the fee on top.
        want = paid - sums[at]
        on_input, rest = self._fee.on_input, FEE_ONE - rate
        if not on_input:
            want -= -want * rate // rest  # with the fee, rounded up
        held = layers[0]
        if want > held and len(layers) > 1:
            # Where more than one layer is taken from, the program's roundings may not agree.
            return BEYOND
        taken = min(want, held)
        # Rounded up.
        cost = -(-(taken << SCALE_BITS) // price) if self._down else -(-taken * price >> SCALE_BITS)
        if on_input:
            cost -= -cost * rate // rest
        cost += self._given[at]
        return cost if cost <= RAW_MAX else 0

    def segments(self) -> Iterator[Segment]:
        """Yield the bins, each of one rate."""
        at, given, paid = 0, self._given, self._paid
        while at < len(given) - 1 or self._grow():
            length, brought = given[at + 1] - given[at], paid[at + 1] - paid[at]
            if length and brought:
                yield straight(length, brought)
            at += 1

    def _grow(self) -> bool:
        """Add the next bin; return whether there was one that the short way understands."""
        rung = None if self._spoilt else next(self._rungs, None)
        if rung is None:
            return False
        bin_id, price, held_in, layers = rung
        base, variable, volatility, most, reference, on_input = self._fee
        # Fee.rate_at, spelled out for speed.
        volatility = min(volatility + abs(reference - bin_id) * VOLATILITY_ONE, most)
        rate = min(base - (-variable * volatility * volatility) // VARIABLE_ONE, FEE_MAX)
        if self._down:
            costs = [-(-(held << SCALE_BITS) // price) for held in layers]
        else:
            costs = [-(-held * price >> SCALE_BITS) for held in layers]
        cost, held = sum(costs), sum(layers)
        if on_input:
            rest, total = FEE_ONE - rate, held
            # A bin is emptied by its whole cost with `compute_fee` on top of it, while an amount
            # that stays in the bin pays `compute_fee_from_amount`. The two round apart, so the
            # amount at which a swap goes on is not always the amount that empties the bin.
            # c + ceil(c * rate / rest) is ceil(c / (1 - rate)); one more than the cost goes on.
            whole, onward = -(-cost * FEE_ONE // rest), -(-(cost + 1) * FEE_ONE // rest)
        else:
            whole, onward, total = cost, cost + 1, held + -held * rate // FEE_ONE
        if self._go_on:
            onward = whole + 1
        if whole > RAW_MAX or held > RAW_MAX or held_in + costs[0] > RAW_MAX or not total:
            self._spoilt = True
            return False
        given = self._given[-1]
        self._reach.append(given + onward)
        self._given.append(given + whole)
        self._paid.append(self._paid[-1] + total)
        self._steps.append((price, rate, layers))
        return True
