"""Writes API keys as text, reads them back, and digests them for keeping."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from cambist.values.base58 import encode

PREFIX: Final = "cmb_"
ID_LETTERS: Final = 8
ID_BYTES: Final = 8
SECRET_BYTES: Final = 32
DIGEST_BYTES: Final = 32
PEPPER_BYTES: Final = 32
_BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"
_KEY: Final = re.compile(f"{PREFIX}({_BASE58}{{{ID_LETTERS}}})_{_BASE58}{{32,44}}", re.ASCII)


def write_key(id_chance: bytes, secret: bytes) -> str:
    """Write a new key, from 8 random bytes for its id and 32 for its secret.

    Raises ValueError for any other number of bytes.
    """
    if len(id_chance) != ID_BYTES or len(secret) != SECRET_BYTES:
        msg = f"a key is made of {ID_BYTES} and {SECRET_BYTES} bytes"
        raise ValueError(msg)
    # The last letters: the first ones of a long number do not take every value.
    key_id = encode(id_chance)[-ID_LETTERS:].rjust(ID_LETTERS, "1")
    return f"{PREFIX}{key_id}_{encode(secret)}"


def read_key_id(text: str) -> str | None:
    """Return the id of a key, or None when no key can be written so."""
    found = _KEY.fullmatch(text)
    return None if found is None else found[1]


def digest(pepper: bytes, text: str) -> bytes:
    """Return what is kept of a key: HMAC-SHA-256 (RFC 2104) over its whole text.

    A secret of 256 random bits needs no slow hash: it cannot be guessed.
    """
    return hmac.digest(pepper, text.encode(), hashlib.sha256)


def is_same(one: bytes, other: bytes) -> bool:
    """Compare two digests in a time that does not tell where they differ."""
    return hmac.compare_digest(one, other)
