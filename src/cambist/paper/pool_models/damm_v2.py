"""Makes and moves pools of Meteora's DAMM v2: one range of liquidity, with no end in sight."""

from __future__ import annotations

from math import isqrt
from typing import Any, Final

from msgspec.structs import replace

from cambist.curves import single_range
from cambist.paper.pool_models.clmm import root_of
from cambist.paper.pool_models.model import PoolSpec, PriceRatio, encode_decode, key
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM
from cambist.venues.meteora.damm_v2 import DAMM_V2, DammV2Pool
from cambist.venues.meteora.damm_v2.accounts import DammV2PoolAccount
from cambist.venues.meteora.damm_v2.pool import pool_at
from cambist.venues.snapshot import ChainTime
from cambist.venues.tokens import Mint

PRICE_MIN: Final = 4_295_048_016
PRICE_MAX: Final = 79_226_673_521_066_979_257_578_248_091
_Q64: Final = 64
_FEE_UNITS_PER_PPM: Final = 1_000
_NEVER_LEFT: Final = 16
"""The range reaches so many bits of the root either way: nobody trades as far."""


class DammV2Model:
    """Pools whose price is a root within one range."""

    program = DAMM_V2

    def create(self, site: PoolSpec, time: ChainTime) -> DammV2Pool:
        """Return the pool as it begins, through its accounts."""
        price = root_of(site.price)
        liquidity = isqrt(site.depth_a * site.depth_b) << _Q64
        low = max(price >> _NEVER_LEFT, PRICE_MIN)
        high = min(price << _NEVER_LEFT, PRICE_MAX)
        mints = (
            Mint(site.mint_a, TOKEN_PROGRAM, site.decimals_a),
            Mint(site.mint_b, TOKEN_PROGRAM, site.decimals_b),
        )
        vaults = (key(site.address, "vault a"), key(site.address, "vault b"))
        state = _filled(_state(site, (low, price, high), liquidity, vaults))
        return encode_decode(DAMM_V2, pool_at(site.address, state, mints, time), time)

    def price(self, pool: DammV2Pool) -> PriceRatio:
        """Return the square of the root."""
        return PriceRatio(pool.state.price * pool.state.price, 1 << 2 * _Q64)

    def at_price(self, pool: DammV2Pool, price: PriceRatio) -> DammV2Pool:
        """Return the pool with the same liquidity at another price."""
        return self._at(pool, root_of(price))

    def holdings(self, pool: DammV2Pool) -> tuple[int, int]:
        """Return what the range holds at the price, rounded up: what can be taken out."""
        return _holdings_of(pool.state)

    def dump(self, pool: DammV2Pool) -> tuple[int, ...]:
        """Return the root."""
        return (pool.state.price,)

    def load(self, made: DammV2Pool, saved: tuple[int, ...]) -> DammV2Pool:
        """Return the pool at this root."""
        return self._at(made, saved[0])

    def _at(self, pool: DammV2Pool, price: int) -> DammV2Pool:
        low, high = pool.state.price_min, pool.state.price_max
        state = _filled(replace(pool.state, price=min(max(price, low), high)))
        return pool_at(pool.address, state, (pool.a, pool.b), pool.time)


def _filled(state: DammV2PoolAccount) -> DammV2PoolAccount:
    """Return the state with reserves that hold what its range does."""
    a, b = _holdings_of(state)
    return replace(state, reserve_a=a, reserve_b=b)


def _holdings_of(state: DammV2PoolAccount) -> tuple[int, int]:
    return (
        single_range.amount_a_ceil(state.liquidity, state.price, state.price_max),
        single_range.amount_b_ceil(state.liquidity, state.price_min, state.price),
    )


def _state(
    site: PoolSpec, prices: tuple[int, int, int], liquidity: int, vaults: tuple[Address, Address]
) -> DammV2PoolAccount:
    low, price, high = prices
    still: dict[str, Any] = dict.fromkeys(DammV2PoolAccount.__struct_fields__, 0)
    return DammV2PoolAccount(
        **(
            still
            | {
                "cliff": site.fee_ppm * _FEE_UNITS_PER_PPM,
                "first_price": price,
                "mint_a": site.mint_a,
                "mint_b": site.mint_b,
                "vault_a": vaults[0],
                "vault_b": vaults[1],
                "liquidity": liquidity,
                "price_min": low,
                "price_max": high,
                "price": price,
                "fee_version": 1,
                "layout_version": 1,
            }
        )
    )


DAMM_V2_SHAPE: Final = DammV2Model()
