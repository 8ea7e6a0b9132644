"""Hold the summed walk to the plain one: the program's own loop, step by step."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.curves.tick_walk import TickWalk, impact_hundredths
from cambist.curves.tick_walk_state import (
    PPM_ONE,
    FeeRates,
    InconsistentTicks,
    InsufficientLiquidity,
    Ticks,
    TickState,
)
from cambist.curves.ticks import SQRT_MAX, SQRT_MIN, sqrt_at_tick, tick_at_sqrt
from cambist.values.amount import mul_div_ceil

Found = tuple[int, int, TickState]


class Case(NamedTuple):
    """A pool, a fee, and which way and how to ask."""

    ticks: Ticks
    tick_state: TickState
    fee: int
    down: bool
    mode: str


def walked(case: Case, amount: int) -> Found:
    """Swap as the program's source reads, one step after another, all arithmetic spelt out."""
    ticks, down = case.ticks, case.down
    limit = SQRT_MIN + 1 if down else SQRT_MAX - 1
    price, tick, liquidity = case.tick_state
    rest, other = amount, 0
    while rest and price != limit:
        ahead = [n for n in ticks.numbers if (n <= tick if down else n > tick)]
        if not ahead:
            raise InsufficientLiquidity
        number = ahead[-1] if down else ahead[0]
        at_tick = sqrt_at_tick(number)
        target = max(at_tick, limit) if down else min(at_tick, limit)
        after, given, paid, kept = step(case, price, target, liquidity, rest)
        rest -= given + kept if case.mode == "exact_in" else paid
        other += paid if case.mode == "exact_in" else given + kept
        if after == at_tick:
            net = ticks.nets[ticks.numbers.index(number)]
            liquidity += -net if down else net
            tick = number - 1 if down else number
        elif after != price:
            tick = tick_at_sqrt(after)
        price = after
    return amount - rest, other, TickState(price, tick, liquidity)


def step(case: Case, price: int, target: int, liquidity: int, rest: int):
    """Return the next price, and what is given, paid and kept as a fee on the way to it."""
    down, fee = case.down, case.fee
    into, out = deltas(price, target, liquidity, down)
    net = rest * (PPM_ONE - fee) // PPM_ONE
    if case.mode == "exact_in":
        after = target if net >= into else moved(price, liquidity, net, down, give=True)
    else:
        after = target if rest >= out else moved(price, liquidity, rest, down, give=False)
    into, out = deltas(price, after, liquidity, down)
    if case.mode == "exact_out":
        out = min(out, rest)
    elif after != target:
        return after, into, out, rest - into
    return after, into, out, mul_div_ceil(into, fee, PPM_ONE - fee)


def deltas(price, after, liquidity, down):
    """Return token in, rounded up, and token out, rounded down, twice where the program does."""
    low, high = sorted((price, after))
    one = liquidity * (high - low)
    up0, floor0 = mul_div_ceil(mul_div_ceil(one, 1 << 64, high), 1, low), (one << 64) // high // low
    return (up0, one >> 64) if down else (-(-one >> 64), floor0)


def moved(price, liquidity, amount, down, *, give):
    """Return the price after so much of token 0 (down with a gift, up without) or of token 1."""
    whole = liquidity << 64
    if down == give:
        by = amount * price if give else -amount * price
        return -(-whole * price // (whole + by))
    if give:
        return price + (amount << 64) // liquidity
    return price - -(-(amount << 64) // liquidity)


@st.composite
def pools(draw: st.DrawFn) -> tuple[Ticks, TickState]:
    """A few positions, and a price among or beside them."""
    middle = draw(st.sampled_from([-200_000, -18_000, 0, 7, 60_000, 300_000]))
    spans = draw(
        st.lists(
            st.tuples(st.integers(-400, 400), st.integers(1, 300), st.integers(1, 2**70)),
            min_size=1,
            max_size=5,
        )
    )
    nets: dict[int, int] = {}
    for low, size, liquidity in spans:
        for end, net in ((low, liquidity), (low + size, -liquidity)):
            nets[middle + end] = nets.get(middle + end, 0) + net
    numbers = tuple(sorted(nets))
    ticks = Ticks(numbers, tuple(map(sqrt_at_tick, numbers)), tuple(nets[n] for n in numbers))
    tick = middle + draw(st.integers(-450, 750))
    low, high = sqrt_at_tick(tick), sqrt_at_tick(tick + 1)
    price = draw(st.one_of(st.just(low), st.integers(low, high - 1)))
    return ticks, TickState(price, tick, sum(net for n, net in nets.items() if n <= tick))


amounts = st.one_of(st.integers(1, 1_000), st.integers(1, 2**64 - 1))
fees = st.sampled_from([0, 1, 100, 2_500, 100_000, 999_999])
modes = st.sampled_from(["exact_in", "exact_out"])


@given(pools(), fees, st.booleans(), modes, st.lists(amounts, min_size=1, max_size=4))
def test_the_summed_walk_is_the_plain_one(pool, fee, down, mode, several):
    ticks, tick_state = pool
    limit = SQRT_MIN + 1 if down else SQRT_MAX - 1
    walk = TickWalk(ticks, tick_state, FeeRates(fee, 120_000, 40_000), limit, down=down)
    for amount in several:  # one walk answers all: what it remembers must not matter
        bare = walk.amount_out if mode == "exact_in" else walk.amount_in
        path = walk.path_in if mode == "exact_in" else walk.path_out
        try:
            done, other, end = walked(Case(ticks, tick_state, fee, down, mode), amount)
        except InsufficientLiquidity:
            with pytest.raises((InsufficientLiquidity, InconsistentTicks)):
                bare(amount)
            continue
        try:
            found = path(amount)
        except InconsistentTicks:
            assert other >= 2**63 or amount >= 2**63
            continue
        assert found.whole == (done == amount)
        sides = (done, other) if mode == "exact_in" else (other, done)
        assert (found.given, found.paid, found.tick_state) == (*sides, end)
        assert 0 <= found.kept <= found.fee <= found.given
        if found.whole:
            assert bare(amount) == other


@given(pools(), fees, st.booleans(), amounts)
def test_the_tables_rise_and_end_on_the_ticks(pool, fee, down, amount):
    ticks, tick_state = pool
    walk = TickWalk(
        ticks, tick_state, FeeRates(fee, 0, 0), SQRT_MIN + 1 if down else SQRT_MAX - 1, down=down
    )
    with suppress(InsufficientLiquidity, InconsistentTicks):
        walk.amount_out(amount)
    assert all(a <= b for a, b in pairwise(walk.given))
    assert all(a <= b for a, b in pairwise(walk.paid))
    assert set(walk.prices[1:]) <= set(ticks.prices)
    assert min(walk.liquidities) >= 0


@given(pools(), st.booleans())
def test_walks_are_equal_by_where_they_begin_and_not_by_how_far_they_were_asked(pool, down):
    ticks, tick_state = pool
    ends = SQRT_MIN + 1 if down else SQRT_MAX - 1
    one, two = (TickWalk(ticks, tick_state, FeeRates(100, 0, 0), ends, down=down) for _ in range(2))
    with suppress(InsufficientLiquidity, InconsistentTicks):
        one.amount_out(10**9)
    assert one == two
    assert hash(one) == hash(two)
    assert one != TickWalk(ticks, tick_state, FeeRates(101, 0, 0), ends, down=down)
    assert one != tick_state


def test_impact_is_counted_against_the_price_before():
    price = sqrt_at_tick(0)
    assert impact_hundredths(price, 1_000_000, 990_000, down=True) == 10_000
    assert impact_hundredths(price, 1_000_000, 990_000, down=False) == 10_000
    assert impact_hundredths(price, 10, 11, down=True) == 0
    assert impact_hundredths(price, 0, 0, down=False) == 0
