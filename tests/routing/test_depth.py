"""Hold the depth that is told of a pool to what its swaps then do, to the unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.paper.pool_states import PROGRAMS_OF, VENUES, PoolStates, pool_key
from cambist.routing.depth import LEVELS_BPS, depth
from cambist.values.amount import BPS_ONE, Bps
from cambist.values.time_units import Slot
from cambist.values.token import BONK, SOL, USDC
from cambist.venues.pool import Pool
from tests.routing.test_router import pool

PROGRAMS = [program for venue in VENUES for program in PROGRAMS_OF[venue]]


def of_paper(program: str) -> Pool:
    """Return the paper world's pool of SOL and USDC of a program."""
    return PoolStates(1, lambda _: None).seen(pool_key(program, SOL.mint, USDC.mint), Slot(777))


@pytest.mark.parametrize("mint", [SOL.mint, USDC.mint])
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_depth_at_a_level_is_where_the_impact_reaches_it(program: str, mint: str) -> None:
    one = of_paper(program)
    for event in depth(one, mint):
        swap = one.swap(mint, "exact_in", event.amount_in)
        # In hundredths of a basis point, where the impact is told as a quote tells it.
        assert abs(swap.impact_hundredths - event.bps * 100) <= 3


@given(st.integers(10**8, 10**15), st.integers(10**8, 10**15), st.integers(1, 30_000))
def test_a_deeper_level_takes_no_less(a: int, b: int, fee: int) -> None:
    found = depth(pool("deep", a, b, trade=fee), SOL.mint)
    assert [event.bps for event in found] == list(LEVELS_BPS)
    amounts = [told.amount_in for told in found]
    assert amounts == sorted(amounts)


@given(st.integers(10**11, 10**15), st.integers(1, 5))
def test_a_pool_of_twice_the_reserves_is_twice_as_deep(a: int, more: int) -> None:
    one, other = (pool("deep", a * n, 3 * a * n) for n in (1, 1 + more))
    for told, wide in zip(depth(one, SOL.mint), depth(other, SOL.mint), strict=True):
        expected = told.amount_in * (1 + more)
        assert abs(wide.amount_in - expected) * 100 <= expected


def test_a_curve_of_two_reserves_is_as_deep_as_its_formula_says() -> None:
    one = replace(pool("deep", 10**15, 10**14, trade=0), release="2025-02")
    for bps, amount in depth(one, SOL.mint):
        # What is given is x * b / (1 - b) of the reserve x, where it costs the share b.
        expected = 10**15 * bps // (BPS_ONE - bps)
        assert abs(amount - expected) * 1_000 <= expected


def test_a_pool_that_does_not_hold_the_token_has_no_depth() -> None:
    one = of_paper("cpmm")
    assert {event.amount_in for event in depth(one, BONK.mint)} == {0}


def test_what_a_pool_carries_at_most_is_its_depth() -> None:
    one = of_paper("clmm")
    (told,) = depth(one, SOL.mint, (Bps(9_999),))
    assert one.amount_out(SOL.mint, told.amount_in) > 0
    assert one.amount_out(SOL.mint, told.amount_in + 1) == 0
