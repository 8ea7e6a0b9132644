"""Hold the curves and fees of Meteora's DAMM v2 to what they approximate, on the right side."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.curves import damm_v2_dynamic_fee, fee_schedule, single_range
from cambist.curves.damm_v2_dynamic_fee import DammV2Volatility, VolatilityRules
from cambist.curves.fee_rate_limiter import ONE, FeeRateLimiter, NoSolution

prices = st.integers(1 << 32, 1 << 96)
liquidities = st.integers(1, 1 << 120)
raws = st.integers(1, (1 << 64) - 1)


@st.composite
def limiters(draw: st.DrawFn) -> FeeRateLimiter:
    most = draw(st.integers(1, 9_900)) * 100_000
    increment = draw(st.integers(1, 9_999)) * 100_000
    return FeeRateLimiter(draw(st.integers(1, most)), increment, most, draw(st.integers(1, 10**15)))


@given(liquidities, prices, raws)
def test_a_price_moves_no_further_than_is_paid_for(liquidity: int, price: int, amount: int):
    lower = single_range.after_giving_a(liquidity, price, amount)
    assert price >= lower
    assert single_range.amount_a(liquidity, lower, price) <= amount
    higher = single_range.after_giving_b(liquidity, price, amount)
    assert higher >= price
    assert single_range.amount_b(liquidity, price, higher) <= amount


@given(liquidities, prices, raws)
def test_a_price_moves_as_far_as_what_is_taken_costs(liquidity: int, price: int, amount: int):
    lower = single_range.after_taking_b(liquidity, price, amount)
    assert single_range.amount_b_ceil(liquidity, lower, price) >= amount
    higher = single_range.after_taking_a(liquidity, price, amount)
    if higher is not None:
        assert single_range.amount_a_ceil(liquidity, price, higher) >= amount


@given(liquidities, prices, prices)
def test_rounding_up_adds_one_unit_at_most(liquidity: int, one: int, other: int):
    lower, upper = sorted((one, other))
    a = single_range.amount_a(liquidity, lower, upper)
    assert single_range.amount_a_ceil(liquidity, lower, upper) - a in {0, 1}
    b = single_range.amount_b(liquidity, lower, upper)
    assert single_range.amount_b_ceil(liquidity, lower, upper) - b in {0, 1}


@given(st.integers(1, 990_000_000), st.integers(0, 5_000), st.integers(0, 300))
def test_an_exponential_fee_is_just_under_the_power(cliff: int, bps: int, period: int):
    exact = cliff * Fraction(10_000 - bps, 10_000) ** period
    try:
        fee = fee_schedule.exponential(cliff, bps, period)
    except ValueError:
        assert exact < 1
        return
    assert exact - 2 <= fee <= exact + 1


def test_a_fee_of_which_nothing_is_left_has_no_answer():
    assert fee_schedule.linear(10, 5, 2) == 0
    for no_answer in (
        lambda: fee_schedule.linear(10, 5, 3),
        lambda: fee_schedule.exponential(10, 10_001, 1),
        lambda: fee_schedule.exponential(10, 10_000, 1),
    ):
        with pytest.raises(ValueError, match=r"fee|bps"):
            no_answer()


@given(limiters(), raws)
def test_a_limiter_is_between_its_cliff_and_its_most(limiter: FeeRateLimiter, amount: int):
    rate = limiter.of_given(amount)
    assert rate >= limiter.cliff
    # A raw unit of the fee, and one of the numerator, are rounded up.
    assert rate * amount < limiter.most * amount + ONE + amount


@given(limiters(), st.integers(0, 40), st.data())
def test_a_limiter_adds_up_its_steps(limiter: FeeRateLimiter, steps: int, data: st.DataObject):
    rest = data.draw(st.integers(0, limiter.reference - 1))
    amount = limiter.reference * (steps + 1) + rest
    whole = 0
    for step in range(steps + 2):
        part = rest if step == steps + 1 else limiter.reference
        rate = limiter.cliff + limiter.increment * step
        # Past its last whole increment the fee is the most, be it less than one more increment.
        over = step > (limiter.most - limiter.cliff) // limiter.increment
        whole += part * (limiter.most if over else rate)
    fee = -(-whole // ONE)
    assert limiter.of_given(amount) == (-(-fee * ONE // amount) if rest or steps else limiter.cliff)


@given(limiters(), st.integers(1, 2**60))
def test_what_a_limiter_asks_for_leaves_what_is_wanted(limiter: FeeRateLimiter, amount: int):
    try:
        rate = limiter.of_wanted(amount)
    except NoSolution:
        return
    given_ = -(-amount * ONE // (ONE - rate))
    left = given_ + (-given_ * limiter.of_given(given_) // ONE)
    # Through a numerator over 10^9 and back, twice; and by a step of the fee at a boundary.
    assert abs(left - amount) <= 4 + 4 * given_ // ONE + given_ * 2 // limiter.reference


@given(st.integers(1 << 32, (1 << 96) - 1), st.integers(1 << 32, (1 << 96) - 1))
def test_bins_are_counted_the_same_both_ways(one: int, other: int):
    bins = damm_v2_dynamic_fee.bins_between(one, other)
    assert bins == damm_v2_dynamic_fee.bins_between(other, one) >= 0
    assert bins % 2 == 0


def test_volatility_is_kept_for_a_while_then_fades_then_is_forgotten():
    rules = VolatilityRules(10, 120, 5_000, 1_000_000, 956)
    was, price = DammV2Volatility(1_000, 1 << 64, 400_000, 77), 1 << 64
    moved = price + price // 1_000
    kept = damm_v2_dynamic_fee.after(was, rules, (moved, moved), 1_009)
    assert kept == DammV2Volatility(1_000, 1 << 64, 77 + 2 * 10 * 10_000, 77)
    faded = damm_v2_dynamic_fee.after(was, rules, (moved, moved), 1_010)
    assert faded == DammV2Volatility(1_000, moved, 200_000, 200_000)
    forgotten = damm_v2_dynamic_fee.after(was, rules, (moved, moved), 1_120)
    assert forgotten == DammV2Volatility(1_000, moved, 0, 0)
    assert damm_v2_dynamic_fee.after(was, rules, (price, 2 * price), 1_010).now == 1_000_000
