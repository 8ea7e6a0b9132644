"""Hold ticks to their prices: exact at the ends, inverse in between, and monotone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.curves.ticks import (
    SQRT_MAX,
    SQRT_MIN,
    TICK_MAX,
    TICK_MIN,
    sqrt_at_tick,
    tick_at_sqrt,
)


def test_the_ends_are_those_of_the_program():
    assert sqrt_at_tick(TICK_MIN) == SQRT_MIN
    assert sqrt_at_tick(TICK_MAX) == SQRT_MAX
    assert sqrt_at_tick(0) == 1 << 64
    assert tick_at_sqrt(SQRT_MIN) == TICK_MIN
    assert tick_at_sqrt(SQRT_MAX - 1) == TICK_MAX - 1


@given(st.integers(TICK_MIN, TICK_MAX - 1))
def test_a_tick_holds_the_prices_from_its_own_to_the_next(tick: int):
    price, after = sqrt_at_tick(tick), sqrt_at_tick(tick + 1)
    assert price < after
    assert tick_at_sqrt(price) == tick
    assert tick_at_sqrt(after - 1) == tick


@given(st.integers(SQRT_MIN, SQRT_MAX - 1))
def test_every_price_lies_in_its_tick(price: int):
    tick = tick_at_sqrt(price)
    assert sqrt_at_tick(tick) <= price < sqrt_at_tick(tick + 1)


@given(st.integers(TICK_MIN, TICK_MAX))
def test_a_step_is_a_ten_thousandth(tick: int):
    # (1.0001 ** tick) = price ** 2 / 2**128, to the eight digits that the constants bear out.
    price = sqrt_at_tick(tick)
    back = sqrt_at_tick(-tick)
    assert abs(price * back - (1 << 128)) <= (1 << 128) >> 24


@pytest.mark.parametrize("tick", [TICK_MIN - 1, TICK_MAX + 1])
def test_ticks_out_of_bounds_are_refused(tick: int):
    with pytest.raises(ValueError, match="out of bounds"):
        sqrt_at_tick(tick)


@pytest.mark.parametrize("price", [0, SQRT_MIN - 1, SQRT_MAX])
def test_prices_out_of_bounds_are_refused(price: int):
    with pytest.raises(ValueError, match="out of bounds"):
        tick_at_sqrt(price)
