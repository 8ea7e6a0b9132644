"""Warns of unlisted tokens that the paper market makes up, since most of them are typing errors."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from cambist.values.ids import Address
from cambist.values.token import Pair, Token, read_symbol

CHECKED_MAX: Final = 4_096


def unlisted_token_warnings(pair: Pair, listed: Sequence[Token]) -> tuple[str, ...]:
    """Return a sentence for each token of a pair that is made up."""
    mints = {token.mint for token in listed}
    symbols = tuple(token.symbol for token in listed)
    return tuple(
        _warning(token.symbol, token.mint, symbols)
        for token in (pair.token_in, pair.token_out)
        if token.synthetic and token.mint not in mints
    )


def hint(name: str, symbols: Sequence[str]) -> str:
    """Return " Did you mean SOL?" where a name is close to a symbol, and nothing elsewhere."""
    symbol = read_symbol(name)
    near = _nearest(symbol, tuple(symbols)) if symbol is not None else None
    return "" if near is None else f" Did you mean {near}?"


@lru_cache(maxsize=CHECKED_MAX)
def _warning(symbol: str, mint: Address, symbols: tuple[str, ...]) -> str:
    if mint.upper().startswith(symbol):
        return f"{symbol} is a made-up token of the paper market: nobody lists the mint {mint}."
    near = _nearest(symbol, symbols)
    asked = "." if near is None else f"; did you mean {near}?"
    return f"{symbol} is a made-up token of the paper market{asked}"


@lru_cache(maxsize=CHECKED_MAX)
def _nearest(symbol: str, symbols: tuple[str, ...]) -> str | None:
    near = get_close_matches(symbol, symbols, n=max(len(symbols), 1))
    # The same letters in another order are likelier meant than one letter instead of another.
    swapped = [known for known in near if sorted(known) == sorted(symbol)]
    return (*swapped, *near, None)[0]
