"""Hold the price paths to their budget and to their seed."""

from hypothesis import given
from hypothesis import strategies as st

from cambist.paper.pools import METEORA, RAYDIUM, PoolBook, pool_key
from cambist.paper.prices import DRIFT_MAX_PPM_PER_STEP, STEP_SLOTS, spread_ppm
from cambist.paper.tokens import STOCKS, token
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.token import KNOWN, SOL, USDC
from cambist.venues.constant_product import ConstantProductPool

MINTS = st.sampled_from([one.mint for one in (*KNOWN, *STOCKS)])
STEPS = st.integers(0, 10**7)
SEEDS = st.integers(0, 2**32)


def _pool(seed: int, venue: str, mints: tuple[Address, Address], slot: int) -> ConstantProductPool:
    return PoolBook(seed, lambda _: None).seen(pool_key(venue, *mints), Slot(slot))


@given(SEEDS, st.sampled_from([RAYDIUM, METEORA]), st.sets(MINTS, min_size=2, max_size=2), STEPS)
def test_no_price_moves_more_than_a_basis_point_in_a_step(
    seed: int, venue: str, mints: set[Address], step: int
):
    pair = tuple(mints)
    one = _pool(seed, venue, (pair[0], pair[1]), step * STEP_SLOTS)
    other = _pool(seed, venue, (pair[0], pair[1]), (step + 1) * STEP_SLOTS)
    before, after = one.reserve_b * other.reserve_a, other.reserve_b * one.reserve_a
    assert abs(after - before) * 10**6 <= before * DRIFT_MAX_PPM_PER_STEP


@given(SEEDS, STEPS, st.integers(0, STEP_SLOTS - 1))
def test_a_price_stands_still_within_its_step(seed: int, step: int, along: int):
    first = _pool(seed, RAYDIUM, (SOL.mint, USDC.mint), step * STEP_SLOTS)
    later = _pool(seed, RAYDIUM, (SOL.mint, USDC.mint), step * STEP_SLOTS + along)
    assert (first.reserve_a, first.reserve_b) == (later.reserve_a, later.reserve_b)


@given(SEEDS, STEPS)
def test_venues_are_never_more_than_five_percent_apart(seed: int, step: int):
    assert abs(spread_ppm(seed, "pair", step)) <= 50_000


def test_venues_are_two_to_five_percent_apart_about_half_of_the_time():
    wide = sum(
        abs(spread_ppm(seed, "pair", step)) >= 20_000
        for seed in range(40)
        for step in range(0, 48_000, 600)
    )
    assert 1_200 < wide < 2_000  # of 3,200


def test_the_same_seed_gives_the_same_prices_and_another_seed_others():
    mints = (SOL.mint, USDC.mint)
    assert _pool(1, RAYDIUM, mints, 5_000) == _pool(1, RAYDIUM, mints, 5_000)
    assert _pool(1, RAYDIUM, mints, 5_000) != _pool(2, RAYDIUM, mints, 5_000)


@given(st.text("ABCXYZ019", min_size=1, max_size=16), st.text("ABCXYZ019", min_size=1, max_size=16))
def test_any_two_tokens_have_a_pool_that_trades_them(one: str, other: str):
    first, second = token(one), token(other)
    assert first is not None
    assert second is not None
    if first.mint != second.mint:
        pool = _pool(3, METEORA, (first.mint, second.mint), 5_000)
        assert 10**6 < pool.reserve_a < 2**63
        assert 10**6 < pool.reserve_b < 2**63
