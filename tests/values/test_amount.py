"""Prove that amounts are read, written and divided exactly, and that nothing else is read."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.values.amount import (
    RAW_MAX,
    OutOfRange,
    RawAmount,
    TooManyDigits,
    check_raw,
    mul_div_ceil,
    mul_div_floor,
    parse_amount,
    proportions,
    write_amount,
    write_percent,
)
from tests.strategies import decimals, some_raws

BAD_FORMS = [
    "", " ", ".", ".5", "5.", "1.2.3", "+1", "-1", "-0", "01", "00", "1e5", "1E5", "5e-7", "0x10",
    "0b1", "1_000", "1,000", "1 ", " 1", "1\n", "\n1", "1\x00", "1 000", "nan", "NaN", "inf",
    "Infinity", "-Infinity", "\u0661\u0662\u0663", "\uff11\uff12", "1.\u0662", "\u00b2",
    "\u00bd", "1\u066b5", "1..5", "--1", "None", "true",
    "'1'", "9" * 21, "1." + "0" * 19, "0." + "1" * 40,
]  # fmt: skip


@given(some_raws, decimals)
def test_what_is_written_is_read_back_exactly(raw: RawAmount, places: int) -> None:
    assert parse_amount(write_amount(raw, places), places) == raw


@given(some_raws, decimals)
def test_the_text_is_the_exact_quotient(raw: RawAmount, places: int) -> None:
    assert Fraction(Decimal(write_amount(raw, places))) == Fraction(raw, 10**places)


@given(st.integers(), decimals)
def test_a_written_amount_has_no_trailing_zeros_and_keeps_its_sign(raw: int, places: int) -> None:
    text = write_amount(raw, places)
    assert Fraction(text) == Fraction(raw, 10**places)
    assert "." not in text or text[-1] not in "0."


@given(some_raws, st.integers(0, 17), st.integers(1, 18))
def test_trailing_zeros_lose_nothing(raw: RawAmount, places: int, more: int) -> None:
    text = write_amount(raw, places)
    padded = (text if "." in text else text + ".") + "0" * more
    if len(padded.partition(".")[2]) <= 18:
        assert parse_amount(padded, places) == raw


@pytest.mark.parametrize("text", BAD_FORMS)
@pytest.mark.parametrize("places", [0, 6, 18])
def test_a_hostile_text_is_refused(text: str, places: int) -> None:
    with pytest.raises(ValueError, match="digits with at most one point"):
        parse_amount(text, places)


@given(st.text(max_size=50), decimals)
def test_any_text_is_read_exactly_or_refused(text: str, places: int) -> None:
    try:
        raw = parse_amount(text, places)
    except ValueError:
        return
    assert text.isascii()
    assert set(text) <= set("0123456789.")
    assert Fraction(raw, 10**places) == Fraction(text)


@pytest.mark.parametrize("text", ["9" * 1_000_000, "0" * 1_000_000, "1." + "0" * 1_000_000])
def test_a_million_digits_are_refused_before_they_are_counted(text: str) -> None:
    # Past 4,300 digits Python's own `int` would raise; we must not get that far.
    with pytest.raises(ValueError, match="digits with at most one point"):
        parse_amount(text, 9)


@given(st.integers(0, 17), st.integers(1, 10**18 - 1))
def test_a_digit_too_many_is_told_apart(places: int, tail: int) -> None:
    text = f"1.{tail:018d}"
    if tail % 10 ** (18 - places):
        with pytest.raises(TooManyDigits):
            parse_amount(text, places)
    else:
        assert parse_amount(text, places) == 10**places + tail // 10 ** (18 - places)


@pytest.mark.parametrize("text", ["0", "0.0", "0.000000", "18446744073709.551616", "9" * 20])
def test_zero_and_what_the_chain_cannot_hold_are_out_of_range(text: str) -> None:
    with pytest.raises(OutOfRange):
        parse_amount(text, 6)


def test_the_greatest_and_the_least_amount_are_in_range() -> None:
    assert parse_amount("18446744073709.551615", 6) == RAW_MAX
    assert parse_amount("0.000001", 6) == 1
    assert check_raw(RAW_MAX) == RAW_MAX


@pytest.mark.parametrize("raw", [-1, 0, RAW_MAX + 1])
def test_a_raw_amount_is_checked(raw: int) -> None:
    with pytest.raises(OutOfRange):
        check_raw(raw)


@given(st.integers(), st.integers(), st.integers(1))
def test_division_rounds_the_way_it_is_named(a: int, b: int, divisor: int) -> None:
    exact = Fraction(a) * b / divisor
    assert mul_div_floor(a, b, divisor) == math.floor(exact)
    assert mul_div_ceil(a, b, divisor) == math.ceil(exact)


@given(st.integers(0, 10**9))
def test_a_percent_is_a_hundredth_of_a_basis_point_in_ten_thousands(hundredths: int) -> None:
    assert Fraction(write_percent(hundredths)) == Fraction(hundredths, 10_000)
    assert write_percent(5_000) == "0.5"


@given(st.lists(st.integers(0, 2**64), min_size=1, max_size=6), st.integers(1, 10_000))
def test_proportions_add_up_to_the_whole_and_none_is_off_by_a_unit(
    parts: list[int], whole: int
) -> None:
    shares = proportions(parts, whole)
    total = sum(parts)
    assert sum(shares) == (whole if total else 0)
    assert all(
        abs(share * total - part * whole) < total
        for share, part in zip(shares, parts, strict=True)
        if total
    )


def test_three_thirds_are_a_whole() -> None:
    assert sorted(proportions([1, 1, 1], 1_000)) == [333, 333, 334]
    assert proportions([0, 0], 1_000) == [0, 0]
