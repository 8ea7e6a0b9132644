"""Hold the arithmetic of bins to exact fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.curves.bins import (
    FEE_MAX,
    FEE_ONE,
    ONE,
    BinFee,
    DoesNotFit,
    fee_upon,
    fee_within,
    fill,
    input_for,
    output_for,
    price_at,
)
from cambist.values.amount import RAW_MAX

steps = st.sampled_from([1, 2, 5, 10, 20, 25, 80, 100, 400])
amounts = st.integers(1, 10**12)
prices = st.integers(1 << 40, 1 << 88)
rates = st.integers(0, FEE_MAX)
sides = st.booleans()


@given(steps, st.integers(-700, 700))
def test_a_price_is_the_power_it_stands_for(step: int, bin_id: int):
    exact = Fraction(10_000 + step, 10_000) ** bin_id
    off = abs(Fraction(price_at(bin_id, step), ONE) / exact - 1)
    # Each square is rounded in the 64th place: small prices keep fewer places.
    inverse = max(exact, 1 / exact)
    assert off < 2_000 * inverse / ONE


@given(steps, st.integers(-700, 699))
def test_prices_grow_from_bin_to_bin(step: int, bin_id: int):
    assert price_at(bin_id, step) < price_at(bin_id + 1, step)


def test_a_price_that_does_not_exist_is_zero():
    assert price_at(0, 10) == ONE
    assert price_at(1 << 19, 1) == price_at(-(1 << 19), 1) == 0
    assert price_at(-40_000, 100) == 0


@given(amounts, prices, sides)
def test_what_is_paid_for_never_costs_less_than_its_worth(taken: int, price: int, down: bool):
    cost = input_for(taken, price, down=down)
    assert output_for(cost, price, down=down) >= taken
    assert output_for(cost - 1, price, down=down) < taken


@given(amounts, rates)
def test_both_ways_to_count_a_fee_agree(net: int, rate: int):
    gross = net + fee_upon(net, rate)
    assert gross - fee_within(gross, rate) == net
    assert gross * (FEE_ONE - rate) >= net * FEE_ONE


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=3), prices, amounts, sides)
def test_layers_are_emptied_one_after_another(layers: list[int], price: int, net: int, down: bool):
    try:
        filled = fill(layers, price, net, down=down)
    except DoesNotFit:
        assert max(input_for(held, price, down=down) for held in layers) > RAW_MAX
        return
    assert sum(filled.given) + filled.left == net
    for held, paid in zip(layers, filled.paid, strict=True):
        assert 0 <= paid <= held
    for n, paid in enumerate(filled.paid):
        if paid < layers[n]:
            assert not any(filled.paid[n + 1 :])
    if filled.left:
        assert filled.paid == tuple(layers)


def test_volatility_moves_the_fee_up_to_its_bounds():
    fee = BinFee(1_000_000, 40_000 * 100, 0, 350_000, 5, True)
    assert [fee.rate_at(5 + away) for away in (0, 1, -2)] == [1_000_000, 1_004_000, 1_016_000]
    assert fee.volatility_at(10**6) == 350_000
    assert fee._replace(base=2 * FEE_MAX).rate_at(5) == FEE_MAX


def test_a_layer_that_costs_too_much_is_refused_even_in_part():
    with pytest.raises(DoesNotFit):
        fill([RAW_MAX], ONE - 1, 5, down=True)
    assert fill([5, RAW_MAX], ONE, 5, down=True).paid == (5, 0)
