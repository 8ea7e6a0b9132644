"""Proves what the terminal shows of amounts and prices."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cambist.cli.formatting import format_amount, format_price


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        ("144.976407712", "144.97640"),
        ("0.000000133282908123", "0.00000013328290"),
        ("1.33282908123E-7", "0.00000013328290"),
        ("5", "5"),
        ("1234567890.5", "1234567890"),
    ],
)
def test_a_price_is_shown_by_the_digits_that_count(price: str, shown: str) -> None:
    assert format_price(Decimal(price)) == shown


def test_an_amount_is_never_an_exponent() -> None:
    assert format_amount(Decimal("1E-9")) == "0.000000001"
    assert format_amount(Decimal("9E+5")) == "900000"
    assert (format_amount(None), format_amount(None, "?"), format_price(None)) == ("-", "?", "-")
