"""Hold routes in the paper world to this: knowing of hubs never makes a route worse."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.paper.pool_states import VENUES, PoolStates, pool_keys
from cambist.paper.tokens import HUBS
from cambist.routing.router import MarketSnapshot, find_route
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import LOCAL
from cambist.values.route import SwapMode
from cambist.values.time_units import Slot
from cambist.values.token import BONK, ETH, JUP, RAY, SOL, USDC, Pair, Token
from cambist.venues.pool import Pool
from cambist.venues.registry import PROGRAMS
from tests.routing.test_router import found

BOOK = PoolStates(1, lambda _: None)


def pools(token: Token, other: Token) -> Sequence[Pool]:
    """Return the paper world's pools of two tokens."""
    keys = [key for venue in VENUES for key in pool_keys(venue, token.mint, other.mint)]
    return [BOOK.seen(key, Slot(500)) for key in keys]


@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
@pytest.mark.parametrize(
    ("given", "taken", "whole"),
    [
        (SOL, USDC, 3_000),
        (USDC, RAY, 20_000),
        (RAY, BONK, 20_000),
        (JUP, BONK, 5_000),
        (USDC, ETH, 200),
    ],
)
def test_a_hub_never_crowds_out_a_better_split_that_fits(
    given: Token, taken: Token, whole: int, mode: SwapMode
) -> None:
    sized = given if mode == "exact_in" else taken
    amount = RawAmount(whole * 10**sized.decimals)
    intent = Intent("market", LOCAL, Pair(given, taken), mode, amount, Terms(Bps(50)))
    hubs = {
        hub.mint: (pools(given, hub), pools(hub, taken))
        for hub in HUBS
        if hub not in (given, taken)
    }
    straight = pools(given, taken)
    without = found(find_route(intent, MarketSnapshot(straight, programs=PROGRAMS)))
    routed = found(find_route(intent, MarketSnapshot(straight, hubs, programs=PROGRAMS)))
    if mode == "exact_in":
        assert routed.amount_out >= without.amount_out
    else:
        assert routed.amount_in <= without.amount_in
