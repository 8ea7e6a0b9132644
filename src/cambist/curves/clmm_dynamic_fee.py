"""Computes a fee that rises as the price moves, and falls again with time.

The price counts in tick spacings. How far it has gone from a reference, and how much of an earlier
move is not forgotten, is the accumulator; the fee grows with its square. Source: raydium-clmm,
`states/pool_fee.rs` and `instructions/swap.rs`.
"""

from __future__ import annotations

from typing import Final

from cambist.curves.tick_walk_state import ClmmVolatility

SPACING_ONE: Final = 10_000
REDUCTION_ONE: Final = 10_000
CONTROL_ONE: Final = 100_000
FEE_MAX_PPM: Final = 100_000


def start(fee: ClmmVolatility, index: int, now_s: int) -> ClmmVolatility:
    """Return the state at the start of a swap, when the price stands in spacing `index`."""
    # Swaps within the filter period share a reference: else a series of small swaps would pay
    # less than one large swap.
    elapsed = max(now_s - fee.updated_s, 0)
    if elapsed < fee.filter_s:
        return fee
    kept = fee.accumulator * fee.reduction // REDUCTION_ONE if elapsed < fee.decay_s else 0
    return fee._replace(index_reference=index, reference=kept, updated_s=now_s)


def accumulate(fee: ClmmVolatility, index: int) -> ClmmVolatility:
    """Return the state with the price in spacing `index`."""
    moved = fee.reference + abs(fee.index_reference - index) * SPACING_ONE
    return fee._replace(accumulator=min(moved, fee.accumulator_max))


def rate(fee: ClmmVolatility, spacing: int, static_ppm: int) -> int:
    """Return the whole fee in parts per million, rounded up and capped."""
    # base + ceil(control * (accumulator * spacing)^2 / (1e5 * 1e4 * 1e4)). The moving part and the
    # whole have the same cap, a tenth.
    square = (fee.accumulator * spacing) ** 2
    moving = -(-fee.control * square // (CONTROL_ONE * SPACING_ONE * SPACING_ONE))  # up
    return min(static_ppm + min(moving, FEE_MAX_PPM), FEE_MAX_PPM)
