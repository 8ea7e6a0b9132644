"""Hold the bound that spares the search of splits: no split beats it, and it is near the truth."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from cambist.faults import Fault
from cambist.optimizer.clearing import SplitRequest, bound, solve
from cambist.optimizer.outliers import promising
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.routing import router
from cambist.routing.leg_costs import LegPrice, leg_costs
from cambist.routing.paths import LegCosts, Way, straight
from cambist.routing.router import MarketSnapshot, find_route
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import LOCAL, Address
from cambist.values.route import SwapMode
from cambist.values.token import Pair, Token
from cambist.venues.pool import Pool
from tests.routing.pool_sets import FAMILIES, PoolSet, draw_set
from tests.routing.test_router import PROGRAMS, found, pool, wish

SETS = 12
EXACT = 1 + 1e-7


def costs_of(chance: random.Random) -> LegCosts:
    return leg_costs(LegPrice(chance.choice((0, 50_000, 5_000_000))), chance.choice((0.15, 7.0)))


def pair_of(pool: Pool, mint_in: Address) -> Pair:
    a, b = (Token(mint[:4].upper(), mint, 6) for mint in (pool.mint_a, pool.mint_b))
    return Pair(a, b) if mint_in == pool.mint_a else Pair(b, a)


def ways_of(drawn: PoolSet, costs: LegCosts) -> list[Way]:
    return straight(drawn.pools, drawn.mint_in, drawn.mode, costs)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_sharing_of_two_pools_or_more_beats_the_bound_at_any_rate(family: str) -> None:
    for seed in range(SETS):
        drawn, chance = draw_set(family, seed), random.Random(seed)
        ways = ways_of(drawn, costs_of(chance))
        request = SplitRequest(drawn.mode, drawn.amount, 3)
        cost_min = chance.choice((0, 5_000))
        sharings = [
            (one.value, sum(way.cost for way in one.ways))
            for count in (2, 3)
            for some in combinations(ways, count)
            if (one := solve(some, request)) is not None
        ]
        for _ in range(10):
            rate = ways[0].curve.rate * chance.uniform(0.5, 1.001)
            most, _ = bound(ways, request, rate, cost_min)
            for value, cost in sharings:
                held = value - max(cost_min - cost, 0)
                assert held <= most * (EXACT if most > 0 else 2 - EXACT) + 1


@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
@pytest.mark.parametrize("amount", [10**5, 10**7, 10**8])
def test_an_order_that_one_pool_serves_best_has_no_split_worth_a_look(
    mode: SwapMode, amount: int
) -> None:
    pools = [pool(str(n), 10**12, 10**12 - n * 10**8) for n in range(6)]
    for unit_price in (0, 50_000, 5_000_000):
        costs = leg_costs(LegPrice(unit_price), 0.15)
        ways = straight(pools, pools[0].mint_a, mode, costs)
        request = SplitRequest(mode, amount, 6)
        best = ways[0]
        other = best.path.swap_amount(mode, amount)
        alone = (amount, other - best.cost) if mode == "exact_in" else (other + best.cost, amount)
        assert promising(ways, request, (best, *alone), MarketSnapshot([]).gain_min) == ()


def test_a_small_order_never_reaches_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> list[object]:
        raise AssertionError("the search was begun")

    monkeypatch.setattr(router, "split", fail)
    pools = [pool(str(n), 10**12, 10**12 - n * 10**8) for n in range(6)]
    costs = leg_costs(LegPrice(), 0.15)
    assert len(found(find_route(wish(10**6), MarketSnapshot(pools, leg_costs=costs))).legs) == 1


@pytest.mark.parametrize("family", ["reserves, all carry", "six kinds, all carry"])
def test_swaps_that_cost_less_do_not_make_up_for_a_worse_price(family: str) -> None:
    """Nobody gets less than the best pool alone pays, however cheap the other swaps are."""
    for seed in range(4 * SETS):
        drawn = draw_set(family, seed)
        small = drawn._replace(amount=max(drawn.amount // 1_000, 1_000))
        costs = dict.fromkeys(PROGRAMS, 0) | {drawn.pools[0].program: small.amount}
        ways = ways_of(small, costs)
        alone = [one for way in ways if (one := way.path.swap_amount(small.mode, small.amount))]
        pair = pair_of(small.pools[0], small.mint_in)
        intent = Intent("market", LOCAL, pair, small.mode, RawAmount(small.amount), Terms(Bps(50)))
        route = find_route(
            intent, MarketSnapshot(small.pools, leg_costs=costs, gain_min_hundredths=0)
        )
        if isinstance(route, Fault):
            continue
        if small.mode == "exact_in":
            assert route.amount_out >= max(alone)
        else:
            assert route.amount_in <= min(alone)
