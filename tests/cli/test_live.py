"""Proves what the terminal shows of a price."""

from __future__ import annotations

import pytest

from cambist.cli.http import read
from cambist.cli.live import _brief


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b'{"p":144.976407712}', "144.97640"),
        (b'{"p":0.000000133282908123}', "0.00000013328290"),
        (b'{"p":5}', "5"),
        (b'{"p":1234567890.5}', "1234567890."),
        (b'{"p":null}', "-"),
    ],
)
def test_a_price_is_shown_by_the_digits_that_count(sent: bytes, shown: str) -> None:
    assert _brief(read(sent)["p"]) == shown.rstrip(".")
