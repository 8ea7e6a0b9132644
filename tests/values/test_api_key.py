"""Prove that a key's text carries its id, and that its digest is of all of it."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.values.api_key import (
    DIGEST_BYTES,
    ID_BYTES,
    ID_LETTERS,
    PREFIX,
    SECRET_BYTES,
    digest,
    is_same,
    read_key_id,
    write_key,
)

IDS = st.binary(min_size=ID_BYTES, max_size=ID_BYTES)
SECRETS = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)


@given(IDS, SECRETS)
def test_every_key_that_is_written_can_be_read(id_chance: bytes, secret: bytes) -> None:
    text = write_key(id_chance, secret)
    key_id = read_key_id(text)
    assert key_id is not None
    assert len(key_id) == ID_LETTERS
    assert text.startswith(f"{PREFIX}{key_id}_")
    assert text.isascii()


@pytest.mark.parametrize("text", [
    "", "cmb_", "cmb_12345678_", "cmb_1234567_" + "a" * 40, "cmb_12345678_" + "a" * 45,
    "cmb_12345678_" + "0" * 40, "CMB_12345678_" + "a" * 40, "cmb_12345678_" + "a" * 40 + "\n",
    " cmb_12345678_" + "a" * 40, "cmb_1234567\u0661_" + "a" * 40, "x" * 100_000,
])  # fmt: skip
def test_what_is_no_key_has_no_id(text: str) -> None:
    assert read_key_id(text) is None


@pytest.mark.parametrize(("id_bytes", "secret_bytes"), [(7, 32), (9, 32), (8, 31), (8, 33), (0, 0)])
def test_a_key_of_too_little_chance_is_not_made(id_bytes: int, secret_bytes: int) -> None:
    with pytest.raises(ValueError, match="8 and 32 bytes"):
        write_key(b"\1" * id_bytes, b"\1" * secret_bytes)


@given(st.binary(min_size=1), st.text("abc_"), st.text("abc_"))
def test_a_digest_is_of_the_whole_text_and_the_pepper(pepper: bytes, one: str, two: str) -> None:
    kept = digest(pepper, one)
    assert kept == hmac.new(pepper, one.encode(), hashlib.sha256).digest()
    assert len(kept) == DIGEST_BYTES
    assert is_same(kept, digest(pepper, two)) == (one == two)
    assert not is_same(kept, digest(pepper + b"x", one))
