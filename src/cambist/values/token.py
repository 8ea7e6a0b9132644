"""Names tokens and pairs, and lists the mints everyone knows."""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from cambist.values.ids import Address

DECIMALS_STORED_MAX: Final = 255
"""A mint keeps its decimals in one byte: no stored token can have more."""
SYMBOL: Final = re.compile(r"[A-Z0-9]{1,16}", re.ASCII)


class Token(msgspec.Struct, frozen=True, gc=False):
    """One kind of money: its symbol, its mint, and how many decimals a whole one has."""

    symbol: str
    mint: Address
    decimals: Annotated[int, msgspec.Meta(ge=0, le=DECIMALS_STORED_MAX)]
    synthetic: bool = False


class Pair(msgspec.Struct, frozen=True, gc=False):
    """The token given and the token taken."""

    token_in: Token
    token_out: Token


SOL: Final = Token("SOL", Address("So11111111111111111111111111111111111111112"), 9)
NATIVE_SOL: Final = Address("1" * 32)
"""The address of the system program, by which many clients name SOL that is not wrapped."""
USDC: Final = Token("USDC", Address("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6)
USDT: Final = Token("USDT", Address("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"), 6)
RAY: Final = Token("RAY", Address("4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"), 6)
JUP: Final = Token("JUP", Address("JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"), 6)
BONK: Final = Token("BONK", Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"), 5)
ETH: Final = Token("ETH", Address("7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs"), 8)

KNOWN: Final = (SOL, USDC, USDT, RAY, JUP, BONK, ETH)


def read_symbol(text: str) -> str | None:
    """Return the symbol in capitals, or None when no token can be called that."""
    symbol = text.upper()
    return symbol if text.isascii() and SYMBOL.fullmatch(symbol) else None
