"""Hold what a swap costs to its formula, and a split to gain more than that."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.faults import Fault
from cambist.routing.leg_costs import BASE_FEE_LAMPORTS, LegPrice, leg_costs
from cambist.routing.router import MarketSnapshot, find_route
from cambist.routing.transaction_limits import COMPUTE_UNITS
from tests.routing.test_router import PROGRAMS, found, pool, wish

programs = st.sampled_from(sorted(COMPUTE_UNITS))


@given(programs, st.integers(0, 10**7), st.integers(0, 10**6))
def test_a_swap_costs_its_units_and_its_share_of_a_revert(
    program: str, unit_price: int, revert_ppm: int
) -> None:
    priority = ceil(Fraction(COMPUTE_UNITS[program] * unit_price, 10**6))
    lost = ceil(Fraction(revert_ppm * (BASE_FEE_LAMPORTS + priority), 10**6))
    assert LegPrice(unit_price, revert_ppm).lamports(program) == priority + lost


def test_without_a_price_in_sol_a_swap_costs_nothing() -> None:
    assert leg_costs(LegPrice(), None) == {}
    assert leg_costs(LegPrice(), 0.145)["cpmm"] == ceil(LegPrice().lamports("cpmm") * 0.145)


@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
def test_a_split_is_taken_where_it_gains_more_than_its_swaps_cost(mode: str) -> None:
    pools = [pool("one", 10**12, 10**12), pool("two", 10**12, 10**12)]
    amount = 10**10

    def legs(cost: int, gain: int) -> int:
        offered = MarketSnapshot(
            pools, programs=PROGRAMS, leg_costs={"cpmm": cost}, gain_min_hundredths=gain
        )
        route = find_route(wish(amount, mode), offered)  # type: ignore[arg-type]
        assert not isinstance(route, Fault)
        return len(route.legs)

    free = found(find_route(wish(amount, mode), MarketSnapshot(pools, programs=PROGRAMS)))  # type: ignore[arg-type]
    one = found(find_route(wish(amount, mode), MarketSnapshot(pools[:1], programs=PROGRAMS)))  # type: ignore[arg-type]
    gained = abs(free.amount_out - one.amount_out) + abs(free.amount_in - one.amount_in)
    assert legs(0, 0) == 2
    assert legs(gained - 10, 0) == 2
    assert legs(gained + 10, 0) == 1
    hundredths = gained * 10**6 // (one.amount_out if mode == "exact_in" else one.amount_in)
    assert legs(0, hundredths - 1) == 2
    assert legs(0, hundredths + 1) == 1
