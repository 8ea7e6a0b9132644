"""Hold the pools to their curve while users push them and the arbitrageur pulls them back."""

from hypothesis import given
from hypothesis import strategies as st

from cambist.paper.pools import FEES_PPM, HALF_LIFE_SLOTS, RAYDIUM, VENUES, PoolBook, pool_key
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.route import Quote
from cambist.values.token import SOL, USDC
from cambist.venues.constant_product import ConstantProductPool

KEY = pool_key(RAYDIUM, SOL.mint, USDC.mint)
START = Slot(5_000)


def _book() -> PoolBook:
    return PoolBook(3, lambda _: None)


def _push(book: PoolBook, mint: Address, amount: int) -> ConstantProductPool:
    pool = book.current(KEY, START)
    quote = pool.quote(mint, "exact_in", amount)
    assert isinstance(quote, Quote)
    after = pool.swapped(mint, quote.amount_in, quote.amount_out)
    book.states.stage(KEY, after)
    return after


def test_ten_sol_move_a_pool_by_a_few_basis_points():
    for venue in VENUES:
        pool = _book().seen(pool_key(venue, SOL.mint, USDC.mint), START)
        quote = pool.quote(SOL.mint, "exact_in", 10 * 10**9)
        assert isinstance(quote, Quote)
        assert 50 < quote.impact_hundredths < 500
        assert quote.fee_bps == FEES_PPM[venue] // 100


def test_a_swap_is_seen_by_nobody_before_it_is_published():
    book = _book()
    before = book.seen(KEY, START)
    after = _push(book, SOL.mint, 10**12)
    assert book.seen(KEY, START) == before
    assert book.current(KEY, START) == after
    book.publish()
    assert book.seen(KEY, START) == after


@given(st.sampled_from([SOL.mint, USDC.mint]), st.integers(10**9, 10**13), st.integers(0, 3_000))
def test_the_arbitrageur_pulls_a_pool_back_along_its_own_curve(
    mint: Address, amount: int, wait: int
):
    book = _book()
    target = book.current(KEY, START).reserve_a
    after = _push(book, mint, amount)
    sooner = book.current(KEY, Slot(START + wait))
    later = book.current(KEY, Slot(START + wait + HALF_LIFE_SLOTS))
    product = after.reserve_a * after.reserve_b
    for pool in (sooner, later):
        assert product <= pool.reserve_a * pool.reserve_b < product + pool.reserve_a
    slack = target // 1_000 * (1 + wait // 100)  # the path itself moves, by up to 1 bp a step
    assert abs(later.reserve_a - target) <= abs(sooner.reserve_a - target) // 2 + slack


def test_after_a_half_life_half_of_a_push_is_left():
    book = _book()
    target = book.current(KEY, START).reserve_a
    pushed = _push(book, KEY.mint_a, 10**10).reserve_a - target
    left = book.current(KEY, Slot(START + HALF_LIFE_SLOTS)).reserve_a - target
    assert abs(2 * left - pushed) * 100 <= pushed
