"""Hold routes to brute force: a few sets of each family here, 400 of each in the proofs."""

from __future__ import annotations

import pytest

from tests.routing.optimality import FEW_DECIMALS, PPB, UNITS, Outcome, judge, judge_hub
from tests.routing.pool_sets import FAMILIES

SHARING_MIN = 999_900_000
SHARING_MIN_FEW = 990_000_000
ROUNDING = 10
"""What a ratio may miss for rounding to whole units, in parts per billion."""
A_FEW = 10
MANY = 400


def assert_good(one: Outcome) -> None:
    if not one.has_optimum:
        return
    assert one.sharing is not None, f"no route, though one exists: {one}"
    few = one.family == FEW_DECIMALS
    least = SHARING_MIN_FEW if few else SHARING_MIN
    assert one.sharing >= least or one.units_off <= UNITS, one
    if one.alone is not None and not few:
        assert one.alone >= PPB - ROUNDING, f"worse than the best single pool: {one}"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_few_sets_are_routed_at_the_optimum(family: str) -> None:
    for seed in range(A_FEW):
        assert_good(judge(family, seed))


def test_a_refused_sharing_does_not_hide_those_that_trade() -> None:
    """The best three pools include one that refuses every amount here as dust."""
    assert_good(judge(FEW_DECIMALS, 117))


def test_hubs_beat_direct_pools_that_stand_off_the_market() -> None:
    outcomes = [judge_hub(seed) for seed in range(2 * A_FEW)]
    known = sorted(outcome.sharing for outcome in outcomes if outcome.sharing is not None)
    assert len(known) == len(outcomes)
    assert known[len(known) // 10] >= SHARING_MIN


@pytest.mark.proofs
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("family", FAMILIES)
def test_many_sets_are_routed_at_the_optimum(family: str) -> None:
    ratios = []
    for seed in range(MANY):
        one = judge(family, seed)
        assert_good(one)
        ratios += [one.sharing] if one.sharing is not None else []
    if family != FEW_DECIMALS:
        assert sorted(ratios)[len(ratios) // 10] >= 999_990_000


@pytest.mark.proofs
@pytest.mark.timeout(1_200)
def test_many_hubs_beat_direct_pools_off_the_market() -> None:
    known = sorted(judge_hub(seed).sharing or 0 for seed in range(MANY))
    assert known[MANY // 10] >= SHARING_MIN
