"""Makes and moves pairs of Meteora's DLMM: X in the bins above the price, Y in those below."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from math import isqrt
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from cambist.curves.bins import SCALE_BITS, price_at
from cambist.paper.pool_models.model import PoolSpec, PriceRatio, encode_decode, key
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM
from cambist.venues.meteora.dlmm import DLMM, DlmmPool
from cambist.venues.meteora.dlmm.accounts import (
    BINS_PER_ARRAY,
    INLINE_ARRAYS,
    Bin,
    Bins,
    DlmmPairAccount,
)
from cambist.venues.snapshot import ChainTime
from cambist.venues.tokens import Mint

STEP_BPS: Final = 5
REACH_ARRAYS: Final = 3
"""How many arrays of 70 bins hold something on either side of the active one: 10 to 14 %. Whoever
gives the liquidity follows the price, so that they are the arrays around it."""
_BIN_MIN, _BIN_MAX = -400_000, 400_000
_FEE_BASE: Final = 10
_FEE_UNITS_PER_PPM: Final = 1_000
_FACTOR_MAX: Final = (1 << 16) - 1
_NOBODY: Final = Address("11111111111111111111111111111111")
_PARTS: Final = 1 << 32
"""How finely the position within a bin is stored."""
_ARRAYS_REMEMBERED_MAX: Final = 1_024
_BINS_REMEMBERED_MAX: Final = 16_384


class DlmmModel:
    """Pairs of which every bin holds what one step of a curve of constant product would.

    A place is a bin, and how much of it was turned into Y already, in parts of 2^32.
    """

    program = DLMM

    def create(self, site: PoolSpec, time: ChainTime) -> DlmmPool:
        """Return the pair as it begins, through its accounts."""
        mints = (
            Mint(site.mint_a, TOKEN_PROGRAM, site.decimals_a),
            Mint(site.mint_b, TOKEN_PROGRAM, site.decimals_b),
        )
        here, part = _place_of(site.price)
        liquidity = isqrt(site.depth_a * site.depth_b)
        whole_x, whole_y = _whole(liquidity, here)
        held = (whole_x * (_PARTS - part) // _PARTS, whole_y * part // _PARTS)
        arrays = _arrays(liquidity, here, held)
        marked = tuple(index for index, _ in arrays)
        pair = _pair(site, here)
        pool = DlmmPool(site.address, pair, *mints, arrays, marked, _is_extended(marked), time)
        return encode_decode(DLMM, pool, time)

    def price(self, pool: DlmmPool) -> PriceRatio:
        """Return the bin's price, half a step less or more as it is all X or all Y."""
        here, part = self._place(pool)
        low, high = _edges(here)
        return PriceRatio(low * _PARTS + (high - low) * part, 2 * _PARTS << SCALE_BITS)

    def at_price(self, pool: DlmmPool, price: PriceRatio) -> DlmmPool:
        """Return the pair at another price, with the same liquidity around it."""
        here, part = _place_of(price)
        whole_x, whole_y = _whole(_liquidity(pool), here)
        x = whole_x * (_PARTS - part) // _PARTS
        return self._with(pool, here, (x, whole_y * part // _PARTS))

    def holdings(self, pool: DlmmPool) -> tuple[int, int]:
        """Return what the bins hold."""
        liquidity, x, y = _liquidity(pool), 0, 0
        for index, bins in pool.arrays:
            sided = _sided(liquidity, index)
            if bins is sided.below:
                y += sided.y
            elif bins is sided.above:
                x += sided.x
            else:
                x += sum(bin_.x for bin_ in bins)
                y += sum(bin_.y for bin_ in bins)
        return x, y

    def dump(self, pool: DlmmPool) -> tuple[int, ...]:
        """Return the active bin and what it holds of each."""
        here = pool.pair.active_id
        middle = here // BINS_PER_ARRAY
        bins = next((bins for index, bins in pool.arrays if index == middle), ())
        at = bisect_left(bins, (here,))  # a bin is found by its id alone: it stands first
        if at == len(bins) or bins[at].id != here:
            return here, 0, 0
        return here, bins[at].x, bins[at].y

    def load(self, made: DlmmPool, saved: tuple[int, ...]) -> DlmmPool:
        """Return the pair with this active bin, and all others as they are made."""
        here, x, y = saved
        return self._with(made, here, (x, y))

    def _place(self, pool: DlmmPool) -> tuple[int, int]:
        here, x, y = self.dump(pool)
        as_y = y << SCALE_BITS
        as_x = x * price_at(here, STEP_BPS)
        whole = as_x + as_y
        return here, min(as_y * _PARTS // whole, _PARTS - 1) if whole else 0

    def _with(self, pool: DlmmPool, here: int, held: tuple[int, int]) -> DlmmPool:
        arrays = _arrays(_liquidity(pool), here, held)
        pair = replace(pool.pair, active_id=here, index_reference=here)
        marked = tuple(index for index, _ in arrays)
        extended = _is_extended(marked)
        return replace(pool, pair=pair, arrays=arrays, marked=marked, extended=extended)


def _is_extended(marked: tuple[int, ...]) -> bool:
    """Return whether an array is beyond what the pair's own bitmap knows."""
    return marked[0] < -INLINE_ARRAYS or marked[-1] >= INLINE_ARRAYS


@lru_cache(maxsize=_BINS_REMEMBERED_MAX)
def _whole(liquidity: int, bin_id: int) -> tuple[int, int]:
    """Return what a bin holds when it is all X, and when it is all Y.

    As much as a constant product of this liquidity moves over the bin's step:
    dy = L * (sqrt(p') - sqrt(p)), dx = dy / p.
    """
    low, high = price_at(bin_id, STEP_BPS), price_at(bin_id + 1, STEP_BPS)
    half = SCALE_BITS // 2
    y = liquidity * (isqrt(high << SCALE_BITS) - isqrt(low << SCALE_BITS)) >> 2 * half
    y = max(y, 1)
    return max((y << SCALE_BITS) // low, 1), y


def _arrays(liquidity: int, here: int, held: tuple[int, int]) -> tuple[Bins, ...]:
    """Return the arrays around a bin that holds these amounts, all Y below it and all X above."""
    middle, place = divmod(here, BINS_PER_ARRAY)
    around = _sided(liquidity, middle)
    active = around.above[place]._replace(x=held[0], y=held[1])
    mixed = (*around.below[:place], active, *around.above[place + 1 :])
    return (
        *((at, _sided(liquidity, at).below) for at in range(middle - REACH_ARRAYS, middle)),
        (middle, mixed),
        *((at, _sided(liquidity, at).above) for at in range(middle + 1, middle + REACH_ARRAYS + 1)),
    )


class _SidedArray(NamedTuple):
    """The whole bins of an array: when they are all Y, when they are all X, and the sums."""

    below: tuple[Bin, ...]
    above: tuple[Bin, ...]
    x: int
    y: int


@lru_cache(maxsize=_ARRAYS_REMEMBERED_MAX)
def _sided(liquidity: int, index: int) -> _SidedArray:
    """Return an array on either side of the active bin: all pools of this liquidity share it."""
    below, above = [], []
    for number in range(index * BINS_PER_ARRAY, (index + 1) * BINS_PER_ARRAY):
        x, y = _whole(liquidity, number)
        price = price_at(number, STEP_BPS)
        below.append(Bin(number, price, 0, y))
        above.append(Bin(number, price, x, 0))
    held_x, held_y = sum(bin_.x for bin_ in above), sum(bin_.y for bin_ in below)
    return _SidedArray(tuple(below), tuple(above), held_x, held_y)


def _liquidity(pool: DlmmPool) -> int:
    """Return the liquidity that the bins were made with, from the furthest bin: it is whole."""
    first, last = pool.arrays[0][1][0], pool.arrays[-1][1][-1]
    # Of the two, the side with more units shows it more exactly.
    return (
        _liquidity_of(last, last.x * last.price)
        if last.x > first.y
        else _liquidity_of(first, first.y << SCALE_BITS)
    )


@lru_cache(maxsize=_ARRAYS_REMEMBERED_MAX)
def _liquidity_of(whole: Bin, worth: int) -> int:
    """Return the liquidity of a whole bin that is worth so much of Y, in Q64.64."""
    low, high = whole.price, price_at(whole.id + 1, STEP_BPS)
    return worth // max(isqrt(high << SCALE_BITS) - isqrt(low << SCALE_BITS), 1)


@lru_cache(maxsize=_BINS_REMEMBERED_MAX)
def _edges(bin_id: int) -> tuple[int, int]:
    """Return twice the prices half a step below and above a bin's own."""
    below, here, above = (price_at(bin_id + step, STEP_BPS) for step in (-1, 0, 1))
    return below + here, here + above


def _place_of(price: PriceRatio) -> tuple[int, int]:
    """Return the bin whose price is nearest, and the part of its step, by halving."""
    wanted = (price.b << SCALE_BITS + 1) // price.a
    low, high = -_SEARCH, _SEARCH
    while high - low > 1:
        middle = (low + high) // 2
        if _edges(middle)[0] <= wanted:
            low = middle
        else:
            high = middle
    floor, ceiling = _edges(low)
    return low, min((wanted - floor) * _PARTS // max(ceiling - floor, 1), _PARTS - 1)


_SEARCH: Final = 85_000
"""Within so many bins of this step every price has 64 bits before and behind the point."""


def _pair(site: PoolSpec, here: int) -> DlmmPairAccount:
    """Return a pair whose fee no clock and no crossing moves."""
    still: dict[str, Any] = dict.fromkeys(DlmmPairAccount.__struct_fields__, 0)
    factor, power = site.fee_ppm * _FEE_UNITS_PER_PPM // (_FEE_BASE * STEP_BPS), 0
    while factor > _FACTOR_MAX:
        factor, power = factor // _FEE_BASE, power + 1
    return DlmmPairAccount(
        **(
            still
            | {
                "base_factor": factor,
                "base_fee_power": power,
                "bin_min": _BIN_MIN,
                "bin_max": _BIN_MAX,
                "active_id": here,
                "index_reference": here,
                "bin_step": STEP_BPS,
                "mint_x": site.mint_a,
                "mint_y": site.mint_b,
                "reserve_x": key(site.address, "reserve x"),
                "reserve_y": key(site.address, "reserve y"),
                "reward_mint_1": _NOBODY,
                "reward_mint_2": _NOBODY,
                "oracle": key(site.address, "oracle"),
            }
        )
    )


DLMM_SHAPE: Final = DlmmModel()
