"""Hold the verdict on a trial to the unit, without a chain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cambist.values.token import SOL
from cambist.venues.program import SwapParams
from cambist.venues.raydium.cpmm import CPMM, CpmmPool
from cambist.venues.swap_probe import SwapProbeResult, judge, make_probe, trial_amount
from tests.routing.test_router import key, pool

POOL: CpmmPool = pool("trial", 10**12, 3 * 10**11)


def _trade() -> SwapParams:
    amount = trial_amount(POOL, SOL.mint)
    return SwapParams(key("me"), key("in"), key("out"), SOL.mint, "exact_in", amount, 0)


@given(st.integers(-2, 2), st.integers(-2, 2))
def test_only_the_very_units_pass(more_in: int, more_out: int):
    tried = make_probe(CPMM, POOL, _trade())
    moved = (tried.expected.amount_in + more_in, tried.expected.amount_out + more_out)
    assert (judge(tried, SwapProbeResult(*moved)) is None) == (more_in == more_out == 0)


def test_a_refusal_is_told_by_its_name():
    tried = make_probe(CPMM, POOL, _trade())
    assert (
        judge(tried, SwapProbeResult(0, 0, failed=6005))
        == "cpmm refused the trial: ExceededSlippage"
    )
    assert judge(tried, SwapProbeResult(0, 0, failed=-1)) == "cpmm refused the trial: -1"


def test_a_trial_hardly_moves_the_pool():
    swap = POOL.swap(SOL.mint, "exact_in", trial_amount(POOL, SOL.mint))
    assert swap.impact_hundredths < 100_000
    assert swap.fees.trade > 0
