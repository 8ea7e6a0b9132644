"""Hold routes to brute force: a few sets of each family here, 400 of each in the proofs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.routing.optimality import (
    FEW_DECIMALS,
    MARKERS,
    PPB,
    UNITS,
    Outcome,
    judge,
    judge_hub,
    write_into,
)
from tests.routing.pool_sets import FAMILIES

SHARING_MIN = 999_900_000
SHARING_MIN_FEW = 990_000_000
ROUNDING = 10
"""What a ratio may miss for rounding to whole units, in parts per billion."""
A_FEW = 10
MANY = 400


def assert_good(outcome: Outcome) -> None:
    if not outcome.has_optimum:
        return
    assert outcome.sharing is not None, f"no route, though one exists: {outcome}"
    few = outcome.family == FEW_DECIMALS
    least = SHARING_MIN_FEW if few else SHARING_MIN
    assert outcome.sharing >= least or outcome.units_off <= UNITS, outcome
    if outcome.alone is not None and not few:
        assert outcome.alone >= PPB - ROUNDING, f"worse than the best single pool: {outcome}"


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


def test_the_table_replaces_what_stands_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{MARKERS[0]}old\n{MARKERS[1]}after\n")
    met = Outcome(FEW_DECIMALS, 0, PPB // 2, PPB // 2, PPB, UNITS, UNITS, True, False)
    screened = Outcome(FEW_DECIMALS, 1, PPB // 4, PPB // 4, PPB, 9, 9, True, True)
    write_into(page, 2, [met, screened])
    before, table, after = page.read_text().replace(MARKERS[1], MARKERS[0]).split(MARKERS[0])
    assert (before, after) == ("before\n", "after\n")
    assert table.startswith("2 sets of each family were drawn:\n")
    whole = "1.0000000 / 1.0000000 / 1.0000000"
    row = f"| {FEW_DECIMALS} | 1 | {whole} | {whole} | 1 | 0 | 0 | 1 | 0.2500000 |\n"
    assert table.endswith(row)


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
