"""Compares rates: which ways are too good to be true, and which are worth a closer look."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from cambist.optimizer.clearing import LIKELY_MAX, L, SplitRequest, bound

ENOUGH_TO_COMPARE: Final = 3
_PROBE_SHARE: Final = 1_000
_FEWEST_SWAPS: Final = 2


def find_outliers(ways: Sequence[L], request: SplitRequest, more: Fraction) -> list[L]:
    """Return the ways whose rate is so much more than that of the one in the middle.

    Held against the rate in the middle, which no single pool can move. Rates come from the curves
    and not from whole units, of which a token without decimals has too few to compare. What is
    good for a few units alone is not yet odd: a thousandth of the amount has to be as good.
    """
    if len(ways) < ENOUGH_TO_COMPARE:
        return []
    rates = sorted(path.curve.rate for path in ways)
    middle = rates[len(rates) // 2]
    most = middle * (1 + float(more))
    if rates[-1] <= most:
        return []
    probe = (
        request.amount if request.mode == "exact_in" else request.amount / middle
    ) / _PROBE_SHARE
    return [way for way in ways if way.curve.rate > most and way.curve.mean(probe) > most]


def promising(
    ways: Sequence[L], request: SplitRequest, alone: tuple[L, int, int], gain: Fraction
) -> Sequence[L]:
    """Return the ways a split may use; none where none can gain so much over one pool alone.

    `alone` is that pool, and what it takes and brings net of its swap's cost. Ways are asked at
    the rate of its last unit: a lower rate says less, since deep pools take far more than the
    order until they have fallen to it. Where many ways begin above that rate some are sure to help,
    and all are returned: to follow each of them so far down costs more than the search itself.
    """
    pool, given, paid = alone
    exact_in, best = request.mode == "exact_in", ways[0].curve.rate
    least = paid * (1 + float(gain)) if exact_in else -given * (1 - float(gain))
    # Whatever is shared takes two swaps or more, at the best rate there is.
    swaps_cost = _FEWEST_SWAPS * min(way.cost / way.swaps for way in ways)
    if (best * given if exact_in else -paid / best) - swaps_cost <= least:
        return ()
    rate = pool.curve.rate_after(given) if exact_in else pool.curve.rate_after_paid(paid)
    if len(ways) > LIKELY_MAX and ways[LIKELY_MAX].curve.rate > rate > 0:
        return ways
    most, likely = bound(ways, request, rate or paid / given, pool.cost)
    return likely if most > least else ()


def beats(rates: tuple[float, float], alone: tuple[int, int], gain: Fraction) -> bool:
    """Whether two rates, one after the other, are so much better than what a route brings."""
    given, paid = alone
    return rates[0] * rates[1] * given > paid * (1 + float(gain))
