"""Draws sets of pools for the router, in the families whose optimum is known by brute force."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.sample_pools import NOW, named
from cambist.paper.pool_models import POOL_MODELS, PoolSpec
from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.values.token import RAY, SOL, USDC
from cambist.venues.pool import Pool
from tests.routing.brute_force import capacity

RESERVES = ("amm_v4", "cpmm")
BOUNDED = ("clmm", "dlmm", "damm_v2")
ALL = tuple(sorted(POOL_MODELS))
FEES_PPM = (400, 1_000, 2_500, 10_000)
FAMILIES = (
    "reserves, all carry",
    "reserves, some cannot",
    "six kinds, all carry",
    "six kinds, some cannot",
    "mostly bounded, all carry",
    "mostly bounded, some cannot",
    "only together",
    "few decimals",
)


class PoolSet(NamedTuple):
    """Pools of one pair, and the order that is asked of them, in raw units."""

    pools: list[Pool]
    mint_in: Address
    mode: SwapMode
    amount: int


def draw_set(family: str, seed: int) -> PoolSet:
    """Return the set of a family and a seed, always the same."""
    chance = random.Random(f"{family}/{seed}")
    for attempt in range(200):
        drawn = _drawn(family, chance, attempt)
        if FITS[family](drawn):
            return drawn
    raise LookupError(f"no set of the family {family!r} from seed {seed}")


def _drawn(family: str, chance: random.Random, attempt: int) -> PoolSet:
    few = family == "few decimals"
    kinds: Sequence[str] = ALL
    if family.startswith("reserves"):
        kinds = RESERVES
    elif family.startswith("mostly bounded") or family == "only together":
        kinds = (*BOUNDED, *BOUNDED, "cpmm")
    decimals = (chance.randint(0, 2), 6) if few else (9, 6)
    price = chance.choice((1, 50, 5_000)) if few else 150
    if few and chance.random() < 0.5:
        decimals = (decimals[1], decimals[0])
    pools = [
        _pool(chance, chance.choice(kinds), decimals, price, f"{family} {attempt} {n}")
        for n in range(chance.randint(2, 7))
    ]
    sells = chance.random() < 0.5
    mode: SwapMode = "exact_in" if chance.random() < 0.5 else "exact_out"
    mint_in = pools[0].mint_a if sells else pools[0].mint_b
    if family == "only together":
        return PoolSet(pools, mint_in, mode, _beyond_each(chance, pools, mint_in, mode))
    sized_is_a = sells == (mode == "exact_in")
    unit = 10 ** decimals[0 if sized_is_a else 1]
    usd = 10 ** chance.uniform(1.5 if few else 2, 6.5)
    whole = usd / (price if sized_is_a else 1)
    return PoolSet(pools, mint_in, mode, max(int(whole * unit), 2))


def _beyond_each(
    chance: random.Random, pools: Sequence[Pool], mint_in: Address, mode: SwapMode
) -> int:
    """Return an amount that no pool carries within its limits, and the three largest do."""
    rooms = sorted((capacity(pool, mint_in, mode) for pool in pools), reverse=True)[:3]
    return int(chance.uniform(rooms[0] * 1.02, max(sum(rooms) * 0.97, rooms[0] * 1.03)))


def _pool(
    chance: random.Random, kind: str, decimals: tuple[int, int], price: int, name: str
) -> Pool:
    usd = 10 ** chance.uniform(4, 7)
    off = chance.uniform(0.998, 1.002)
    depth_a = max(int(usd * 10 ** decimals[0] / (price * off)), 10)
    depth_b = max(int(usd * 10 ** decimals[1]), 10)
    site = PoolSpec(
        named(name[-30:]), SOL.mint, USDC.mint, *decimals, depth_a, depth_b, chance.choice(FEES_PPM)
    )
    return POOL_MODELS[kind].create(site, NOW)


def _carrying(drawn: PoolSet) -> int:
    ask = "amount_out" if drawn.mode == "exact_in" else "amount_in"
    return sum(bool(getattr(pool, ask)(drawn.mint_in, drawn.amount)) for pool in drawn.pools)


def _all_carry(drawn: PoolSet) -> bool:
    return _carrying(drawn) == len(drawn.pools)


def _some_carry(drawn: PoolSet) -> bool:
    return 0 < _carrying(drawn) < len(drawn.pools)


def _together(drawn: PoolSet) -> bool:
    rooms = sorted(
        (capacity(pool, drawn.mint_in, drawn.mode) for pool in drawn.pools), reverse=True
    )
    return rooms[0] * 1.01 < drawn.amount < sum(rooms[:3]) * 0.98


FITS: dict[str, Callable[[PoolSet], bool]] = {
    family: (
        _all_carry
        if family.endswith("all carry")
        else _some_carry
        if family.endswith("some cannot")
        else _together
        if family == "only together"
        else (lambda _: True)
    )
    for family in FAMILIES
}


class HubSet(NamedTuple):
    """A direct pool that stands off the market, pools of a hub's halves, and the order."""

    direct: list[Pool]
    firsts: list[Pool]
    seconds: list[Pool]
    mints: tuple[Address, Address, Address]
    mode: SwapMode
    amount: int


def draw_hub_set(seed: int) -> HubSet:
    """Return a set whose direct pools pay 0.4 to 0.99 of what the way through the hub pays."""
    chance = random.Random(f"hub/{seed}")
    mode: SwapMode = "exact_in" if chance.random() < 0.5 else "exact_out"
    off = chance.uniform(0.4, 0.99)

    def pools(one: Address, two: Address, price: float, count: int, name: str) -> list[Pool]:
        made = []
        for number in range(count):
            usd, near = 10 ** chance.uniform(5, 7), chance.uniform(0.999, 1.001)
            depth_a, depth_b = int(usd * 10**6 / (price * near)), int(usd * 10**6)
            kind, fee = chance.choice(ALL), chance.choice(FEES_PPM)
            if kind == "damm_v1" and (mode == "exact_out" or name == "first"):
                kind = "cpmm"  # what is given to a hub is asked for as an exact amount out
            place = PoolSpec(named(f"{name} {number}"), one, two, 6, 6, depth_a, depth_b, fee)
            made.append(POOL_MODELS[kind].create(place, NOW))
        return made

    mints = (SOL.mint, RAY.mint, USDC.mint)
    usd = 10 ** chance.uniform(1, 5)
    amount = int(usd * 10**6)
    return HubSet(
        pools(mints[0], mints[2], off, chance.randint(1, 2), "direct"),
        pools(mints[0], mints[1], 1.0, chance.randint(1, 4), "first"),
        pools(mints[1], mints[2], 1.0, chance.randint(1, 4), "second"),
        mints,
        mode,
        amount,
    )
