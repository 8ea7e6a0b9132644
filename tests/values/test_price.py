"""Prove that a price is the exact ratio, cut to twelve digits and never rounded up."""

import re
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cambist.values.price import Price, price_of
from tests.strategies import decimals, some_raws

PLAIN = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", re.ASCII)
PLACES_MAX = 30

parts = st.integers(1, 2**64 * 10**18)


def significant(text: str) -> int:
    """Count the digits from the first that is not zero."""
    return len(text.replace(".", "").lstrip("0"))


@given(parts, parts)
@example(2, 15)
@example(1, 15)
@example(10**12, 1)
@example(10**13 + 1, 3)
def test_a_price_is_the_ratio_cut_after_twelve_digits(numerator: int, denominator: int) -> None:
    text = Price(numerator, denominator).text()
    exact, told = Fraction(numerator, denominator), Fraction(text)
    assert PLAIN.fullmatch(text), "never an exponent, never a trailing zero"
    assert told <= exact, "rounded down"
    if "." in text:
        assert significant(text) <= 12
    if exact >= Fraction(1, 10**18):
        assert (exact - told) * 10**11 < exact, "twelve digits are kept"
    assert exact - told < 1


@given(st.integers(1, 10**12), st.integers(10**30, 10**40))
def test_a_tiny_price_is_cut_after_thirty_places(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    told = Fraction(Price(numerator, denominator).text())
    assert 0 <= exact - told < Fraction(1, 10**PLACES_MAX)


@pytest.mark.parametrize(
    ("numerator", "denominator", "text"),
    [
        (0, 7, "0"),
        (1, 3, "0.333333333333"),
        (2, 3, "0.666666666666"),
        (2, 15, "0.133333333333"),
        (1, 1, "1"),
        (10, 4, "2.5"),
        (10**12 - 1, 10, "99999999999.9"),
        (123_456_789_012_345, 10, "12345678901234"),
        (5, 10**7, "0.0000005"),
    ],
)
def test_known_prices_read_as_people_write_them(
    numerator: int, denominator: int, text: str
) -> None:
    assert Price(numerator, denominator).text() == text


@given(some_raws, decimals, some_raws, decimals)
def test_a_price_is_what_is_got_for_one_whole_token_paid(
    paid: int, paid_decimals: int, got: int, got_decimals: int
) -> None:
    price = price_of(paid, paid_decimals, got, got_decimals)
    assert price is not None
    exact = Fraction(got, 10**got_decimals) / Fraction(paid, 10**paid_decimals)
    assert Fraction(price.numerator, price.denominator) == exact
    back = price.inverse()
    assert Fraction(back.numerator, back.denominator) == 1 / exact


def test_nothing_paid_has_no_price() -> None:
    assert price_of(0, 9, 5, 6) is None
