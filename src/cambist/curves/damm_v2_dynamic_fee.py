"""Computes how a price that moves raises a fee, from one swap to the next.

The price's way since its reference is counted in bins of equal steps; what it was before decays
with time. (The arithmetic of `DynamicFeeStruct` in Meteora's DAMM v2, which counts bins by a ratio
of roots of prices, not by a logarithm.)
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cambist.values.amount import BPS_ONE

ONE: Final = 1 << 64
STEP: Final = ONE // BPS_ONE
"""One bin of 1 bp, with 64 fractional bits."""

_SCALE: Final = 100_000_000_000


class DammV2Volatility(NamedTuple):
    """What is remembered: since when, from which price, how much now, and how much is left of it.

    `updated_s` is in seconds since the Unix epoch, `reference` the root of a price with 64
    fractional bits, `now` and `left` are bins times 10,000.
    """

    updated_s: int
    reference: int
    now: int
    left: int


class VolatilityRules(NamedTuple):
    """How it is counted: seconds before the reference moves and until all is forgotten.

    `kept_bps` is what is left in between; `most` caps it; `control` weighs it in the fee.
    """

    filter_s: int
    decay_s: int
    kept_bps: int
    most: int
    control: int


def bins_between(root: int, other: int) -> int:
    """Return the bins of 1 bp between two roots of prices; always even."""
    # `get_delta_bin_id`: a ratio of roots, less one, in steps of 1 bp, rounded down, then doubled
    # (a root moves about half as far as its price).
    upper, lower = (root, other) if root > other else (other, root)
    return ((upper << 64) // lower - ONE) // STEP * 2


def fee(volatility: int, control: int) -> int:
    """Return what it adds to the fee, as a numerator over 10^9, rounded up."""
    # Rounded up: ceil((accumulator * bin step)^2 * control / 1e11). The bin step is always 1 bp.
    return -(-volatility * volatility * control // _SCALE)


def after(
    was: DammV2Volatility, rules: VolatilityRules, prices: tuple[int, int], now_s: int
) -> DammV2Volatility:
    """Return what is remembered after a swap moved the price from the first root to the second."""
    old, new = prices
    elapsed = max(now_s - was.updated_s, 0)
    # The reference is updated before the swap, and the accumulator after it. So the fee of a swap
    # rests on the accumulator that the swap before it left.
    reference, left = was.reference, was.left
    if elapsed >= rules.filter_s:
        reference = old
        left = was.now * rules.kept_bps // BPS_ONE if elapsed < rules.decay_s else 0
    now = min(left + bins_between(new, reference) * BPS_ONE, rules.most)
    # A swap that stays within its bin is no update. Small swaps cannot keep a fee from decaying.
    updated_s = now_s if bins_between(old, new) else was.updated_s
    return DammV2Volatility(updated_s, reference, now, left)
