"""Hold the names of tokens to one meaning each."""

import pytest
from base58 import b58decode

from cambist.paper.tokens import LISTED, listed_token, token
from cambist.values.token import KNOWN, SOL


@pytest.mark.parametrize("name", ["SOL", "sol", "WSOL", "wsol", SOL.mint, "1" * 32])
def test_wrapped_sol_is_sol_in_any_case(name: str):
    assert token(name) == SOL


@pytest.mark.parametrize("known", KNOWN)
def test_a_known_mint_is_its_token(known):
    assert token(known.mint) == token(known.symbol) == known


def test_an_unlisted_symbol_is_synthetic_with_nine_decimals_and_a_mint_of_its_own():
    one, other = token("foo"), token("BAR")
    assert one is not None
    assert other is not None
    assert (one.symbol, one.decimals, one.synthetic) == ("FOO", 9, True)
    assert len(b58decode(one.mint)) == 32
    assert one.mint != other.mint


def test_a_stock_has_six_decimals():
    stock = token("aapl")
    assert stock is not None
    assert (stock.decimals, stock.synthetic) == (6, True)


def test_an_unlisted_mint_is_a_token_with_that_mint():
    symbol = token("foo")
    assert symbol is not None
    mint = token(symbol.mint)
    assert mint is not None
    assert (mint.mint, mint.decimals, mint.synthetic) == (symbol.mint, 9, True)


@pytest.mark.parametrize("name", ["", "a b", "0OIl" * 8, "A" * 17, "é", SOL.mint + "1"])
def test_what_is_neither_symbol_nor_mint_is_no_token(name: str):
    assert token(name) is None


@pytest.mark.parametrize("listed", LISTED)
def test_a_listed_token_is_found_by_symbol_and_mint_where_none_is_made_up(listed):
    assert listed_token(listed.symbol) == listed_token(listed.mint) == listed


@pytest.mark.parametrize(
    "name", ["SOLL", "foo", "a b", "4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T"]
)
def test_where_none_is_made_up_an_unlisted_one_is_no_token(name):
    assert listed_token(name) is None
