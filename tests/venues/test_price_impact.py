"""Hold every program to one price impact: from the first price at which anything can be had."""

from __future__ import annotations

import json
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.sample_pools import made, site
from cambist.curves.bins import price_at
from cambist.curves.price_impact import DUST_MAX, impact_hundredths, unless_dust
from cambist.curves.tick_walk_state import FeeRates, Release2026Features, TickOrders, TickState
from cambist.curves.ticks import sqrt_at_tick
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.routing.best_quote import choose
from cambist.routing.depth import depth
from cambist.routing.quote_checks import reject_reason_for_impact
from cambist.values.amount import RAW_MAX, RawAmount
from cambist.values.ids import Principal
from cambist.values.json_codec import decoder, encode
from cambist.values.route import Quote, Route, SwapMode
from cambist.values.token import SOL, USDC, Pair
from cambist.venues.meteora.dlmm import DlmmPool
from cambist.venues.meteora.dlmm.accounts import Bin
from cambist.venues.pool import Pool
from cambist.venues.registry import PROGRAMS
from cambist.wire.public_order_state import view_quote
from tests.venues import laws
from tests.venues.clmm_pools import pool_of
from tests.venues.dlmm_pools import plain_pool

A = SOL.mint
INTENT = Intent(
    "market",
    Principal(""),
    Pair(SOL, USDC),
    "exact_in",
    RawAmount(10**7),
    Terms(slippage_bps=50),
)


def _gap(*held: int) -> DlmmPool:
    """Return a pair whose active bin holds orders of the wrong side, and others Y."""
    bins = [Bin(bin_, price_at(bin_, 25), 0, 10**12) for bin_ in held]
    wrong = Bin(0, price_at(0, 25), 0, 0, 0, 10**12, asks=True)
    return plain_pool(
        wrong, *bins, bin_step=25, variable_fee_control=0, base_factor=8_000, bin_min=-443_636
    )


@pytest.mark.parametrize("held", [(-10, -11, -12), (-281, -282, -283)])
@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
def test_bins_that_hold_nothing_for_a_swap_do_not_count(held: tuple[int, ...], mode: SwapMode):
    pool = _gap(*held)
    swap = pool.swap(A, mode, 10**7)
    assert swap.impact_hundredths == 0
    quote = pool.quote(A, "exact_in", 10**7)
    assert isinstance(quote, Quote)
    assert quote.impact_hundredths == 0
    assert isinstance(choose(INTENT, [quote], ()), Route)
    # And depth: the whole first bin is had at one price.
    assert all(one.amount_in >= 10**12 for one in depth(pool, A))


@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
@pytest.mark.parametrize("renewal", [None, Release2026Features(1), Release2026Features(2)])
def test_ticks_without_liquidity_do_not_count(mode: SwapMode, renewal: Release2026Features | None):
    tick_state = TickState(sqrt_at_tick(0), 0, 0)
    nets = {-9_000: 10**12, -8_000: -(10**12)}
    pool = replace(pool_of(60, nets, tick_state, FeeRates(2_500, 0, 0)), renewal=renewal)
    assert pool.swap(A, mode, 10**7).impact_hundredths <= 20  # type: ignore[operator]
    last = depth(pool, A)[-1]
    swap = pool.swap(A, "exact_in", last.amount_in)
    assert abs(swap.impact_hundredths - last.bps * 100) <= 3  # type: ignore[operator]


def test_limit_orders_on_a_tick_are_had_at_its_price():
    tick_state = TickState(sqrt_at_tick(0), 0, 0)
    orders = ((-9_000, TickOrders(10**9, 0, True)),)
    pool = replace(
        pool_of(60, {-9_000: 0}, tick_state, FeeRates(2_500, 0, 0)),
        renewal=Release2026Features(0, None, orders),
    )
    assert pool.swap(A, "exact_in", 10**7).impact_hundredths == 0


@pytest.mark.parametrize("name", PROGRAMS)
@given(amount=st.integers(1, 10**12), reverse=st.booleans())
def test_the_impact_is_what_the_price_lost_since_the_first(
    name: str, amount: int, *, reverse: bool
):
    pool = _made(name)
    mint = pool.mint_b if reverse else pool.mint_a
    swap = laws.tried(pool, mint, "exact_in", amount)
    if swap is None:
        return
    told = swap.impact_hundredths
    assert (told is None) == (min(swap.amount_in, swap.amount_out) <= DUST_MAX)
    if told is None:
        return
    rate, rate_of, *_ = next(pool.segments(mint))
    # With the fee on both sides, which at these pools does not move.
    kept = Fraction(swap.amount_out * rate_of, swap.amount_in * rate)
    few = min(swap.amount_in, swap.amount_out)
    assert abs(Fraction(told, 10**6) - (1 - kept)) <= Fraction(12, few) + Fraction(2, 10**6)


@pytest.mark.parametrize("name", PROGRAMS)
def test_of_dust_nothing_is_said(name: str):
    pool = _made(name)
    for mint in (pool.mint_a, pool.mint_b):
        for amount in (2, 50, 99, 100, 150, 10**4):
            swap = laws.tried(pool, mint, "exact_in", amount)
            if swap is not None:
                dust = min(swap.amount_in, swap.amount_out) < 100
                assert (swap.impact_hundredths is None) == dust


def _made(name: str) -> Pool:
    pool = made(name, site("impact", 10**8))
    if name == "dlmm":
        pair = replace(pool.pair, variable_fee_control=0)  # type: ignore[attr-defined]
        return replace(pool, pair=pair)  # type: ignore[type-var]
    return pool


def test_the_limit_does_not_refuse_dust():
    assert reject_reason_for_impact(None) is None
    assert reject_reason_for_impact(500_000) is None
    assert reject_reason_for_impact(500_001) is not None
    quote = _quote(None)
    assert isinstance(choose(INTENT, [quote, _quote(10)], ()), Route)


def _quote(impact: int | None) -> Quote:
    quote = _gap(-10).quote(A, "exact_in", 10**7)
    assert isinstance(quote, Quote)
    return replace(quote, impact_hundredths=impact)


def test_dust_is_null_on_the_wire_and_stored_lines_of_before_are_read():
    view = json.loads(msgspec.json.encode(view_quote(INTENT, _quote(None))))
    assert view["priceImpact"] is None
    assert json.loads(msgspec.json.encode(view_quote(INTENT, _quote(50))))["priceImpact"] == 0.005
    for impact in (None, 290):
        line = encode(_quote(impact))
        assert decoder(Quote).decode(line).impact_hundredths == impact


def test_a_swap_at_the_first_price_has_none_and_no_swap_gains():
    assert impact_hundredths(1_000, 2_000, (2, 1)) == 0
    assert impact_hundredths(1_000, 1_000, (2, 1)) == 500_000
    assert impact_hundredths(1_000, 2_001, (2, 1)) == 0
    assert impact_hundredths(0, 0, (2, 1)) == 0
    assert unless_dust(100, 100, 7) == 7
    assert unless_dust(99, RAW_MAX, 7) is None
    assert unless_dust(RAW_MAX, 99, 7) is None
