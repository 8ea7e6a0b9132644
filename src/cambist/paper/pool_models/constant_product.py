"""Makes and moves pools of two reserves: Raydium's AMM v4 and CPMM."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Any, Final

from msgspec.structs import replace

from cambist.paper.pool_models.model import PoolSpec, PriceRatio, encode_decode, key
from cambist.values.amount import mul_div_ceil
from cambist.values.program_address import TOKEN_PROGRAM
from cambist.venues.program import Program
from cambist.venues.raydium.amm_v4 import AMM_V4, AmmV4Pool
from cambist.venues.raydium.amm_v4.pool import SWAP_ONLY
from cambist.venues.raydium.cpmm import CPMM, CpmmFeeRates, CpmmPool
from cambist.venues.snapshot import ChainTime
from cambist.venues.tokens import Mint

_PPM_ONE: Final = 1_000_000


class ConstantProductModel:
    """Pools whose price is the ratio of what they hold."""

    def __init__(
        self, program: Program[Any], make: Callable[[PoolSpec, ChainTime], AmmV4Pool | CpmmPool]
    ) -> None:
        self.program = program
        self._make = make

    def create(self, site: PoolSpec, time: ChainTime) -> AmmV4Pool | CpmmPool:
        """Return the pool as it begins, through its accounts."""
        pool: AmmV4Pool | CpmmPool = encode_decode(self.program, self._make(site, time), time)
        return pool

    def price(self, pool: AmmV4Pool | CpmmPool) -> PriceRatio:
        """Return the ratio of the reserves."""
        return PriceRatio(pool.reserve_b, pool.reserve_a)

    def at_price(self, pool: AmmV4Pool | CpmmPool, price: PriceRatio) -> AmmV4Pool | CpmmPool:
        """Return the pool with the same product of reserves at another price."""
        product = pool.reserve_a * pool.reserve_b
        a = max(isqrt(product * price.a // max(price.b, 1)), 1)
        return replace(pool, reserve_a=a, reserve_b=mul_div_ceil(product, 1, a))

    def holdings(self, pool: AmmV4Pool | CpmmPool) -> tuple[int, int]:
        """Return the reserves."""
        return pool.reserve_a, pool.reserve_b

    def dump(self, pool: AmmV4Pool | CpmmPool) -> tuple[int, ...]:
        """Return the reserves."""
        return pool.reserve_a, pool.reserve_b

    def load(self, made: AmmV4Pool | CpmmPool, saved: tuple[int, ...]) -> AmmV4Pool | CpmmPool:
        """Return the pool of these reserves."""
        return replace(made, reserve_a=saved[0], reserve_b=saved[1])


def _cpmm(site: PoolSpec, time: ChainTime) -> CpmmPool:
    own = [key(site.address, name) for name in ("vault a", "vault b", "config", "observation")]
    return CpmmPool(
        site.address,
        Mint(site.mint_a, TOKEN_PROGRAM, site.decimals_a),
        Mint(site.mint_b, TOKEN_PROGRAM, site.decimals_b),
        own[0],
        own[1],
        site.depth_a,
        site.depth_b,
        (0, 0),
        # What goes to the protocol would leave the reserves; here all of the fee stays.
        CpmmFeeRates(site.fee_ppm, 0, 0),
        own[2],
        own[3],
        0,
        0,
        time,
    )


def _amm_v4(site: PoolSpec, time: ChainTime) -> AmmV4Pool:
    own = [key(site.address, name) for name in ("vault a", "vault b", "orders", "book", "market")]
    return AmmV4Pool(
        site.address,
        Mint(site.mint_a, TOKEN_PROGRAM, site.decimals_a),
        Mint(site.mint_b, TOKEN_PROGRAM, site.decimals_b),
        own[0],
        own[1],
        site.depth_a,
        site.depth_b,
        (0, 0),
        (site.fee_ppm, _PPM_ONE),
        own[2],
        own[3],
        own[4],
        SWAP_ONLY,
        0,
        time,
    )


AMM_V4_SHAPE: Final = ConstantProductModel(AMM_V4, _amm_v4)
CPMM_SHAPE: Final = ConstantProductModel(CPMM, _cpmm)
