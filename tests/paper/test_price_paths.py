"""Hold the price paths to their budget and to their seed, and all pairs to one another."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cambist.optimizer.rate_curve import curve
from cambist.paper.pool_models import POOL_MODELS, PriceRatio
from cambist.paper.pool_states import FEES_PPM, VENUES, PoolKey, PoolStates, pool_key, pool_keys
from cambist.paper.price_paths import (
    DRIFT_MAX_PPM_PER_STEP,
    SHOCK_SLOTS,
    SHOCK_WINDOW_SLOTS,
    STEP_SLOTS,
    Shock,
    shock_of,
    shock_ppm,
    shock_span,
    step_of,
)
from cambist.paper.tokens import HUBS, LISTED, token
from cambist.values.ids import Address
from cambist.values.time_units import Slot
from cambist.values.token import BONK, SOL, USDC, USDT, Token
from cambist.venues.pool import Pool

MINTS = st.sampled_from([one.mint for one in LISTED])
STEPS = st.integers(0, 10**7)
SLOTS = st.integers(0, 10**9)
SEEDS = st.integers(0, 2**32)
APART_MAX = 10 / 10_000


def _book(seed: int) -> PoolStates:
    return PoolStates(seed, lambda _: None)


def _pool(seed: int, program: str, mints: tuple[Address, Address], slot: int) -> Pool:
    return _book(seed).seen(pool_key(program, *mints), Slot(slot))


def _rest(seed: int, key: PoolKey, slot: int) -> PriceRatio:
    return _book(seed).rest_price(key, Slot(slot), lambda _: None)


def _is_quiet(seed: int, slot: int) -> bool:
    """Return whether no shock strikes a listed token at a slot, nor in the step after it."""
    return not any(
        shock_ppm(seed, VENUES, venue, one.mint, Slot(at))
        for venue in VENUES
        for one in LISTED
        for at in (slot, slot + STEP_SLOTS)
    )


def _first_rates(book: PoolStates, slot: int) -> dict[tuple[Token, Token], float]:
    """Return what the first unit brings in the best pool of each listed pair, its fee put back."""
    fee = max(FEES_PPM.values()) / 1_000_000
    found: dict[tuple[Token, Token], float] = {}
    for given_, taken in permutations(LISTED, 2):
        keys = [key for venue in VENUES for key in pool_keys(venue, given_.mint, taken.mint)]
        curves = [curve(book.seen(key, Slot(slot)).segments(given_.mint)) for key in keys]
        found[given_, taken] = max(one.rate for one in curves if one is not None) / (1 - fee)
    return found


def furthest_apart(book: PoolStates, slot: int) -> float:
    """Return by what part a listed pair and the same pair through a hub differ at most."""
    rates = _first_rates(book, slot)
    return max(
        abs(rates[pair[0], hub] * rates[hub, pair[1]] / rate - 1)
        for pair, rate in rates.items()
        for hub in HUBS
        if hub not in pair
    )


@settings(max_examples=12, deadline=None)
@given(SEEDS, st.integers(0, SHOCK_WINDOW_SLOTS - 1))
def test_at_rest_every_pair_agrees_with_every_way_through_a_hub(seed: int, slot: int):
    assert furthest_apart(_book(seed), slot) <= APART_MAX


@pytest.mark.parametrize("window", [2, 40, 3_000])
def test_between_shocks_every_pair_agrees_as_well(window: int):
    slots = range(window * SHOCK_WINDOW_SLOTS, 10**9, STEP_SLOTS)
    slot = next(slot for slot in slots if _is_quiet(3, slot))
    assert furthest_apart(_book(3), slot) <= APART_MAX


@given(SEEDS, st.sampled_from(list(POOL_MODELS)), st.sets(MINTS, min_size=2, max_size=2), STEPS)
def test_no_price_moves_more_than_a_basis_point_in_a_step_but_by_a_shock(
    seed: int, program: str, mints: set[Address], step: int
):
    one, other = mints
    key, slot = pool_key(program, one, other), step * STEP_SLOTS
    before, after = _rest(seed, key, slot), _rest(seed, key, slot + STEP_SLOTS)
    even = before.b * after.a
    if _is_quiet(seed, slot):
        assert abs(after.b * before.a - even) * 10**6 <= even * DRIFT_MAX_PPM_PER_STEP


@given(
    SEEDS, st.sampled_from(list(POOL_MODELS)), st.integers(0, 59), st.integers(0, STEP_SLOTS - 1)
)
def test_a_price_stands_still_within_its_step(seed: int, program: str, step: int, along: int):
    first = _pool(seed, program, (SOL.mint, USDC.mint), step * STEP_SLOTS)
    later = _pool(seed, program, (SOL.mint, USDC.mint), step * STEP_SLOTS + along)
    assert POOL_MODELS[program].price(first) == POOL_MODELS[program].price(later)


@given(SEEDS, MINTS, SLOTS)
def test_the_price_of_a_token_is_never_more_than_five_percent_off(
    seed: int, mint: Address, slot: int
):
    off = [shock_ppm(seed, VENUES, venue, mint, Slot(slot)) for venue in VENUES]
    assert all(abs(offset) <= 50_000 for offset in off)
    assert 0 in off, "a shock strikes one venue alone"


def _shock(seed: int, mint: Address, window: int) -> Shock:
    shock = shock_of(seed, VENUES, mint, window)
    assert shock is not None
    return shock


@given(SEEDS, st.integers(1, 10**5))
def test_a_shock_moves_all_pools_of_a_venue_by_two_to_five_percent_and_fades(
    seed: int, window: int
):
    shock = _shock(seed, BONK.mint, window)
    assert step_of(Slot(shock.slot)) * STEP_SLOTS // SHOCK_WINDOW_SLOTS == window
    off = [
        shock_ppm(seed, VENUES, shock.venue, BONK.mint, Slot(shock.slot + later))
        for later in (-1, 0, 200, SHOCK_SLOTS - 1, SHOCK_SLOTS)
    ]
    assert off[0] == off[-1] == 0
    assert 20_000 <= abs(off[1]) <= 50_000
    assert abs(abs(off[2]) * 2 - abs(off[1])) <= 2
    assert abs(off[3]) <= 50
    struck = {
        key.venue: abs(_off_ppm(seed, key, shock.slot))
        for venue in VENUES
        for key in pool_keys(venue, BONK.mint, USDT.mint)
    }
    assert struck[shock.venue] >= 19_000
    assert min(struck.values()) <= 200


def _off_ppm(seed: int, key: PoolKey, slot: int) -> int:
    """Return how much a pool's price changed in the slot's beginning."""
    before, after = _rest(seed, key, slot - 1), _rest(seed, key, slot)
    even = before.b * after.a
    return (after.b * before.a - even) * 10**6 // even


def test_no_shock_strikes_a_new_market_nor_the_dollars():
    for slot in range(0, SHOCK_WINDOW_SLOTS, STEP_SLOTS):
        for one in LISTED:
            assert not any(shock_ppm(7, VENUES, venue, one.mint, Slot(slot)) for venue in VENUES)
    for window in range(1, 50):
        assert shock_of(7, VENUES, USDC.mint, window) is None
        assert shock_of(7, VENUES, USDT.mint, window) is None


def test_the_same_seed_gives_the_same_prices_and_another_seed_others():
    mints = (SOL.mint, USDC.mint)
    for program in POOL_MODELS:
        assert _pool(1, program, mints, 5_000) == _pool(1, program, mints, 5_000)
        assert _pool(1, program, mints, 5_000) != _pool(2, program, mints, 5_000)


@given(st.text("ABCXYZ019", min_size=1, max_size=16), st.text("ABCXYZ019", min_size=1, max_size=16))
def test_any_two_tokens_have_pools_that_trade_them(text: str, other: str):
    first, second = token(text), token(other)
    assert first is not None
    assert second is not None
    if first.mint != second.mint:
        for program, shape in POOL_MODELS.items():
            pool = _pool(3, program, (first.mint, second.mint), 5_000)
            held_a, held_b = shape.holdings(pool)
            assert 10**6 < held_a < 2**63
            assert 10**6 < held_b < 2**63
            assert pool.amount_out(first.mint, 10**first.decimals) > 0


@pytest.mark.parametrize(("given", "taken"), [*permutations((SOL, USDC, *LISTED[-2:]), 2)])
def test_tokens_of_no_and_two_decimals_trade_in_every_pool(given: Token, taken: Token):
    book = _book(3)
    for venue in VENUES:
        for key in pool_keys(venue, given.mint, taken.mint):
            pool = book.seen(key, Slot(5_000))
            assert pool.amount_out(given.mint, 200 * 10**given.decimals) > 0


@given(SEEDS, MINTS, st.sampled_from(VENUES), st.integers(0, 5 * SHOCK_WINDOW_SLOTS))
def test_a_shock_leaves_the_price_alone_within_its_span(
    seed: int, mint: Address, venue: str, drawn: int
):
    shock = shock_of(seed, VENUES, mint, drawn // SHOCK_WINDOW_SLOTS)
    edges = () if shock is None else (shock.slot, shock.slot + SHOCK_SLOTS)
    for slot in (drawn, *(edge + off for edge in edges for off in (-1, 0, 1))):
        since, until = shock_span(seed, VENUES, venue, mint, Slot(slot))
        assert since <= slot < until
        same = {
            shock_ppm(seed, VENUES, venue, mint, Slot(at))
            for at in (since, slot, (since + until) // 2, until - 1)
        }
        assert len(same) == 1
