"""Hold the choice of a venue to the best net price, and its reason to plain words."""

from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cambist.faults import Code, Fault
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.routing.best_quote import choose
from cambist.values.amount import RAW_MAX, Bps, RawAmount
from cambist.values.ids import LOCAL, Address
from cambist.values.route import Quote, QuoteFailure, Route, SwapMode
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC, Pair

PAIR = Pair(SOL, USDC)
SLOW = QuoteFailure("raydium", Code.QUOTE_TIMED_OUT, "it did not answer within 1000 ms.")
REFUSED = QuoteFailure(
    "meteora", Code.POOL_REFUSED, "The pool holds less than the amount asked for."
)


def _intent(mode: SwapMode = "exact_in", slippage_bps: int = 50) -> Intent:
    return Intent("market", LOCAL, PAIR, mode, RawAmount(10**10), Terms(Bps(slippage_bps)))


def _quote(venue: str, paid: int, **changes: Any) -> Quote:
    given_, got = changes.pop("amounts", (10**10, paid))
    impact = changes.pop("impact", 290)
    pool = Address(f"{venue} pool{changes.pop('pool', '')}")
    return Quote(
        venue, pool, RawAmount(given_), RawAmount(got), RawAmount(25), Bps(25), impact, Slot(9)
    )


def _route(answer: Route | Fault) -> Route:
    assert isinstance(answer, Route)
    return answer


def test_the_venue_that_pays_more_is_chosen_and_the_reason_says_by_how_much():
    quotes = [_quote("raydium", 1_463_206_333), _quote("meteora", 1_468_210_334)]
    route = _route(choose(_intent(), quotes, ()))
    assert route.legs[0].venue == "meteora"
    assert route.reason == (
        "Meteora pays 1468.210334 USDC, 34.1 bps more than Raydium's 1463.206333 USDC."
    )
    assert route.bound == 1_460_869_283
    assert route.quotes == tuple(quotes)


def test_the_venue_that_asks_less_is_chosen_for_an_exact_amount_out():
    quotes = [
        _quote("raydium", 0, amounts=(10_100_000_000, 1_468_000_000)),
        _quote("meteora", 0, amounts=(10_200_000_000, 1_468_000_000)),
    ]
    route = _route(choose(_intent("exact_out"), quotes, ()))
    assert route.reason == "Raydium asks 10.1 SOL, 98.0 bps less than Meteora's 10.2 SOL."
    assert route.bound == 10_150_500_000


def test_a_venue_left_out_is_named_with_its_reason():
    route = _route(choose(_intent(), [_quote("meteora", 1_468_210_334)], [SLOW]))
    assert route.reason == (
        "Meteora pays 1468.210334 USDC; no other venue quoted."
        " Raydium was left out: it did not answer within 1000 ms."
    )
    assert route.absent == (SLOW,)


@given(
    st.lists(st.tuples(st.sampled_from(["raydium", "meteora"]), st.integers(1, 9)), min_size=1),
    st.sampled_from(["exact_in", "exact_out"]),
)
def test_no_other_quote_is_better_than_the_chosen_one(drawn: list[tuple[str, int]], mode: SwapMode):
    quotes = [
        _quote(venue, 0, amounts=(n, 5) if mode == "exact_out" else (5, n), pool=place)
        for place, (venue, n) in enumerate(drawn)
    ]
    route = _route(choose(_intent(mode), quotes, ()))
    if mode == "exact_in":
        assert route.amount_out == max(quote.amount_out for quote in quotes)
    else:
        assert route.amount_in == min(quote.amount_in for quote in quotes)


def test_equal_quotes_give_the_same_route_in_whatever_order_they_came():
    quotes = [
        _quote("raydium", 7),
        _quote("meteora", 7),
        _quote("meteora", 7, pool=2),
        _quote("orca", 7, impact=1),
    ]
    chosen = {_route(choose(_intent(), order, ())).legs for order in permutations(quotes)}
    assert [legs[0].venue for legs in chosen] == ["orca"]


def test_an_amount_every_pool_refuses_has_no_route():
    answer = choose(_intent(), (), [REFUSED])
    assert isinstance(answer, Fault)
    assert answer.code is Code.NO_ROUTE
    assert answer.message == "Meteora: the pool holds less than the amount asked for."
    nothing = choose(_intent(), (), ())
    assert isinstance(nothing, Fault)
    assert nothing.code is Code.NO_ROUTE


def test_a_venue_that_did_not_answer_may_still_trade_it():
    answer = choose(_intent(), (), [REFUSED, SLOW])
    assert isinstance(answer, Fault)
    assert answer.code is Code.QUOTES_UNAVAILABLE


def test_an_order_that_would_move_its_own_price_by_half_is_refused():
    kept = choose(_intent(), [_quote("raydium", 7, impact=500_000)], ())
    assert isinstance(kept, Route)
    answer = choose(_intent(), [_quote("raydium", 7, impact=512_345)], ())
    assert isinstance(answer, Fault)
    assert answer.code is Code.NO_ROUTE
    assert answer.message == "The order would move the price by 51.2345 %; the limit is 50 %."


def test_no_bound_lets_the_chain_take_any_price():
    nothing = choose(_intent(slippage_bps=10_000), [_quote("raydium", 7)], ())
    assert isinstance(nothing, Fault)
    assert nothing.code is Code.NO_ROUTE
    dear = _quote("raydium", 0, amounts=(RAW_MAX, 5))
    anything = choose(_intent("exact_out"), [dear], ())
    assert isinstance(anything, Fault)
    assert anything.code is Code.NO_ROUTE


def test_the_bound_keeps_the_tolerance_to_the_unit():
    route = _route(choose(_intent(slippage_bps=1), [_quote("raydium", 9_999)], ()))
    assert route.bound == 9_999
