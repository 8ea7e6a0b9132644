"""Hold fee and impact to the pools that may be chosen, and all others to their amounts."""

from __future__ import annotations

import msgspec
import pytest

from bench.sample_pools import made, site
from cambist.routing.best_quote import choose
from cambist.routing.router import MarketSnapshot, find_route
from cambist.values import json_codec
from cambist.values.route import Quote, Route, SwapMode
from cambist.values.token import SOL
from cambist.venues.pool import Pool
from cambist.venues.registry import PROGRAMS
from tests.routing.test_router import found, pool, wish

DOUBLE = 10**6
"""A least gain that no split of this market has."""


def _market(
    amount: int, mode: SwapMode = "exact_in", gain_min: int = DOUBLE
) -> tuple[Route, dict[str, Pool]]:
    pools = [made(name, site(name, usd=10**6 + n * 10**5)) for n, name in enumerate(PROGRAMS)]
    offered = MarketSnapshot(pools, gain_min_hundredths=gain_min)
    route = found(find_route(wish(amount, mode), offered))
    return route, {pool.address: pool for pool in pools}


@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
def test_the_best_pool_of_each_venue_is_quoted_whole(mode: SwapMode) -> None:
    amount = 10**9
    route, pools = _market(amount, mode)
    assert len(route.legs) == 1
    venues: set[str] = set()
    for quote in route.quotes:
        whole = pools[quote.pool].quote(SOL.mint, mode, amount)
        assert isinstance(whole, Quote)
        assert (quote.amount_in, quote.amount_out) == (whole.amount_in, whole.amount_out)
        assert (quote.slot, quote.program) == (whole.slot, whole.program)
        assert quote.is_whole is (quote.venue not in venues)
        assert not quote.is_whole or quote == whole
        venues.add(quote.venue)
    assert venues == {"raydium", "meteora"}
    assert not all(quote.is_whole for quote in route.quotes)


def test_the_pools_that_a_split_uses_are_quoted_whole() -> None:
    route, pools = _market(10**13, gain_min=1)
    used = {leg.pool for leg in route.legs}
    assert len(used) > len({quote.venue for quote in route.quotes})
    for quote in route.quotes:
        if quote.pool in used:
            assert quote == pools[quote.pool].quote(SOL.mint, "exact_in", 10**13)


def test_a_pool_that_would_be_moved_too_far_gives_way_to_the_next_of_its_venue() -> None:
    pools = [pool("moved", 10**9, 10**12), pool("deep", 10**12, 10**12)]
    route = found(find_route(wish(2 * 10**9), MarketSnapshot(pools)))
    moved, deep = route.quotes
    assert moved.amount_out > deep.amount_out
    assert (moved.impact_hundredths or 0) > 500_000
    assert moved.is_whole
    assert deep.is_whole
    single = found(choose(wish(2 * 10**9), route.quotes, ()))
    assert single.legs[0].pool == deep.pool


def test_pools_that_pay_the_same_are_all_quoted_whole() -> None:
    # The lower fee decides between them.
    pools = [pool("one", 10**12, 10**12), pool("two", 10**12, 10**12), pool("less", 10**12, 10**11)]
    route = found(find_route(wish(10**6), MarketSnapshot(pools)))
    assert [quote.is_whole for quote in route.quotes] == [True, True, False]


def test_a_quote_is_stored_without_what_is_not_known_and_read_as_it_was() -> None:
    route, _ = _market(10**9)
    stored = json_codec.encode(route)
    assert json_codec.decoder(Route).decode(stored) == route
    amounts = [quote for quote in msgspec.json.decode(stored)["quotes"] if "fee" not in quote]
    assert len(amounts) == sum(not quote.is_whole for quote in route.quotes)
    assert all(
        quote.keys() == {"venue", "pool", "amount_in", "amount_out", "slot", "program"}
        for quote in amounts
    )
