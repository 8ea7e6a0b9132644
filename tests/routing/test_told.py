"""Hold routes to how they are told: the greatest part first, and why none is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.sample_pools import made, site
from cambist.faults import Code, Fault
from cambist.routing.paths import PoolPath
from cambist.routing.rounding import PathShare
from cambist.routing.router import MarketSnapshot, find_route
from cambist.routing.split import greatest_first
from cambist.routing.transaction_limits import V0, V1
from cambist.values.route import Leg, SwapMode
from cambist.values.token import RAY, SOL, USDC
from cambist.venues.raydium.cpmm import CpmmPool
from cambist.venues.registry import PROGRAMS
from cambist.venues.tokens import Power
from tests.routing.test_router import crowds, found, modes, pool, wish


@given(crowds, modes, st.integers(10**6, 10**9), st.booleans())
def test_the_greatest_part_of_a_split_is_told_first(
    pools: list[CpmmPool], mode: SwapMode, amount: int, through_a_hub: bool
):
    first = pool("first", 10**12, 10**12, (SOL.mint, RAY.mint))
    second = pool("second", 10**12, 10**12, (RAY.mint, USDC.mint))
    hubs = {RAY.mint: ([first], [second])} if through_a_hub else {}
    answer = find_route(wish(amount, mode), MarketSnapshot(pools, hubs, programs=PROGRAMS))
    if isinstance(answer, Fault):
        return
    ways: dict[int, list[Leg]] = {}
    for leg in answer.legs:
        ways.setdefault(leg.path, []).append(leg)
    assert list(ways) == sorted(ways)  # the swaps of a way stand together
    if mode == "exact_in":
        # A way through a hub may give less than its part: that is its first swap's bound.
        parts = [path[0].amount_in if len(path) == 1 else path[0].bound for path in ways.values()]
    else:
        parts = [way[0].amount_out if len(way) == 1 else way[1].bound for way in ways.values()]
    assert len(parts) == 1 or parts == sorted(parts, reverse=True)


def test_parts_alike_are_told_by_venue_and_program():
    pools = [made(name, site(name)) for name in sorted(PROGRAMS)]
    alike = [PathShare(PoolPath((one,), (SOL.mint,)), 5, 5) for one in pools]
    small = PathShare(PoolPath((pools[0],), (SOL.mint,)), 4, 4)
    told = sorted([small, *reversed(alike)], key=greatest_first)
    assert [event.path.pools[0].program for event in told] == [
        "damm_v1", "damm_v2", "dlmm", "amm_v4", "clmm", "cpmm", "amm_v4"
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
@pytest.mark.parametrize("paths_max", [3, 6])
def test_swaps_that_only_together_trade_an_amount_and_do_not_fit_are_told(
    mode: SwapMode, paths_max: int
):
    # One pool is moved by half by much less, and six of these swaps are too large for 1,232 bytes.
    pools = [pool(f"p{n}", 10**12, 10**12) for n in range(6)]
    amount = 5 * 10**12 if mode == "exact_in" else 27 * 10**11
    small = replace(V0, paths_max=paths_max)
    refused = find_route(
        wish(amount, mode), MarketSnapshot(pools, programs=PROGRAMS, envelope=small)
    )
    assert isinstance(refused, Fault)
    assert refused.code is Code.NO_ROUTE
    assert refused.message.startswith("No pool trades this amount alone. 6 swaps together would,")
    assert "do not fit one v0 transaction: it takes " in refused.message
    assert refused.message.endswith(" bytes of 1232.")
    route = found(
        find_route(wish(amount, mode), MarketSnapshot(pools, programs=PROGRAMS, envelope=V1))
    )
    assert len(route.legs) == 6


def test_an_amount_that_no_swaps_together_trade_keeps_its_own_reason():
    pools = [pool(f"p{n}", 10**12, 10**12) for n in range(6)]
    refused = find_route(wish(10**14), MarketSnapshot(pools, programs=PROGRAMS, envelope=V0))
    assert isinstance(refused, Fault)
    assert refused.message.startswith("The order would move the price by ")


def test_more_paths_than_there_may_be_are_named_where_they_would_fit():
    pools = [pool(f"p{n}", 10**12, 10**12) for n in range(6)]
    narrow = replace(V1, paths_max=2)
    refused = find_route(
        wish(5 * 10**12), MarketSnapshot(pools, programs=PROGRAMS, envelope=narrow)
    )
    assert isinstance(refused, Fault)
    assert refused.message.endswith("one v1 transaction: it takes at most 2 paths.")


def test_a_route_tells_what_may_be_done_to_the_tokens_of_all_its_pools():
    first = pool("first", 10**13, 10**13, (SOL.mint, RAY.mint))
    second = pool("second", 10**13, 10**13, (RAY.mint, USDC.mint))
    powerful = replace(first, token_b=replace(first.token_b, powers=(Power.PERMANENT_DELEGATE,)))
    sentence = f"{RAY.mint}: {Power.PERMANENT_DELEGATE.sentence}."
    route = found(find_route(wish(10**9), MarketSnapshot([], {RAY.mint: ([powerful], [second])})))
    assert route.warnings == (sentence,)
    direct = pool("direct", 10**12, 10**12)
    alone = replace(direct, token_b=replace(direct.token_b, powers=(Power.PAUSABLE,)))
    assert found(find_route(wish(10**9), MarketSnapshot([alone]))).warnings == alone.warnings != ()
