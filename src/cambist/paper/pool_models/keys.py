"""Derives the addresses of a paper pool's accounts from the pool's own."""

from __future__ import annotations

from hashlib import sha256

from cambist.values.base58 import encode
from cambist.values.ids import Address


def key(pool: Address, name: str) -> Address:
    """Return the address of a pool's account of this name."""
    return Address(encode(sha256(f"cambist account\n{pool}\n{name}".encode()).digest()))
