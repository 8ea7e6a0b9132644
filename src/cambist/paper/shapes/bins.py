"""Makes and moves pairs of Meteora's DLMM: X in the bins above the price, Y in those below."""

from __future__ import annotations

from math import isqrt
from typing import Any, Final

from msgspec.structs import replace

from cambist.curves.bins import SCALE_BITS, price_at
from cambist.paper.shapes.keys import key
from cambist.paper.shapes.shape import Ratio, Site, through_accounts
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM
from cambist.venues.accounts import ChainTime
from cambist.venues.meteora.dlmm import DLMM, DlmmPool
from cambist.venues.meteora.dlmm.state import BINS_PER_ARRAY, Bin, Bins, Pair
from cambist.venues.tokens import Mint

STEP_BPS: Final = 25
REACH_BINS: Final = 150
"""How many bins hold something on either side: about a factor of 1.45."""
_BIN_MIN, _BIN_MAX = -400_000, 400_000
_FEE_BASE: Final = 10
_FEE_UNITS_PER_PPM: Final = 1_000
_NOBODY: Final = Address("11111111111111111111111111111111")
_PARTS: Final = 1 << 32
"""How finely the place within a bin is told."""


class InBins:
    """Pairs of which every bin holds what one step of a curve of constant product would.

    A place is a bin, and how much of it was turned into Y already, in parts of 2^32.
    """

    program = DLMM

    def made(self, site: Site, time: ChainTime) -> DlmmPool:
        """Return the pair as it begins, through its accounts."""
        mints = (
            Mint(site.mint_a, TOKEN_PROGRAM, site.decimals_a),
            Mint(site.mint_b, TOKEN_PROGRAM, site.decimals_b),
        )
        here, part = _place_of(site.price)
        liquidity = isqrt(site.depth_a * site.depth_b)
        arrays = _arrays(range(here - REACH_BINS, here + REACH_BINS + 1), liquidity, (here, part))
        marked = tuple(index for index, _ in arrays)
        pair = _pair(site, here)
        pool = DlmmPool(site.address, pair, *mints, arrays, marked, extended=False, time=time)
        return through_accounts(DLMM, pool, time)

    def price(self, pool: DlmmPool) -> Ratio:
        """Return the bin's price, and of the step to the next as much as was turned into Y."""
        here, part = self._place(pool)
        low, high = price_at(here, STEP_BPS), price_at(here + 1, STEP_BPS)
        return Ratio(low * _PARTS + (high - low) * part, _PARTS << SCALE_BITS)

    def put(self, pool: DlmmPool, price: Ratio) -> DlmmPool:
        """Return the pair with the same bins at another price, as far as its bins reach."""
        return self._at(pool, *_place_of(price))

    def holdings(self, pool: DlmmPool) -> tuple[int, int]:
        """Return what the bins hold."""
        bins = [one for _, held in pool.arrays for one in held]
        return sum(one.x for one in bins), sum(one.y for one in bins)

    def saved(self, pool: DlmmPool) -> tuple[int, ...]:
        """Return the active bin and what it holds of each."""
        here = pool.pair.active_id
        active = next((one for _, held in pool.arrays for one in held if one.id == here), None)
        return (here, active.x, active.y) if active else (here, 0, 0)

    def loaded(self, made: DlmmPool, saved: tuple[int, ...]) -> DlmmPool:
        """Return the pair with this active bin, and all others as they are made."""
        here, x, y = saved
        return self._with(made, here, (x, y))

    def _at(self, pool: DlmmPool, here: int, part: int) -> DlmmPool:
        ids = [one.id for _, held in pool.arrays for one in held]
        here = min(max(here, ids[0]), ids[-1])
        whole_x, whole_y = _whole(_liquidity(pool), here)
        x = whole_x * (_PARTS - part) // _PARTS
        return self._with(pool, here, (x, whole_y * part // _PARTS))

    def _place(self, pool: DlmmPool) -> tuple[int, int]:
        here, x, y = self.saved(pool)
        as_y = y << SCALE_BITS
        as_x = x * price_at(here, STEP_BPS)
        whole = as_x + as_y
        return here, min(as_y * _PARTS // whole, _PARTS - 1) if whole else 0

    def _with(self, pool: DlmmPool, here: int, held: tuple[int, int]) -> DlmmPool:
        liquidity = _liquidity(pool)
        arrays: list[Bins] = []
        for index, bins in pool.arrays:
            moved = []
            for one in bins:
                if one.id == here:
                    moved.append(one._replace(x=held[0], y=held[1]))
                elif (one.id > here) == (one.x > 0) and (one.id < here) == (one.y > 0):
                    moved.append(one)  # on its own side already
                else:
                    x, y = _whole(liquidity, one.id)
                    on_x = one.id > here
                    moved.append(one._replace(x=x if on_x else 0, y=0 if on_x else y))
            arrays.append((index, tuple(moved)))
        pair = replace(pool.pair, active_id=here, index_reference=here)
        return replace(pool, pair=pair, arrays=tuple(arrays))


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


def _arrays(ids: range, liquidity: int, place: tuple[int, int]) -> tuple[Bins, ...]:
    here, part = place
    found: dict[int, list[Bin]] = {}
    for one in ids:
        whole_x, whole_y = _whole(liquidity, one)
        x = whole_x if one > here else 0
        y = whole_y if one < here else 0
        if one == here:
            x, y = whole_x * (_PARTS - part) // _PARTS, whole_y * part // _PARTS
        found.setdefault(one // BINS_PER_ARRAY, []).append(Bin(one, price_at(one, STEP_BPS), x, y))
    return tuple((index, tuple(bins)) for index, bins in sorted(found.items()))


def _liquidity(pool: DlmmPool) -> int:
    """Return the liquidity that the bins were made with, from one that holds one token alone."""
    bins = [one for _, held in pool.arrays for one in held]
    last, first = bins[-1], bins[0]
    # The furthest bins are whole unless the price has come to them.
    one = last if last.x else first
    half = SCALE_BITS // 2
    low, high = one.price, price_at(one.id + 1, STEP_BPS)
    y = (one.x * low >> SCALE_BITS) if one.x else one.y
    return (y << 2 * half) // max(isqrt(high << SCALE_BITS) - isqrt(low << SCALE_BITS), 1)


def _place_of(price: Ratio) -> tuple[int, int]:
    """Return the bin of a price and the part of its step, by halving."""
    wanted = (price.b << SCALE_BITS) // price.a
    low, high = -_SEARCH, _SEARCH
    while high - low > 1:
        middle = (low + high) // 2
        if price_at(middle, STEP_BPS) <= wanted:
            low = middle
        else:
            high = middle
    floor, ceiling = price_at(low, STEP_BPS), price_at(low + 1, STEP_BPS)
    return low, min((wanted - floor) * _PARTS // max(ceiling - floor, 1), _PARTS - 1)


_SEARCH: Final = 17_000
"""Within so many bins of this step every price has 64 bits before and behind the point."""


def _pair(site: Site, here: int) -> Pair:
    """Return a pair whose fee no clock and no crossing moves."""
    still: dict[str, Any] = dict.fromkeys(Pair.__struct_fields__, 0)
    return Pair(
        **(
            still
            | {
                "base_factor": site.fee_ppm * _FEE_UNITS_PER_PPM // (_FEE_BASE * STEP_BPS),
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


DLMM_SHAPE: Final = InBins()
