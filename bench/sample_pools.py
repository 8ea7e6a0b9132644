"""Makes pools of every program, for benches and fuzzing to ask, all through their accounts."""

from __future__ import annotations

import random
from typing import Final

from msgspec.structs import replace

from cambist.curves.tick_walk_state import TickState
from cambist.curves.ticks import tick_at_sqrt
from cambist.paper.pool_models import POOL_MODELS, PoolSpec
from cambist.paper.pool_models.clmm import root_of
from cambist.paper.pool_models.model import encode_decode
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC
from cambist.venues.pool import Pool
from cambist.venues.raydium.clmm import CLMM, ClmmPool
from cambist.venues.raydium.clmm.loaded_tick_arrays import load
from cambist.venues.registry import PROGRAMS
from cambist.venues.snapshot import ChainTime

NOW: Final = ChainTime(Slot(1_000), 1_790_000_000, 900)
TICK_STEPS: Final = 240
"""Ticks in use on either side of the price, in the pool of many ticks."""
_PARTS: Final = 600
"""Each of those ticks adds or takes one such part of the liquidity."""


def named(name: str) -> Address:
    """Return an account's address that follows from a name."""
    return Address(encode(name.encode().ljust(32, b".")[:32]))


def site(
    name: str, usd: int = 2_000_000, price_bps: int = 10_000, fee_ppm: int = 2_500
) -> PoolSpec:
    """Return a place for a pool of SOL and USDC, so many dollars deep on either side.

    SOL is worth 150 USDC there, times `price_bps` of 10,000.
    """
    depth_b = usd * 10**USDC.decimals
    depth_a = usd * 10**SOL.decimals * 10_000 // (150 * price_bps)
    pool = named(name)
    return PoolSpec(
        pool, SOL.mint, USDC.mint, SOL.decimals, USDC.decimals, depth_a, depth_b, fee_ppm
    )


def made(program: str, where: PoolSpec) -> Pool:
    """Return a program's pool at a place, as the paper world makes it."""
    return POOL_MODELS[program].create(where, NOW)


def many_ticks(where: PoolSpec, spacing: int = 10) -> ClmmPool:
    """Return a CLMM pool that changes its liquidity at every tick it may, for a way both ways."""
    pool = POOL_MODELS["clmm"].create(where, NOW)
    assert isinstance(pool, ClmmPool)  # noqa: S101 - for the types' sake
    here = tick_at_sqrt(root_of(where.price))
    middle = here // spacing * spacing
    part = pool.tick_state.liquidity // _PARTS
    below = [middle - spacing * n for n in range(TICK_STEPS, -1, -1)]
    above = [middle + spacing * n for n in range(1, TICK_STEPS + 2)]
    nets = dict.fromkeys(below, part) | dict.fromkeys(above, -part)
    tick_state = TickState(pool.tick_state.price, here, part * len(below))
    return encode_decode(CLMM, replace(pool, shelf=load(spacing, nets), tick_state=tick_state), NOW)


def market(count: int, seed: int = 1) -> list[Pool]:
    """Return so many pools of all programs in turn, each of another depth, price and fee."""
    dice = random.Random(seed)
    names = sorted(PROGRAMS)
    return [
        made(
            names[number % len(names)],
            site(
                f"pool {number}",
                usd=int(10 ** dice.uniform(4, 7)),
                price_bps=dice.randint(9_970, 10_030),
                fee_ppm=dice.choice((400, 1_000, 2_500, 2_500, 10_000)),
            ),
        )
        for number in range(count)
    ]
