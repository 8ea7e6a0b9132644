"""Hold the curves that routing searches to the amounts that the pools themselves tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.sample_pools import made, many_ticks, site
from cambist.optimizer.rate_curve import RateCurve, curve
from cambist.routing import paths
from cambist.routing.paths import curve_of as kept_curve_of
from cambist.routing.paths import straight as ways_of
from cambist.routing.paths import through
from cambist.venues.pool import Pool
from cambist.venues.registry import PROGRAMS

POOLS = [made(name, site(f"curve of {name}")) for name in sorted(PROGRAMS)]
POOLS.append(many_ticks(site("curve of many ticks")))
NAMES = [*sorted(PROGRAMS), "many ticks"]
sides = st.booleans()
NEAR = 1e-7


def curve_of(pool: Pool, *, down: bool) -> tuple[RateCurve, str]:
    """Return a pool's curve in one direction, and the mint that is given."""
    mint = pool.mint_a if down else pool.mint_b
    found = curve(pool.segments(mint))
    assert found is not None
    return found, mint


@pytest.mark.parametrize("pool", POOLS, ids=NAMES)
@given(down=sides, part=st.floats(1e-6, 0.999))
def test_a_curve_tells_what_its_pool_brings(pool: Pool, down: bool, part: float):
    told, mint = curve_of(pool, down=down)
    room, _ = told.until(told.rate * 1e-12)
    amount = max(int(room * part), 10**5)
    brought = pool.amount_out(mint, amount)
    assert abs(told.paid(float(amount)) - brought) <= 2 * (1 + told.rate) + brought * NEAR
    if pool.exact_out:
        cost = pool.amount_in(mint, brought)
        assert abs(told.given(float(brought)) - cost) <= 2 * (1 + 1 / told.rate) + cost * NEAR
    assert pool.swap(mint, "exact_in", amount).impact_hundredths <= 500_000


@pytest.mark.parametrize("pool", POOLS, ids=NAMES)
@given(down=sides, one=st.floats(0.4, 1), two=st.floats(0.4, 1))
def test_less_is_taken_the_more_the_last_unit_has_to_bring(
    pool: Pool,
    down: bool,
    one: float,
    two: float,
):
    told, _ = curve_of(pool, down=down)
    low, high = sorted((one, two))
    most, least = told.until(told.rate * low), told.until(told.rate * high)
    assert most[0] >= least[0]
    assert most[1] >= least[1]


@pytest.mark.parametrize("pool", POOLS, ids=NAMES)
@given(down=sides)
def test_the_pieces_of_a_curve_end_where_it_does(pool: Pool, down: bool):
    told, _ = curve_of(pool, down=down)
    first = next(told.pieces())
    again = list(told.pieces())
    assert again[0] == first
    given, paid = told.until(told.rate * 1e-12)
    assert sum(length for _, _, length in again) == pytest.approx(given)
    assert sum(a * length / (1 + b * length) for a, b, length in again) == pytest.approx(paid)
    assert paid / given >= told.rate * 0.5


@pytest.mark.parametrize("pool", POOLS, ids=NAMES)
@given(down=sides)
def test_no_pool_pays_more_than_it_says_it_may(pool: Pool, down: bool):
    told, mint = curve_of(pool, down=down)
    given, paid = told.until(told.rate * 1e-12)
    most = pool.most_out(mint)
    assert pool.amount_out(mint, int(given)) <= most
    assert paid <= most * (1 + NEAR)


def test_a_curve_is_kept_as_long_as_its_pool_is_the_same_and_no_longer():
    first, again = (made("cpmm", site("kept")) for _ in range(2))
    assert first is not again
    known = kept_curve_of(first, first.mint_a)
    assert kept_curve_of(first, first.mint_a) is known
    assert kept_curve_of(again, again.mint_a) is not known
    assert not any(one is first for one, _ in paths._known.values())


@given(st.sampled_from(POOLS), st.sampled_from(POOLS), st.floats(1e-5, 0.9))
def test_a_way_through_a_hub_is_a_curve_too(first: Pool, second: Pool, part: float):
    near = ways_of([first], first.mint_a, "exact_in")
    far = ways_of([second], second.mint_b, "exact_in")
    for way in through((near, far), (first.mint_a, second.mint_b), "exact_in", 10**9):
        room, _ = way.curve.until(way.curve.rate * 1e-12)
        amount = max(int(room * part), 10**6)
        brought = way.path.swap_amount("exact_in", amount)
        assert (
            abs(way.curve.paid(float(amount)) - brought)
            <= 20 * (1 + way.curve.rate) + brought * NEAR * 20
        )


@pytest.mark.parametrize("pool", POOLS, ids=NAMES)
@given(later=st.integers(1, 10**6), down=sides)
def test_a_curve_that_is_kept_is_that_of_the_pool_under_its_clock(
    pool: Pool, later: int, down: bool
):
    mint = pool.mint_a if down else pool.mint_b
    kept_curve_of(pool, mint)
    time = replace(pool.time, slot=pool.time.slot + later, unix_s=pool.time.unix_s + later)
    then = pool.at(time)
    kept, fresh = kept_curve_of(then, mint), curve(then.segments(mint))
    assert kept is not None
    assert fresh is not None
    assert list(kept.pieces()) == list(fresh.pieces())


@pytest.mark.parametrize("name", ["clmm", "dlmm"])
def test_the_next_slot_does_not_build_a_curve_again(name: str):
    pool = POOLS[NAMES.index(name)]
    then = pool.at(replace(pool.time, slot=pool.time.slot + 1))
    for mint in (pool.mint_a, pool.mint_b):
        assert kept_curve_of(then, mint) is kept_curve_of(pool, mint)
