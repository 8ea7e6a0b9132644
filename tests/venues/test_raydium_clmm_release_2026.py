"""Hold pools of the newer CLMM release to the laws of every pool, and to the classic ones."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.curves import clmm_dynamic_fee
from cambist.curves.limit_orders import fill
from cambist.curves.swap_step import SwapSide
from cambist.curves.tick_walk_limit_orders import LimitOrderTickWalk, TickWalkTerms
from cambist.curves.tick_walk_state import (
    ClmmVolatility,
    FeeRates,
    InconsistentTicks,
    InsufficientLiquidity,
    Release2026Features,
    TickOrders,
    TickPath,
    TickState,
)
from cambist.curves.ticks import SQRT_MAX, SQRT_MIN, sqrt_at_tick
from cambist.venues.raydium.clmm import ClmmPool, clmm_program
from cambist.venues.snapshot import Snapshot
from tests.venues import laws
from tests.venues.clmm_pools import NOW, amounts, clmm_pools, pool_of

CHECKED = clmm_program(checked=True)
ways = st.booleans()


@st.composite
def renewed_pools(draw: st.DrawFn) -> ClmmPool:
    """A pool with a fee side, perhaps a moving fee, and orders on some ticks."""
    pool = draw(clmm_pools())
    index = pool.tick_state.tick // pool.shelf.spacing
    moving = st.builds(
        ClmmVolatility, st.just(30), st.just(600), st.integers(1, 9_999), st.integers(1, 99_999),
        st.sampled_from([10_000, 350_000]), st.integers(index - 20, index + 20),
        st.integers(0, 300_000), st.integers(0, 350_000), st.integers(NOW.unix_s - 700, NOW.unix_s),
    )  # fmt: skip
    resting = st.builds(TickOrders, st.integers(1, 2**40), st.integers(0, 2**40))
    numbers = draw(st.sets(st.sampled_from(pool.shelf.ticks.numbers)))
    orders = tuple((number, draw(resting)) for number in sorted(numbers))
    renewal = Release2026Features(draw(st.integers(0, 2)), draw(st.none() | moving), orders)
    return replace(pool, renewal=None if renewal == Release2026Features() else renewal)


@given(renewed_pools(), ways, amounts)
def test_the_bare_amounts_are_those_of_the_swap(pool: ClmmPool, a: bool, amount: int):
    laws.fast_is_full(pool, pool.mint_a if a else pool.mint_b, amount)


@given(renewed_pools(), ways, amounts)
def test_there_and_back_never_gains(pool: ClmmPool, a: bool, amount: int):
    laws.there_and_back_never_gains(pool, pool.mint_a if a else pool.mint_b, amount)


@given(renewed_pools())
def test_accounts_hold_the_pool(pool: ClmmPool):
    laws.accounts_hold_the_pool(CHECKED, pool, Snapshot({}, NOW))


@given(renewed_pools(), st.integers(0, 10_239), st.integers(1, 255))
def test_any_bytes_are_decoded_or_refused(pool: ClmmPool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(CHECKED, pool, at, byte)


@given(renewed_pools(), ways, amounts)
def test_the_pool_after_a_swap_can_be_written_and_read(pool: ClmmPool, a: bool, amount: int):
    swap = laws.tried(pool, pool.mint_a if a else pool.mint_b, "exact_in", amount)
    if swap is not None:
        assert isinstance(swap.end, ClmmPool)
        laws.accounts_hold_the_pool(CHECKED, swap.end, Snapshot({}, NOW))


@given(clmm_pools(fees=False), ways, amounts, st.sampled_from(["path_in", "path_out"]))
def test_with_nothing_new_in_use_both_walks_agree(
    pool: ClmmPool, down: bool, amount: int, ask: str
):
    limit = SQRT_MIN + 1 if down else SQRT_MAX - 1
    mint = pool.mint_a if down else pool.mint_b
    terms = TickWalkTerms(pool.rates, Release2026Features(), pool.shelf.spacing, NOW.unix_s)
    resting = LimitOrderTickWalk(pool.shelf.ticks, pool.tick_state, terms, limit, down=down)
    found: list[TickPath | None] = []
    for walk in (pool.ways[mint].walk, resting):
        path = None
        with suppress(InsufficientLiquidity, InconsistentTicks):
            path = getattr(walk, ask)(max(amount, 1))._replace(renewal=None)
        found.append(path)
    assert found[0] == found[1]
    assert resting == LimitOrderTickWalk(pool.shelf.ticks, pool.tick_state, terms, limit, down=down)
    assert hash(resting) == hash(
        LimitOrderTickWalk(pool.shelf.ticks, pool.tick_state, terms, limit, down=down)
    )


orders = st.builds(TickOrders, st.integers(0, 2**50), st.integers(0, 2**50), st.booleans())
sides = st.builds(
    SwapSide, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0, 100, 99_999])
)


@given(orders, st.integers(1, 2**50), st.integers(-200_000, 200_000), sides)
def test_orders_pay_no_more_than_rests_and_no_better_than_their_price(
    resting: TickOrders, amount: int, tick: int, side: SwapSide
):
    price = sqrt_at_tick(tick)
    filled = fill(resting, amount, price, side)
    done, left = filled.step, filled.left
    out = done.paid if side.fee_on_input else done.paid + done.fee
    assert out == resting.untouched + resting.started - left.untouched - left.started
    assert min(left.untouched, left.started, done.given, done.paid, done.fee) >= 0
    square = price * price
    worth = (done.given * square, out << 128) if side.down else (done.given << 128, out * square)
    assert worth[0] >= worth[1]
    if side.exact_in:
        assert done.given + (done.fee if side.fee_on_input else 0) <= max(amount, 1) or out
    else:
        assert done.paid <= amount


def test_a_tick_that_held_orders_alone_is_gone_when_they_are_filled():
    number = 40
    pool = replace(
        _small(),
        renewal=Release2026Features(0, None, ((number, TickOrders(5_000, 0, alone=True)),)),
    )
    assert CHECKED.decode(pool.address, _seen(pool)) == pool
    swap = pool.swap(pool.mint_b, "exact_in", 10**7)
    assert isinstance(swap.end, ClmmPool)
    assert number not in swap.end.shelf.ticks.numbers
    assert swap.end.renewal is None
    part = pool.swap(pool.mint_b, "exact_out", _before(pool) + 1_000)
    assert isinstance(part.end, ClmmPool)
    assert part.end.renewal == Release2026Features(
        0, None, ((number, TickOrders(0, 4_000, alone=True)),)
    )
    assert part.end.tick_state.tick == number - 1
    assert part.end.tick_state.price == sqrt_at_tick(number)


def test_a_fee_moves_with_the_price_and_calms_down_with_time():
    fee = ClmmVolatility(30, 600, 5_000, 10_000, 350_000, 10, 0, 100_000, 1_000)
    assert clmm_dynamic_fee.start(fee, 50, 1_020) == fee
    decayed = clmm_dynamic_fee.start(fee, 50, 1_100)
    assert (decayed.index_reference, decayed.reference, decayed.updated_s) == (50, 50_000, 1_100)
    assert clmm_dynamic_fee.start(fee, 50, 1_600).reference == 0
    assert clmm_dynamic_fee.start(fee, 50, 0) == fee
    far = clmm_dynamic_fee.accumulate(decayed, 45)
    assert far.accumulator == 100_000
    assert clmm_dynamic_fee.accumulate(decayed, 500).accumulator == 350_000
    assert clmm_dynamic_fee.rate(far, 10, 2_500) == 2_500 + 1_000
    assert clmm_dynamic_fee.rate(far, 1_000, 2_500) == clmm_dynamic_fee.FEE_MAX_PPM


def _small() -> ClmmPool:
    """A pool with liquidity about its price, and a tick above that no position ends at."""
    nets = {-600: 10**9, 40: 0, 1_200: -(10**9)}
    return pool_of(
        10, nets, TickState(sqrt_at_tick(3) + 5, 3, 10**9), FeeRates(2_500, 120_000, 40_000)
    )


def _seen(pool: ClmmPool) -> Snapshot:
    return Snapshot({account.address: account for account in CHECKED.encode(pool)}, NOW)


def _before(pool: ClmmPool) -> int:
    """Return what the curve alone pays up to tick 40."""
    swap = replace(pool, renewal=None).swap_until(pool.mint_b, "exact_in", 10**9, sqrt_at_tick(40))
    return swap.amount_out


@pytest.mark.parametrize(("fee_on", "down", "on_output"), [
    (0, True, False), (0, False, False), (1, True, False), (1, False, True), (2, True, True),
    (2, False, False),
])  # fmt: skip
def test_the_fee_is_taken_on_its_side(fee_on: int, down: bool, on_output: bool):
    pool = replace(_small(), renewal=Release2026Features(fee_on, None, ((40, TickOrders(1, 0)),)))
    mint = pool.mint_a if down else pool.mint_b
    swap = pool.swap(mint, "exact_in", 10**6)
    assert swap.fees.on_output == on_output
    whole = swap.amount_out + swap.fees.trade if on_output else swap.amount_in
    assert swap.fees.trade == -(-whole * 2_500 // 10**6)
