"""Hold every kind of pool to its curve while users push it and the arbitrageur pulls it back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.paper.pool_models import POOL_MODELS, PriceRatio
from cambist.paper.pool_states import (
    FEES_PPM,
    HALF_LIFE_SLOTS,
    PoolKey,
    PoolState,
    PoolStates,
    first_pool,
    pool_key,
)
from cambist.paper.price_paths import STEP_SLOTS
from cambist.paper.price_push import (
    OFFSET_MAX_PPB,
    OUTSIDE_HALF_LIFE_SLOTS,
    ROUND_SLOTS,
    TokenPush,
)
from cambist.paper.rpc.pool_codec import PoolWriter, read_pools
from cambist.values.ids import Address
from cambist.values.route import Quote
from cambist.values.time_units import Slot
from cambist.values.token import BONK, ETH, JUP, SOL, USDC, USDT
from cambist.venues.pool import Pool
from cambist.venues.snapshot import PoolRejected
from tests.paper.test_price_paths import APART_MAX, furthest_apart

START = Slot(5_000)
SEED = 3
PAIRS = ((SOL, USDC), (BONK, SOL), (USDC, JUP), (ETH, USDT))
keys = st.builds(
    lambda program, pair: pool_key(program, pair[0].mint, pair[1].mint),
    st.sampled_from(list(POOL_MODELS)),
    st.sampled_from(PAIRS),
)
every_program = pytest.mark.parametrize("program", POOL_MODELS)


def _book() -> PoolStates:
    return PoolStates(SEED, lambda _: None)


def _key(program: str) -> PoolKey:
    return pool_key(program, SOL.mint, USDC.mint)


def _push(book: PoolStates, key: PoolKey, mint: Address, amount: int) -> Pool:
    before = book.current(key, START)
    swap = before.swap(mint, "exact_in", amount)
    saved = POOL_MODELS[key.program].dump(swap.end)
    pushed = book.push(key, before, swap.end, START)
    book.states.stage(key, PoolState(0, 0, START, saved, pushed))
    return swap.end


def _off_ppb(book: PoolStates, key: PoolKey, slot: int) -> int:
    """Return how far a pool is above where it rests."""
    stands = POOL_MODELS[key.program].price(book.current(key, Slot(slot)))
    return _above_ppb(stands, book.rest_price(key, Slot(slot), book.pushes.current))


def _above_ppb(price: PriceRatio, other: PriceRatio) -> int:
    even = price.a * other.b
    return (price.b * other.a - even) * 10**9 // even


def _path_ppb(book: PoolStates, key: PoolKey, slot: int) -> int:
    """Return how far a pool is above where it would be had nobody ever traded."""
    stands = POOL_MODELS[key.program].price(book.current(key, Slot(slot)))
    return _above_ppb(stands, book.rest_price(key, Slot(slot), lambda _: None))


@every_program
def test_ten_sol_move_a_pool_by_a_few_basis_points(program: str):
    key = _key(program)
    quote = _book().seen(key, START).quote(SOL.mint, "exact_in", 10 * 10**9)
    assert isinstance(quote, Quote)
    assert 0 <= quote.impact_hundredths < 2_000
    assert quote.fee_bps == FEES_PPM[key.venue] // 100
    assert quote.program == program


@every_program
def test_a_swap_is_seen_by_nobody_before_it_is_published(program: str):
    book, key = _book(), _key(program)
    before = book.seen(key, START)
    after = _push(book, key, SOL.mint, 10**12)
    assert book.seen(key, START) == before
    stands = POOL_MODELS[program].price(book.current(key, START))
    assert stands == POOL_MODELS[program].price(after)
    book.publish()
    assert POOL_MODELS[program].price(book.seen(key, START)) == stands


@given(keys)
def test_an_untouched_pool_stands_at_its_target(key: PoolKey):
    assert abs(_off_ppb(_book(), key, START)) <= 10


@given(keys, st.booleans(), st.integers(1, 400), st.integers(0, 3_000))
def test_the_arbitrageur_pulls_a_pool_back(key: PoolKey, up: bool, per_mille: int, wait: int):
    book = _book()
    held = POOL_MODELS[key.program].holdings(book.current(key, START))
    mint = key.mint_b if up else key.mint_a
    try:
        _push(book, key, mint, max(held[up] * per_mille // 2_000, 1))
    except PoolRejected:
        return
    pushed, sooner, later = (
        _off_ppb(book, key, START + slots) for slots in (0, wait, wait + HALF_LIFE_SLOTS)
    )
    assert (pushed >= -10) if up else (pushed <= 10)
    assert abs(sooner) <= abs(pushed) + 20
    assert abs(abs(later) - abs(sooner) // 2) <= abs(pushed) // 100 + 1_000


@every_program
def test_an_order_moves_pools_apart_and_the_arbitrageur_brings_them_together(program: str):
    book, key = _book(), _key(program)
    pairs = ((SOL.mint, USDT.mint), (SOL.mint, ETH.mint), (SOL.mint, USDC.mint))
    others = [pool_key(other, *mints) for other in POOL_MODELS for mints in pairs]
    others.remove(key)
    before = {other: _path_ppb(book, other, START) for other in others}
    _push(book, key, SOL.mint, 1_000 * 10**9)
    book.publish()
    # At its own slot no other pool has moved, and the cycles through the pushed one pay.
    assert {other: _path_ppb(book, other, START) for other in others} == before
    assert furthest_apart(book, START) > APART_MAX
    # Then all pools agree again, at another price: SOL costs less than it would, everywhere.
    together = START + 9 * HALF_LIFE_SLOTS
    assert furthest_apart(book, together) <= APART_MAX
    for pool_key_ in (*others, key):
        moved = _path_ppb(book, pool_key_, together) - before.get(pool_key_, 0)
        assert (moved < -(10**5)) if pool_key_.mint_a == SOL.mint else (moved > 10**5)
    # In the end outside trade has brought them back to their paths.
    rest = START + 70 * OUTSIDE_HALF_LIFE_SLOTS
    assert all(abs(_path_ppb(book, pool_key_, rest)) <= 10**4 for pool_key_ in (*others, key))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 500)), max_size=40))
def test_orders_never_move_a_token_beyond_its_limit(moves: list[tuple[bool, int]]):
    push, slot = TokenPush(0, 0, START), START
    for up, later in moves:
        slot = Slot(slot + later)
        push = push.with_more(40_000_000 if up else -40_000_000, slot)
        for ahead in (0, 1, 60, 10_000):
            assert abs(push.offset_ppb(Slot(slot + ahead))) <= OFFSET_MAX_PPB
        assert push.offset_ppb(Slot(slot + 10**6)) == 0


@given(keys, st.integers(0, 10**9))
def test_a_pool_told_in_words_is_the_same_pool(key: PoolKey, slot: int):
    pool = _book().seen(key, Slot(slot))
    assert read_pools((PoolWriter().write(pool),), ()) == (pool,)


@given(keys, st.integers(1, 300))
def test_what_a_swap_left_is_loaded_as_it_was(key: PoolKey, per_mille: int):
    shape, pool = POOL_MODELS[key.program], _book().seen(key, START)
    try:
        swap = pool.swap(key.mint_a, "exact_in", shape.holdings(pool)[0] * per_mille // 1_000)
    except PoolRejected:
        return
    loaded = shape.load(first_pool(key), shape.dump(swap.end))
    assert shape.price(loaded) == shape.price(swap.end)
    assert shape.dump(loaded) == shape.dump(swap.end)
    back = swap.amount_out // 2
    theirs, ours = (state.amount_out(key.mint_b, back) for state in (swap.end, loaded))
    assert abs(theirs - ours) * 10**6 <= theirs * 5_000


@every_program
def test_a_pool_begins_as_accounts_of_its_program(program: str):
    pool = first_pool(_key(program))
    accounts = POOL_MODELS[program].program.encode(pool)
    assert any(
        account.address == pool.address and account.owner == POOL_MODELS[program].program.id
        for account in accounts
    )


@given(keys, st.booleans(), st.integers(1, 400), st.integers(0, 200))
def test_a_pushed_pool_stands_still_until_the_arbitrageur_comes(
    key: PoolKey, up: bool, per_mille: int, later: int
):
    book = _book()
    held = POOL_MODELS[key.program].holdings(book.current(key, START))
    try:
        _push(book, key, key.mint_b if up else key.mint_a, max(held[up] * per_mille // 2_000, 1))
    except PoolRejected:
        return
    book.publish()
    round_begins = (START + later) // ROUND_SLOTS * ROUND_SLOTS
    inside = range(max(round_begins, START + 1), round_begins + ROUND_SLOTS)
    if round_begins // STEP_SLOTS == START // STEP_SLOTS:
        prices = {POOL_MODELS[key.program].price(book.seen(key, Slot(slot))) for slot in inside}
        assert len(prices) == 1


looks = st.lists(
    st.tuples(st.integers(0, 45), keys, st.booleans(), st.integers(1, 30)), max_size=12
)


@given(st.sampled_from([4_990, 18_500]), looks)
def test_pools_follow_from_what_is_stored_whenever_they_were_looked_at(
    first: int, moves: list[tuple[int, PoolKey, bool, int]]
):
    book, slot = _book(), Slot(first)
    for later, key, up, per_mille in moves:
        slot = Slot(slot + later)
        for looked in {key for _, key, _, _ in moves}:
            book.seen(looked, slot)
        before = book.current(key, slot)
        mint, held = (key.mint_a, key.mint_b)[up], POOL_MODELS[key.program].holdings(before)[up]
        try:
            end = before.swap(mint, "exact_in", max(held * per_mille // 1_000, 1)).end
        except PoolRejected:
            continue
        pushed = book.push(key, before, end, slot)
        saved = POOL_MODELS[key.program].dump(end)
        book.states.stage(key, PoolState(0, 0, slot, saved, pushed))
        book.publish()
    stored = PoolStates(SEED, book.states.seen, book.pushes.seen)
    for later in (0, 1, 9, 20):
        for _, key, _, _ in moves:
            assert book.seen(key, Slot(slot + later)) == stored.seen(key, Slot(slot + later))


@every_program
def test_a_pool_that_nothing_moved_is_one_object_within_its_slot(program: str):
    book, key = _book(), _key(program)
    pools = book.pair(key.venue, key.mint_a, key.mint_b, START)
    assert book.pair(key.venue, key.mint_a, key.mint_b, START) is pools
    assert book.current(key, START) is book.seen(key, START)
    _push(book, key, SOL.mint, 10**12)
    assert book.pair(key.venue, key.mint_a, key.mint_b, START) is pools
    book.publish()
    assert book.pair(key.venue, key.mint_a, key.mint_b, START) != pools
