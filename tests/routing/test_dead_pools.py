"""Prove that one bad pool beside honest ones neither blocks a pair nor worsens its routes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.sample_pools import NOW, named
from cambist.faults import Fault
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.paper.pool_models import POOL_MODELS, PoolSpec
from cambist.routing.router import MarketSnapshot, find_route
from cambist.routing.transaction_limits import V1
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import LOCAL
from cambist.values.route import Route, SwapMode
from cambist.values.token import SOL, USDC, Pair
from cambist.venues.pool import Pool
from cambist.venues.registry import PROGRAMS

PPM = 10**6
WORSE_MAX_PPM = 100
"""One basis point."""

modes = st.sampled_from(["exact_in", "exact_out"])
sells = st.booleans()


def site(name: str, usd: int, price_ppm: int = PPM, fee_ppm: int = 2_500) -> PoolSpec:
    """Return a place for a pool so many dollars deep, at so many millionths of 150 USDC a SOL."""
    depth_a = max(usd * 10**9 * PPM // (150 * price_ppm), 1)
    return PoolSpec(named(name), SOL.mint, USDC.mint, 9, 6, depth_a, max(usd * 10**6, 1), fee_ppm)


baits = st.builds(
    lambda kind, usd, price_ppm: POOL_MODELS[kind].create(site("bait", usd, price_ppm), NOW),
    st.sampled_from(sorted(POOL_MODELS)),
    st.sampled_from([0, 1, 10, 1_000, 100_000]),
    st.one_of(st.integers(1, 10**9), st.integers(900_000, 1_100_000)),
)


def honest(count: int) -> list[Pool]:
    """Return so many pools of different kinds and depths, within a tenth of a percent."""
    names = sorted(POOL_MODELS)
    return [
        POOL_MODELS[names[number % len(names)]].create(
            site(f"honest {number}", 2_000_000 + 700_000 * number, PPM + 300 * (number % 3)), NOW
        )
        for number in range(count)
    ]


def routed(pools: list[Pool], mode: SwapMode, amount: int, *, sell: bool) -> Route | Fault:
    pair = Pair(SOL, USDC) if sell else Pair(USDC, SOL)
    intent = Intent("market", LOCAL, pair, mode, RawAmount(amount), Terms(Bps(50)))
    return find_route(intent, MarketSnapshot(pools, programs=PROGRAMS, envelope=V1))


def assert_no_worse(without: Route | Fault, beside: Route | Fault, mode: SwapMode) -> None:
    assert not isinstance(without, Fault)
    assert not isinstance(beside, Fault), beside
    if mode == "exact_in":
        assert beside.amount_out * PPM >= without.amount_out * (PPM - WORSE_MAX_PPM)
    else:
        assert beside.amount_in * (PPM - WORSE_MAX_PPM) <= without.amount_in * PPM


@pytest.mark.parametrize("pools", [2, 3, 10])
@settings(max_examples=60)
@given(bait=baits, mode=modes, sell=sells, whole=st.integers(1, 500))
def test_a_shallow_pool_at_any_price_costs_less_than_a_basis_point(
    pools: int, bait: Pool, mode: SwapMode, sell: bool, whole: int
) -> None:
    others = honest(pools - 1)
    sized_is_sol = sell == (mode == "exact_in")
    amount = whole * (10**9 if sized_is_sol else 150 * 10**6)
    without = routed(others, mode, amount, sell=sell)
    assert_no_worse(without, routed([bait, *others], mode, amount, sell=sell), mode)
    assert_no_worse(without, routed([*others, bait], mode, amount, sell=sell), mode)


@pytest.mark.parametrize("pools", [2, 3, 10])
@given(kind=st.sampled_from(["amm_v4", "cpmm"]), mode=modes, sell=sells, side=st.booleans())
def test_a_drained_pool_blocks_nobody(
    pools: int, kind: str, mode: SwapMode, sell: bool, side: bool
) -> None:
    others = honest(pools - 1)
    deep = 10**12
    empty = PoolSpec(
        named("drained"), SOL.mint, USDC.mint, 9, 6, 1 if side else deep, deep if side else 1, 2_500
    )
    drained = POOL_MODELS[kind].create(empty, NOW)
    amount = 10**9 if sell == (mode == "exact_in") else 150 * 10**6
    without = routed(others, mode, amount, sell=sell)
    assert_no_worse(without, routed([drained, *others], mode, amount, sell=sell), mode)
