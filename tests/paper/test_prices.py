"""Hold the price paths to their budget and to their seed."""

from hypothesis import given
from hypothesis import strategies as st

from cambist.paper.pools import PoolBook, pool_key, target_price
from cambist.paper.prices import DRIFT_MAX_PPM_PER_STEP, STEP_SLOTS, spread_ppm
from cambist.paper.shapes import SHAPES
from cambist.paper.tokens import STOCKS, token
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.token import KNOWN, SOL, USDC
from cambist.venues.pool import Pool

MINTS = st.sampled_from([one.mint for one in (*KNOWN, *STOCKS)])
STEPS = st.integers(0, 10**7)
SEEDS = st.integers(0, 2**32)


def _pool(seed: int, program: str, mints: tuple[Address, Address], slot: int) -> Pool:
    return PoolBook(seed, lambda _: None).seen(pool_key(program, *mints), Slot(slot))


@given(SEEDS, st.sampled_from(list(SHAPES)), st.sets(MINTS, min_size=2, max_size=2), STEPS)
def test_no_price_moves_more_than_a_basis_point_in_a_step(
    seed: int, program: str, mints: set[Address], step: int
):
    one, other = mints
    key = pool_key(program, one, other)
    before, after = target_price(seed, key, step), target_price(seed, key, step + 1)
    even = before.b * after.a
    assert abs(after.b * before.a - even) * 10**6 <= even * DRIFT_MAX_PPM_PER_STEP


@given(SEEDS, st.sampled_from(list(SHAPES)), STEPS, st.integers(0, STEP_SLOTS - 1))
def test_a_price_stands_still_within_its_step(seed: int, program: str, step: int, along: int):
    first = _pool(seed, program, (SOL.mint, USDC.mint), step * STEP_SLOTS)
    later = _pool(seed, program, (SOL.mint, USDC.mint), step * STEP_SLOTS + along)
    assert SHAPES[program].price(first) == SHAPES[program].price(later)


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
    for program in SHAPES:
        assert _pool(1, program, mints, 5_000) == _pool(1, program, mints, 5_000)
        assert _pool(1, program, mints, 5_000) != _pool(2, program, mints, 5_000)


@given(st.text("ABCXYZ019", min_size=1, max_size=16), st.text("ABCXYZ019", min_size=1, max_size=16))
def test_any_two_tokens_have_pools_that_trade_them(one: str, other: str):
    first, second = token(one), token(other)
    assert first is not None
    assert second is not None
    if first.mint != second.mint:
        for program, shape in SHAPES.items():
            pool = _pool(3, program, (first.mint, second.mint), 5_000)
            held_a, held_b = shape.holdings(pool)
            assert 10**6 < held_a < 2**63
            assert 10**6 < held_b < 2**63
            assert pool.amount_out(first.mint, 10**first.decimals) > 0
