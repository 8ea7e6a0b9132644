"""Finds the ways from one token to another: straight through a pool, or by way of a hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from cambist.values.amount import BPS_ONE, mul_div_ceil, mul_div_floor
from cambist.values.ids import Address
from cambist.values.route import Mode
from cambist.venues.pool import Pool

HOP_POOLS_MAX: Final = 2
"""Pools kept for each half of a way through a hub."""
HOP_ALLOWANCE_BPS: Final = 5
"""What the first half of a way may worsen by until it lands. The second half gives exactly what the
first one takes, so nothing is left in the hub; what the allowance saves is not spent."""
PATHS_MAX: Final = 12
"""Ways that a split may use; the others pay less for the whole amount."""

Pools = Mapping[Address, tuple[Sequence[Pool], Sequence[Pool]]]
"""By hub: its pools with the token given, and its pools with the token taken."""


class Path(msgspec.Struct, frozen=True):
    """Pools in the order of the swap, each with the mint that is given to it."""

    pools: tuple[Pool, ...]
    mints: tuple[Address, ...]

    def carries(self, mode: Mode, amount: int) -> int:
        """Return what an exact amount in brings, or an exact amount out costs; 0: it cannot."""
        if len(self.pools) == 1:
            pool, mint = self.pools[0], self.mints[0]
            return (
                pool.amount_out(mint, amount)
                if mode == "exact_in"
                else pool.amount_in(mint, amount)
            )
        middle = self.middle(mode, amount)
        if mode == "exact_in":
            return self.pools[1].amount_out(self.mints[1], middle)
        return self.pools[0].amount_in(self.mints[0], middle)

    def middle(self, mode: Mode, amount: int) -> int:
        """Return the raw units of the hub that change hands, allowance counted; 0: it cannot."""
        if mode == "exact_in":
            most = self.pools[0].amount_out(self.mints[0], amount)
            return mul_div_floor(most, BPS_ONE - HOP_ALLOWANCE_BPS, BPS_ONE)
        least = self.pools[1].amount_in(self.mints[1], amount)
        return mul_div_ceil(least, BPS_ONE + HOP_ALLOWANCE_BPS, BPS_ONE)

    def shares_a_pool(self, other: Path) -> bool:
        """Whether both would move the same pool: then neither is quoted alone."""
        return any(one.address == two.address for one in self.pools for two in other.pools)


class Carried(msgspec.Struct, frozen=True):
    """A way, and what it brings or costs for the whole amount in raw units."""

    path: Path
    amount: int


def straight(pools: Iterable[Pool], mint_in: Address, mode: Mode, amount: int) -> list[Carried]:
    """Return each pool that carries the amount, the best first."""
    carried, mints = [], (mint_in,)
    for pool in pools:
        ask = pool.amount_out if mode == "exact_in" else pool.amount_in
        brought = ask(mint_in, amount)
        if brought:
            carried.append(Carried(Path((pool,), mints), brought))
    return ranked(carried, mode)


def through_hubs(
    hubs: Pools, mints: tuple[Address, Address], mode: Mode, amount: int
) -> list[Carried]:
    """Return the ways through one hub that carry the amount, the best first.

    Of each half the best few pools are kept: those of the half the amount is given for by what
    they bring, and of the other half by what they make of the best of that. A pool that knows no
    exact amount out cannot be the first half: what is left in the hub would be dust.
    """
    found: list[Carried] = []
    for hub, (firsts, seconds) in hubs.items():
        if hub in mints:
            continue
        firsts = [one for one in firsts if one.amount_in(mints[0], 10**3)]
        if mode == "exact_in":
            near = straight(firsts, mints[0], mode, amount)[:HOP_POOLS_MAX]
            middle = near[0].amount if near else 0
            far = straight(seconds, hub, mode, middle)[:HOP_POOLS_MAX] if middle else []
            pairs = [(one, two) for one in near for two in far]
        else:
            far = straight(seconds, hub, mode, amount)[:HOP_POOLS_MAX]
            middle = far[0].amount if far else 0
            near = straight(firsts, mints[0], mode, middle)[:HOP_POOLS_MAX] if middle else []
            pairs = [(one, two) for one in near for two in far]
        for one, two in pairs:
            path = Path(one.path.pools + two.path.pools, (mints[0], hub))
            brought = path.carries(mode, amount)
            if brought:
                found.append(Carried(path, brought))
    return ranked(found, mode)


def ranked(carried: Iterable[Carried], mode: Mode) -> list[Carried]:
    """Sort ways: what brings most or costs least first, then the shorter, then by address."""
    sign = -1 if mode == "exact_in" else 1
    return sorted(
        carried,
        key=lambda one: (
            sign * one.amount,
            len(one.path.pools),
            [pool.address for pool in one.path.pools],
        ),
    )
