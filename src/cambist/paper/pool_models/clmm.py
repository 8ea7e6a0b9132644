"""Makes and moves pools of Raydium's CLMM: a wide position, and a narrow one inside it."""

from __future__ import annotations

from math import isqrt
from typing import Final

from msgspec.structs import replace

from cambist.curves.tick_walk_state import FeeRates, Ticks, TickState
from cambist.curves.ticks import SQRT_MAX, SQRT_MIN, tick_at_sqrt
from cambist.paper.pool_models.model import PoolSpec, PriceRatio, encode_decode, key
from cambist.values.program_address import TOKEN_PROGRAM
from cambist.venues.raydium.clmm import CLMM, ClmmPool
from cambist.venues.raydium.clmm.loaded_tick_arrays import load
from cambist.venues.snapshot import ChainTime
from cambist.venues.tokens import Mint

SPACING: Final = 60
WIDE_TICKS, NARROW_TICKS = 12_000, 3_000
"""How far the positions reach on either side: about a factor of 3.3, and of 1.35."""
_Q64: Final = 64


class ClmmModel:
    """Pools whose price is a root, and whose liquidity changes at ticks."""

    program = CLMM

    def create(self, site: PoolSpec, time: ChainTime) -> ClmmPool:
        """Return the pool as it begins, through its accounts."""
        price = root_of(site.price)
        here = tick_at_sqrt(price)
        liquidity = isqrt(site.depth_a * site.depth_b)
        wide = liquidity // 2
        nets = {
            _rounded(here - WIDE_TICKS): wide,
            _rounded(here - NARROW_TICKS): liquidity - wide,
            _rounded(here + NARROW_TICKS): wide - liquidity,
            _rounded(here + WIDE_TICKS): -wide,
        }
        own = [key(site.address, name) for name in ("vault a", "vault b", "config", "observation")]
        arrays = load(SPACING, nets)
        held = _holdings_at(arrays.ticks, price)
        pool = ClmmPool(
            site.address,
            Mint(site.mint_a, TOKEN_PROGRAM, site.decimals_a),
            Mint(site.mint_b, TOKEN_PROGRAM, site.decimals_b),
            own[0],
            own[1],
            *held,
            own[2],
            FeeRates(site.fee_ppm, 0, 0),
            own[3],
            TickState(price, here, liquidity),
            arrays,
            0,
            0,
            time,
        )
        return encode_decode(CLMM, pool, time)

    def price(self, pool: ClmmPool) -> PriceRatio:
        """Return the square of the root."""
        return PriceRatio(pool.tick_state.price * pool.tick_state.price, 1 << 2 * _Q64)

    def at_price(self, pool: ClmmPool, price: PriceRatio) -> ClmmPool:
        """Return the pool with the same positions at another price."""
        return self._at(pool, root_of(price))

    def holdings(self, pool: ClmmPool) -> tuple[int, int]:
        """Return what the positions hold at the price, rounded up: what can be taken out."""
        return _holdings_at(pool.shelf.ticks, pool.tick_state.price)

    def dump(self, pool: ClmmPool) -> tuple[int, ...]:
        """Return the root and the tick, which differ by a place at a tick's own price."""
        return pool.tick_state.price, pool.tick_state.tick

    def load(self, made: ClmmPool, saved: tuple[int, ...]) -> ClmmPool:
        """Return the pool at this root."""
        price, tick = saved
        return self._at(made, price, tick)

    def _at(self, pool: ClmmPool, price: int, tick: int | None = None) -> ClmmPool:
        price = min(max(price, SQRT_MIN), SQRT_MAX - 1)
        tick = tick_at_sqrt(price) if tick is None else tick
        ticks = pool.shelf.ticks
        liquidity = sum(
            net for number, net in zip(ticks.numbers, ticks.nets, strict=True) if number <= tick
        )
        a, b = _holdings_at(ticks, price)  # the vaults hold what its positions do
        state = TickState(price, tick, liquidity)
        return replace(pool, tick_state=state, reserve_a=a, reserve_b=b)


def _holdings_at(ticks: Ticks, price: int) -> tuple[int, int]:
    """Return what the positions hold at a price, rounded up."""
    a = b = liquidity = 0
    for at, net in enumerate(ticks.nets[:-1]):
        liquidity += net
        low, high = ticks.prices[at], ticks.prices[at + 1]
        here = min(max(price, low), high)
        a += -(-(liquidity << _Q64) * (high - here) // (here * high))
        b += -(-liquidity * (here - low) >> _Q64)
    return a, b


def _rounded(tick: int) -> int:
    return tick // SPACING * SPACING


def root_of(price: PriceRatio) -> int:
    """Return the square root of a price in Q64.64, rounded down."""
    return isqrt((price.b << 2 * _Q64) // price.a)


CLMM_SHAPE: Final = ClmmModel()
