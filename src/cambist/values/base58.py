"""Writes bytes as base58 and reads them back, in the Bitcoin alphabet that Solana uses."""

from __future__ import annotations

from typing import Final

from cambist.values.ids import Address

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
ADDRESS_BYTES: Final = 32
_ADDRESS_TEXT_MAX: Final = 44
_DIGIT: Final = {letter: value for value, letter in enumerate(ALPHABET)}
_PAIR: Final = 58**2
_CHUNK_PAIRS: Final = 5
_CHUNK: Final = _PAIR**_CHUNK_PAIRS
_PAIRS: Final = [high + low for high in ALPHABET for low in ALPHABET]


def encode(data: bytes) -> str:
    """Write bytes as base58; each leading zero byte becomes a `1`."""
    number = int.from_bytes(data, "big")
    pairs: list[str] = []
    while number:
        # One division of the long number for ten digits; the short rest is cheap to split.
        number, chunk = divmod(number, _CHUNK)
        for _ in range(_CHUNK_PAIRS):
            chunk, pair = divmod(chunk, _PAIR)
            pairs.append(_PAIRS[pair])
    zeros = len(data) - len(data.lstrip(b"\0"))
    pairs.reverse()
    return "1" * zeros + "".join(pairs).lstrip("1")


def decode(text: str) -> bytes | None:
    """Read base58 text; None when a character is not of the alphabet."""
    number = 0
    for letter in text:
        digit = _DIGIT.get(letter)
        if digit is None:
            return None
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def read_address(text: str) -> Address | None:
    """Return the text as an address, or None unless it is base58 of exactly 32 bytes."""
    if len(text) > _ADDRESS_TEXT_MAX:
        return None
    data = decode(text)
    return Address(text) if data is not None and len(data) == ADDRESS_BYTES else None
