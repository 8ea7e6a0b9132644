"""Makes pools of every program, for benches and fuzzing to ask, all through their accounts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from cambist.curves.paths import Place, Ticks
from cambist.curves.ticks import sqrt_at_tick, tick_at_sqrt
from cambist.paper.shapes import SHAPES, Site
from cambist.paper.shapes.concentrated import root_of
from cambist.paper.shapes.keys import key
from cambist.paper.shapes.shape import through_accounts
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.token import SOL, USDC
from cambist.venues.accounts import ChainTime
from cambist.venues.meteora.damm_v1 import DAMM_V1, DammV1Pool
from cambist.venues.meteora.damm_v1.pool import pool_at
from cambist.venues.meteora.damm_v1.state import State, Vault, VaultState
from cambist.venues.pool import Pool
from cambist.venues.program import Program
from cambist.venues.raydium.clmm import CLMM, ClmmPool
from cambist.venues.raydium.clmm.bitmap import start_of, with_bit

NOW: Final = ChainTime(Slot(1_000), 1_790_000_000, 900)
PROGRAMS: Final[Mapping[str, Program[Any]]] = {
    **{name: shape.program for name, shape in SHAPES.items()},
    DAMM_V1.name: DAMM_V1,
}
TICK_STEPS: Final = 240
"""Ticks in use on either side of the price, in the pool of many ticks."""
_PARTS: Final = 600
"""Each of those ticks adds or takes one such part of the liquidity."""


def named(name: str) -> Address:
    """Return an account's address that follows from a name."""
    return Address(encode(name.encode().ljust(32, b".")[:32]))


def site(name: str, usd: int = 2_000_000, price_bps: int = 10_000, fee_ppm: int = 2_500) -> Site:
    """Return a place for a pool of SOL and USDC, so many dollars deep on either side.

    SOL is worth 150 USDC there, times `price_bps` of 10,000.
    """
    depth_b = usd * 10**USDC.decimals
    depth_a = usd * 10**SOL.decimals * 10_000 // (150 * price_bps)
    pool = named(name)
    return Site(pool, SOL.mint, USDC.mint, SOL.decimals, USDC.decimals, depth_a, depth_b, fee_ppm)


def made(program: str, where: Site) -> Pool:
    """Return a program's pool at a place, as the paper world makes it."""
    return _damm_v1(where) if program == DAMM_V1.name else SHAPES[program].made(where, NOW)


def many_ticks(where: Site, spacing: int = 10) -> ClmmPool:
    """Return a CLMM pool that changes its liquidity at every tick it may, for a way both ways."""
    pool = SHAPES["clmm"].made(where, NOW)
    assert isinstance(pool, ClmmPool)  # noqa: S101 - for the types' sake
    here = tick_at_sqrt(root_of(where.price))
    middle = here // spacing * spacing
    part = pool.place.liquidity // _PARTS
    below = [middle - spacing * n for n in range(TICK_STEPS, -1, -1)]
    above = [middle + spacing * n for n in range(1, TICK_STEPS + 2)]
    numbers = (*below, *above)
    nets = (*(part for _ in below), *(-part for _ in above))
    liquidity = part * len(below)
    arrays = tuple(sorted({start_of(one, spacing) for one in numbers}))
    bits = 0
    for start in arrays:
        bits = with_bit(bits, start, spacing)
    ticks = Ticks(numbers, tuple(sqrt_at_tick(one) for one in numbers), nets)
    place = Place(pool.place.price, here, liquidity)
    changed = replace(pool, spacing=spacing, ticks=ticks, arrays=arrays, bits=bits, place=place)
    return through_accounts(CLMM, changed, NOW)


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


def _damm_v1(where: Site) -> DammV1Pool:
    vaults = (
        _vault(where, where.mint_a, where.depth_a),
        _vault(where, where.mint_b, where.depth_b),
    )
    own = [key(where.address, name) for name in ("shares a", "shares b", "fee a", "fee b")]
    state = State(
        where.mint_a, where.mint_b, vaults[0].address, vaults[1].address, own[0], own[1], 254, 1,
        own[2], own[3], where.fee_ppm, 1_000_000, 200_000, 1_000_000, 0, 1, 0,
    )  # fmt: skip
    return through_accounts(DAMM_V1, pool_at(where.address, state, vaults, NOW), NOW)


def _vault(where: Site, mint: Address, depth: int) -> Vault:
    """Return a vault that four pools share, of which a profit is still being unlocked."""
    own = [key(where.address, f"{name} {mint}") for name in ("vault", "tokens", "shares")]
    locked, reported_s, degradation = depth // 1_000, NOW.unix_s - 3_600, 46_296_296
    state = VaultState(1, depth * 4, own[1], mint, own[2], locked, reported_s, degradation)
    supply = depth * 4 * 95 // 100
    return Vault(own[0], state, depth * 3, supply, supply // 4)
