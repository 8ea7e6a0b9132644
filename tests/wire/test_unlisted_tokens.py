"""Hold the warning of made-up tokens to those nobody lists, and to the symbol that was meant."""

from __future__ import annotations

import pytest

from cambist.paper.tokens import LISTED, token
from cambist.values.token import SOL, Pair
from cambist.wire.unlisted_token_warnings import hint, unlisted_token_warnings

SYMBOLS = [one.symbol for one in LISTED]


def warned(name: str) -> tuple[str, ...]:
    found = token(name)
    assert found is not None
    return unlisted_token_warnings(Pair(found, SOL), LISTED)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("SOLL", "SOL"), ("slo", "SOL"), ("USCD", "USDC"), ("BONKK", "BONK"), ("AAPLE", "AAPL")],
)
def test_a_mistyped_token_is_warned_of_with_the_one_that_was_meant(name: str, meant: str) -> None:
    (warning,) = warned(name)
    symbol = name.upper()
    told = f"{symbol} is a made-up token of the paper market; did you mean {meant}?"
    assert warning == told
    assert hint(name, SYMBOLS) == f" Did you mean {meant}?"


def test_a_token_like_no_other_is_warned_of_without_a_guess() -> None:
    assert warned("ZQX9") == ("ZQX9 is a made-up token of the paper market.",)
    assert hint("ZQX9", SYMBOLS) == ""


def test_a_mint_that_nobody_lists_is_warned_of_as_such() -> None:
    mint = "4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T"
    (warning,) = warned(mint)
    assert mint in warning
    assert "did you mean" not in warning
    assert hint(mint, SYMBOLS) == ""


@pytest.mark.parametrize("listed", SYMBOLS)
def test_a_listed_token_is_no_reason_to_warn(listed: str) -> None:
    assert warned(listed) == ()


def test_both_tokens_of_a_pair_are_looked_at() -> None:
    given, taken = token("SOLL"), token("USDCC")
    assert given is not None
    assert taken is not None
    assert len(unlisted_token_warnings(Pair(given, taken), LISTED)) == 2
