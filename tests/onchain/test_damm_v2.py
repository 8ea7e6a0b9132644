"""Compare quotes of Meteora's DAMM v2 with the compiled program, to the unit, in every fee mode."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from cambist.curves.transfer_fee import TransferFee
from cambist.values.program_address import TOKEN_2022_PROGRAM
from cambist.venues.meteora.damm_v2.accounts import PROGRAM
from cambist.venues.tokens import Mint
from tests.onchain.counts import Count, SwapCount
from tests.onchain.damm_v2_pools import (
    Plan,
    limited_fee,
    make_pool,
    price_fee,
    time_fee,
)
from tests.onchain.damm_v2_swaps import Bench
from tests.onchain.machine import SYSTEM, Machine
from tests.onchain.releases import DAMM_V2, DAMM_V2_0_1, DAMM_V2_2026_04, Release

pytestmark = pytest.mark.timeout(600)

SWAPS: Final = 1_000
OTHER_SWAPS: Final = 150
"""How many swaps a mode is tried with at the other releases."""
Find = Callable[[str], Path]

DYNAMIC: Final = (10, 120, 5_000, 14_460_000, 956)
LONG: Final = (0, 1, 5, 11, 60, 200)
SHORT: Final = (0, 0, 1, 5, 11)

TIME_LINEAR: Final = time_fee(500_000_000, 1_000, 25, 499_000)
TIME_EXPONENTIAL: Final = time_fee(900_000_000, 600, 50, 60, exponential=True)
PRICE_LINEAR: Final = price_fee(300_000_000, 150, (20, 4_000_000_000), 1_900_000)
PRICE_EXPONENTIAL: Final = price_fee(600_000_000, 150, (20, 4_000_000_000), 180, exponential=True)
LIMITER: Final = limited_fee(10_000_000, 100, 43_200, 8_000, 1_000_000)


def taxed(bps: int, maximum: int) -> Mint:
    """Return a mint of Token-2022 with a transfer fee."""
    return Mint(SYSTEM, TOKEN_2022_PROGRAM, 0, TransferFee(bps, maximum))


PLANS: Final = {
    "flat, fees in both": Plan(),
    "flat, fees in b": Plan(collect=1),
    "flat, compounding": Plan(collect=2),
    "dynamic, fees in both": Plan(dynamic=DYNAMIC),
    "dynamic, fees in b": Plan(dynamic=DYNAMIC, collect=1),
    "dynamic, compounding": Plan(dynamic=DYNAMIC, collect=2, compounding_bps=10_000),
    "linear in time": Plan(TIME_LINEAR),
    "exponential in time": Plan(TIME_EXPONENTIAL, collect=1),
    "exponential in time, dynamic, compounding": Plan(TIME_EXPONENTIAL, DYNAMIC, 2),
    "linear in price": Plan(PRICE_LINEAR, collect=1),
    "exponential in price": Plan(PRICE_EXPONENTIAL),
    "linear in price, dynamic, compounding": Plan(PRICE_LINEAR, DYNAMIC, 2),
    "limiter": Plan(LIMITER, collect=1),
    "limiter, dynamic": Plan(LIMITER, DYNAMIC, 1),
    "by slot, linear in time": Plan(TIME_LINEAR, DYNAMIC, 1, by_time=False),
    "by slot, limiter": Plan(LIMITER, collect=1, by_time=False),
    "transfer fees, fees in both": Plan(mints=(taxed(100, 5_000), taxed(37, 10**12))),
    "transfer fees, fees in b": Plan(collect=1, mints=(taxed(500, 10**12), taxed(9, 300))),
    "transfer fees, compounding": Plan(collect=2, mints=(None, taxed(1_000, 10**14))),
    "narrow range": Plan(collect=1, price_min=33 * 2**64 // 100, price_max=37 * 2**64 // 100),
}
OTHERS: Final = {DAMM_V2_2026_04: True, DAMM_V2_0_1: False}
"""The other releases, and whether they count reserves; those that do not know no compounding."""


def run(
    machine: Machine, plan: Plan, swaps: int, count: SwapCount, *, counted: bool = True
) -> None:
    """Make a pool and swap in it until so many swaps were equal, with time going by."""
    rng = random.Random(f"{plan.base.hex()}{plan.collect}{plan.dynamic}{plan.price_min}")
    bench = Bench(machine, make_pool(machine, plan), count, counted=counted)
    waits = SHORT if plan.base == LIMITER else LONG
    while count.equal < swaps:
        if rng.random() < 0.7:
            machine.wait(rng.choice(waits), rng.randint(0, 60))
        bench.random_swap(rng)


@pytest.mark.parametrize("name", PLANS)
def test_swaps_are_equal_to_their_quotes(program: Find, name: str, count: Count) -> None:
    machine = Machine()
    machine.load(PROGRAM, program(DAMM_V2.file))
    run(machine, PLANS[name], SWAPS, count(DAMM_V2))


@pytest.mark.parametrize("release", OTHERS, ids=lambda one: one.name)
@pytest.mark.parametrize("name", PLANS)
def test_other_releases_swap_alike(
    program: Find, release: Release, name: str, count: Count
) -> None:
    counted = OTHERS[release]
    if "compounding" in name and not counted:
        pytest.skip(f"release {release.name} knows no compounding")
    machine = Machine()
    machine.load(PROGRAM, program(release.file))
    run(machine, PLANS[name], OTHER_SWAPS, count(release), counted=counted)
