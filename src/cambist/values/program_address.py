"""Derives the addresses that programs own, as the chain does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cambist.values.base58 import decode, encode
from cambist.values.ids import Address

SEED_BYTES_MAX: Final = 32
TOKEN_PROGRAM: Final = Address("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022_PROGRAM: Final = Address("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED_TOKEN_PROGRAM: Final = Address("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
MEMO_PROGRAM: Final = Address("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")

_MARKER: Final = b"ProgramDerivedAddress"
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_REMEMBERED_MAX: Final = 16_384


@lru_cache(maxsize=_REMEMBERED_MAX)
def key_bytes(address: Address) -> bytes:
    """Return an address's 32 bytes. Raises ValueError when it has not as many."""
    data = decode(address)
    if data is None or len(data) != SEED_BYTES_MAX:
        msg = f"{address} is no address"
        raise ValueError(msg)
    return data


def program_address(seeds: Sequence[bytes], program: Address) -> tuple[Address, int]:
    """Return the address of these seeds and its bump: the greatest that lies off the curve.

    Raises ValueError for a seed of more than 32 bytes.
    """
    return _derive(tuple(seeds), program)


def associated_token(owner: Address, mint: Address, token_program: Address) -> Address:
    """Return the account in which an owner keeps a mint by default."""
    seeds = (key_bytes(owner), key_bytes(token_program), key_bytes(mint))
    return _derive(seeds, ASSOCIATED_TOKEN_PROGRAM)[0]


@lru_cache(maxsize=_REMEMBERED_MAX)
def _derive(seeds: tuple[bytes, ...], program: Address) -> tuple[Address, int]:
    if any(len(seed) > SEED_BYTES_MAX for seed in seeds):
        msg = f"a seed has at most {SEED_BYTES_MAX} bytes"
        raise ValueError(msg)
    start, end = b"".join(seeds), key_bytes(program) + _MARKER
    for bump in range(255, -1, -1):
        digest = sha256(start + bytes((bump,)) + end).digest()
        if not _is_on_curve(digest):
            return Address(encode(digest)), bump
    raise AssertionError  # one hash of two lies on the curve: 256 in a row do not


def _is_on_curve(point: bytes) -> bool:
    """Whether 32 bytes are a point of ed25519, and so may have a private key (RFC 8032, 5.1.3).

    They are where u / v is a square, and that it is where u * v is: one power instead of two.
    """
    y = (int.from_bytes(point, "little") & ((1 << 255) - 1)) % _P
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    return u == 0 or pow(u * v, (_P - 1) // 2, _P) == 1
