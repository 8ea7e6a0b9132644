"""Measures how much of a token a pool takes before what each unit brings is worse by so much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from cambist.values.amount import BPS_ONE, RAW_MAX, Bps
from cambist.values.ids import Address
from cambist.venues.pool import Pool

LEVELS_BPS: Final = (Bps(10), Bps(50), Bps(100), Bps(200))
"""The steps that are shown: 0.1 %, 0.5 %, 1 % and 2 %."""
_POWERS: Final = tuple(1 << bit for bit in range(RAW_MAX.bit_length()))
_ROUNDING_IS_NOTHING: Final = 10**6
"""From how many raw units on, on both sides, a unit more or less is below a hundredth of a bp."""


class DepthLevel(NamedTuple):
    """So much of the token given, in raw units, is what `bps` of the rate cost. 0: not a unit."""

    bps: Bps
    amount_in: int


def depth(
    pool: Pool, mint_in: Address, levels: Sequence[Bps] = LEVELS_BPS
) -> tuple[DepthLevel, ...]:
    """Return, for each level, the amount in whose rate is that much below the pool's first rate.

    The rate is what comes out for what goes in, fees counted on both sides of the comparison, so
    that they weigh nothing. The first rate is that at which anything can be had, as price impact
    counts it; where the curve is given in chords, the best of the powers of two may be better, of
    those that are too great for rounding to matter. Where a pool carries no more, that is its
    depth.
    To the unit: one raw unit more is below the level. It takes some forty questions a level.
    """
    known = [(amount, pool.amount_out(mint_in, amount)) for amount in _POWERS]
    best = _best(known, _first(pool, mint_in))
    return tuple(DepthLevel(bps, _most(pool, mint_in, (known, best), bps)) for bps in levels)


def _first(pool: Pool, mint_in: Address) -> tuple[int, int]:
    """Return an amount and what it brings at the rate at which the pool's curve begins."""
    for rate, rate_of, *_ in pool.segments(mint_in):
        return rate_of, rate
    return 1, 0


def _best(known: Sequence[tuple[int, int]], first: tuple[int, int]) -> tuple[int, int]:
    """Return the amount and what it brought, of the best rate; compared without a fraction."""
    best = first
    for amount, out in known:
        if min(amount, out) < _ROUNDING_IS_NOTHING:
            continue
        if out * best[0] > best[1] * amount:
            best = (amount, out)
    return best


def _most(
    pool: Pool, mint: Address, seen: tuple[Sequence[tuple[int, int]], tuple[int, int]], bps: Bps
) -> int:
    """Halve the way between the last power of two that is good enough and the next."""
    known, (unit, paid) = seen
    least, whole = paid * (BPS_ONE - bps), unit * BPS_ONE

    def good(amount: int, out: int) -> bool:
        return out > 0 and out * whole >= least * amount

    low = max((amount for amount, out in known if good(amount, out)), default=0)
    high = min(2 * low, int(RAW_MAX) + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if good(middle, pool.amount_out(mint, middle)):
            low = middle
        else:
            high = middle
    return low
