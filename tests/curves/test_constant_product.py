"""Hold x · y = k against every trader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.curves.constant_product import (
    PPM_ONE,
    PoolTooSmall,
    amount_in,
    amount_out,
    impact_hundredths,
)

RESERVES = st.integers(1, 2**64 - 1)
AMOUNTS = st.integers(1, 2**64 - 1)
FEES = st.integers(0, 100_000)


@given(RESERVES, RESERVES, AMOUNTS, FEES)
def test_a_swap_never_takes_more_than_the_invariant_allows(x: int, y: int, given_: int, fee: int):
    swap = amount_out(x, y, given_, fee)
    assert 0 <= swap.amount_out < y
    net = given_ - swap.fee
    assert (x + net) * (y - swap.amount_out) >= x * y
    assert (x + net) * (y - swap.amount_out - 1) < x * y


@given(RESERVES, RESERVES, AMOUNTS, FEES)
def test_the_fee_is_rounded_up_against_the_trader(x: int, y: int, given_: int, fee: int):
    paid = amount_out(x, y, given_, fee).fee
    assert paid * PPM_ONE >= given_ * fee > (paid - 1) * PPM_ONE


@given(RESERVES, RESERVES, AMOUNTS, AMOUNTS, FEES)
def test_giving_more_never_pays_less(x: int, y: int, one: int, other: int, fee: int):
    low, high = sorted((one, other))
    assert amount_out(x, y, low, fee).amount_out <= amount_out(x, y, high, fee).amount_out


@given(RESERVES, RESERVES, AMOUNTS, FEES)
def test_a_round_trip_never_gains(x: int, y: int, given_: int, fee: int):
    there = amount_out(x, y, given_, fee)
    back = amount_out(y - there.amount_out, x + given_, there.amount_out, fee)
    assert back.amount_out <= given_


@given(RESERVES, RESERVES, AMOUNTS, AMOUNTS, FEES)
def test_two_swaps_never_pay_more_than_one_of_their_sum(
    x: int, y: int, first: int, second: int, fee: int
):
    one = amount_out(x, y, first, fee)
    two = amount_out(x + first, y - one.amount_out, second, fee)
    whole = amount_out(x, y, first + second, fee)
    assert one.amount_out + two.amount_out <= whole.amount_out


@given(RESERVES, st.integers(2, 2**64 - 1), FEES, st.data())
def test_what_exact_out_asks_for_buys_that_much_and_a_unit_less_does_not(
    x: int, y: int, fee: int, data: st.DataObject
):
    wanted = data.draw(st.integers(1, y - 1))
    swap = amount_in(x, y, wanted, fee)
    assert swap.amount_out == wanted
    assert amount_out(x, y, swap.amount_in, fee).amount_out >= wanted
    assert amount_out(x, y, swap.amount_in - 1, fee).amount_out < wanted


@given(RESERVES, RESERVES, FEES, st.integers(0, 2**64))
def test_a_pool_is_never_drained(x: int, y: int, fee: int, more: int):
    with pytest.raises(PoolTooSmall):
        amount_in(x, y, y + more, fee)


@given(RESERVES, RESERVES, AMOUNTS, FEES)
def test_impact_is_the_gap_between_the_swaps_price_and_the_pools(
    x: int, y: int, given_: int, fee: int
):
    swap = amount_out(x, y, given_, fee)
    net = given_ - swap.fee
    impact = impact_hundredths(x, swap)
    assert impact * (x + net) <= net * PPM_ONE < (impact + 1) * (x + net)


def test_a_swap_by_hand():
    swap = amount_out(1_000_000, 2_000_000, 10_000, 3_000)
    assert swap == (10_000, 19_743, 30)
    assert impact_hundredths(1_000_000, swap) == 9_871
