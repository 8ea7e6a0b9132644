"""Finds the paths from one token to another: straight through a pool, or through a hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from operator import is_
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from cambist.optimizer.clearing import by_rate
from cambist.optimizer.rate_curve import RateCurve, chained, curve
from cambist.values.amount import BPS_ONE, mul_div_ceil, mul_div_floor
from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.venues.pool import Pool

HOP_POOLS_MAX: Final = 3
"""Pools kept for each half of a way through a hub, as many as there may be ways beside each other:
those that do most for the whole amount, and those that do most for a small share of it."""
_SHARE_BITS: Final = 3
HOP_ALLOWANCE_BPS: Final = 5
"""What the first half of a way may worsen by until it lands. The second half gives exactly what the
first one takes, so nothing is left in the hub; what the allowance saves is not spent."""

Pools = Mapping[Address, tuple[Sequence[Pool], Sequence[Pool]]]
"""By hub: its pools with the token given, and its pools with the token taken."""


LegCosts = Mapping[str, int]
"""What a swap costs by the program's short name, in raw units of the token that is not sized."""

FREE: Final[LegCosts] = MappingProxyType({})
KNOWN_MAX: Final = 4_096
"""Curves that are kept, with their pools: orders of one slot ask the same ones."""
_known: dict[tuple[Address, Address], tuple[object, RateCurve | None]] = {}


class PoolPath(msgspec.Struct, frozen=True, gc=False):
    """Pools in the order of the swap, each with the mint that is given to it.

    `cost` is what the swaps cost beside their pools' fees, in raw units of the token that is not
    sized: rounded up.
    """

    pools: tuple[Pool, ...]
    mints: tuple[Address, ...]
    cost: int = 0

    def swap_amount(self, mode: SwapMode, amount: int) -> int:
        """Return what an exact amount in brings, or an exact amount out costs; 0: it cannot."""
        if len(self.pools) == 1:
            pool, mint = self.pools[0], self.mints[0]
            return (
                pool.amount_out(mint, amount)
                if mode == "exact_in"
                else pool.amount_in(mint, amount)
            )
        middle = self.hub_amount(mode, amount)
        if mode == "exact_in":
            return self.pools[1].amount_out(self.mints[1], middle)
        if not self.pools[1].amount_out(self.mints[1], middle):
            return 0  # the allowance leads beyond what the second half can take
        return self.pools[0].amount_in(self.mints[0], middle)

    def hub_amount(self, mode: SwapMode, amount: int) -> int:
        """Return the raw units of the hub that change hands, allowance counted; 0: it cannot."""
        if mode == "exact_in":
            most = self.pools[0].amount_out(self.mints[0], amount)
            return mul_div_floor(most, BPS_ONE - HOP_ALLOWANCE_BPS, BPS_ONE)
        least = self.pools[1].amount_in(self.mints[1], amount)
        return mul_div_ceil(least, BPS_ONE + HOP_ALLOWANCE_BPS, BPS_ONE)


class Way(msgspec.Struct, frozen=True, gc=False):
    """A path, and the curve of what it brings as far as no pool on it moves too far."""

    path: PoolPath
    curve: RateCurve
    name: Address

    @property
    def swaps(self) -> int:
        """How many swaps it takes."""
        return len(self.path.pools)

    @property
    def cost(self) -> int:
        """What its swaps cost, in raw units of the token that is not sized."""
        return self.path.cost

    @property
    def pools(self) -> tuple[Address, ...]:
        """Which pools it moves."""
        return tuple(pool.address for pool in self.path.pools)


_Key = tuple[Address, Address, SwapMode]
_ways: dict[_Key, tuple[tuple[Pool, ...], LegCosts, tuple[Way, ...]]] = {}
"""Ways by their first pool, the mint given and the mode, with the pools and costs they are of."""


class PathQuote(NamedTuple):
    """A way that carries the whole amount alone, and what that brings or costs in raw units."""

    way: Way
    amount: int


def straight(
    pools: Sequence[Pool], mint_in: Address, mode: SwapMode, costs: LegCosts = FREE
) -> Sequence[Way]:
    """Return each pool that is open, the best rate at the start first.

    Orders of one slot ask it of the same pools, so it is remembered.
    """
    if not pools:
        return ()
    key = pools[0].address, mint_in, mode
    known = _ways.get(key)
    if known is not None and known[1] is costs and same_pools(known[0], pools):
        return known[2]
    mints, found = (mint_in,), []
    for pool in pools:
        if mode == "exact_in" or pool.exact_out:
            followed = curve_of(pool, mint_in)
            if followed is not None:
                path = PoolPath((pool,), mints, costs.get(pool.program, 0))
                found.append(Way(path, followed, pool.address))
    if len(_ways) >= KNOWN_MAX:
        _ways.clear()
    ways = tuple(by_rate(found))
    _ways[key] = tuple(pools), costs, ways
    return ways


def same_pools(some: Sequence[Pool], others: Sequence[Pool]) -> bool:
    """Whether two sequences have the same objects: pools that did not move are the same."""
    return len(some) == len(others) and all(map(is_, some, others))


def curve_of(pool: Pool, mint_in: Address) -> RateCurve | None:
    """Return the curve of a pool, the same one as long as what it follows from is the same.

    What a pool was before is not kept: a newer one of the same address takes its place.
    """
    key, basis = (pool.address, mint_in), pool.curve_key(mint_in)
    known = _known.get(key)
    if known is not None and known[0] is basis:
        return known[1]
    if len(_known) >= KNOWN_MAX:
        _known.clear()
    found = curve(pool.segments(mint_in))
    _known[key] = basis, found
    return found


def through(
    halves: tuple[Sequence[Way], Sequence[Way]],
    mints: tuple[Address, Address],
    mode: SwapMode,
    amount: int,
) -> list[Way]:
    """Return ways of two swaps, of each half over the pools that do most for the amount.

    `mints` are the token given and the hub. A pool that knows no exact amount out cannot be the
    first half: what is left in the hub would be dust.
    """
    near = [halve for halve in halves[0] if halve.path.pools[0].exact_out]
    far = halves[1]
    if not near or not far:
        return []
    given, kept = amount, Fraction(BPS_ONE - HOP_ALLOWANCE_BPS, BPS_ONE)
    if mode == "exact_out":
        given = near[0].curve.cost_at_first(far[0].curve, amount)
        kept = Fraction(BPS_ONE, BPS_ONE + HOP_ALLOWANCE_BPS)
    near = _most(near, given)
    far = _most(far, near[0].curve.most(given))
    found: list[Way] = []
    for first in near:
        for second in far:
            cost = first.cost + second.cost
            pools = (first.path.pools[0], second.path.pools[0])
            both = curve(chained(first.curve.pieces(), second.curve.pieces(), kept))
            if both is not None:
                found.append(Way(PoolPath(pools, mints, cost), both, pools[0].address))
    return found


def _most(ways: Sequence[Way], given: int) -> list[Way]:
    """Return the few ways that bring most for the amount, or for a share of it."""
    if len(ways) <= HOP_POOLS_MAX:
        return list(ways)
    found = sorted(ways, key=lambda path: -path.curve.most(given))[:HOP_POOLS_MAX]
    small = sorted(ways, key=lambda way: -way.curve.most(given >> _SHARE_BITS))[:HOP_POOLS_MAX]
    known = {id(way) for way in found}
    return found + [way for way in small if id(way) not in known]
