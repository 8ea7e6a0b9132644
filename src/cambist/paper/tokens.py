"""Knows every token of the paper network: the real ones by name, and any other one on demand."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

from cambist.values.base58 import encode, read_address
from cambist.values.ids import Address
from cambist.values.token import KNOWN, NATIVE_SOL, SOL, USDC, USDT, Token, read_symbol

TOKENS_REMEMBERED_MAX: Final = 4_096
SYNTHETIC_DECIMALS: Final = 9
STOCK_DECIMALS: Final = 6
_SYMBOL_OF_MINT_LETTERS: Final = 6
_ALIASES: Final = {"WSOL": "SOL"}


def _mint(symbol: str) -> Address:
    return Address(encode(sha256(symbol.encode()).digest()))


STOCKS: Final = tuple(
    Token(symbol, _mint(symbol), STOCK_DECIMALS, synthetic=True)
    for symbol in ("AAPL", "TSLA", "GOOG")
)
DEC0: Final = Token("DEC0", _mint("DEC0"), 0, synthetic=True)
DEC2: Final = Token("DEC2", _mint("DEC2"), 2, synthetic=True)
"""Tokens of 0 and 2 decimals, to try by hand what whole units do to routes."""
LISTED: Final = (*KNOWN, *STOCKS, DEC0, DEC2)
HUBS: Final = (SOL, USDC, USDT)
"""What a route may go through."""
_LISTED: Final = {token.symbol: token for token in LISTED}
_BY_MINT: Final = {NATIVE_SOL: SOL, **{token.mint: token for token in _LISTED.values()}}


@lru_cache(maxsize=TOKENS_REMEMBERED_MAX)
def token(name: str) -> Token | None:
    """Return the token of a symbol (in any case) or a base58 mint; None when it is neither.

    One that nobody lists is synthetic: its mint follows from its symbol.
    """
    symbol = read_symbol(name)
    if symbol is not None:
        symbol = _ALIASES.get(symbol, symbol)
        listed = _LISTED.get(symbol)
        return listed or Token(symbol, _mint(symbol), SYNTHETIC_DECIMALS, synthetic=True)
    mint = read_address(name)
    return None if mint is None else token_of_mint(mint)


def listed_token(name: str) -> Token | None:
    """Return the token of a symbol or a mint where it is listed; None for one to be made up."""
    found = token(name)
    return found if found in LISTED else None


@lru_cache(maxsize=TOKENS_REMEMBERED_MAX)
def token_of_mint(mint: Address) -> Token:
    """Return the token of a mint; an unlisted one is called by its first letters."""
    listed = _BY_MINT.get(mint)
    if listed is not None:
        return listed
    symbol = mint[:_SYMBOL_OF_MINT_LETTERS].upper()
    return Token(symbol, mint, SYNTHETIC_DECIMALS, synthetic=True)
