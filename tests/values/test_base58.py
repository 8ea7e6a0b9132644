"""Prove base58 against the reference package, and that only 32 bytes are an address."""

import base58 as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.values import base58
from cambist.values.token import KNOWN

ALPHABET = set(base58.ALPHABET)


@given(st.binary(max_size=200))
def test_bytes_are_written_as_the_oracle_writes_them(data: bytes) -> None:
    assert base58.encode(data) == oracle.b58encode(data).decode()


@given(st.integers(0, 40), st.binary(max_size=40))
def test_leading_zero_bytes_survive_both_ways(zeros: int, tail: bytes) -> None:
    data = b"\0" * zeros + tail
    assert base58.decode(base58.encode(data)) == data


@given(st.text(st.sampled_from(base58.ALPHABET), max_size=100))
def test_text_is_read_as_the_oracle_reads_it(text: str) -> None:
    assert base58.decode(text) == oracle.b58decode(text)


@given(st.text(max_size=60))
def test_a_letter_outside_the_alphabet_reads_as_nothing(text: str) -> None:
    assert (base58.decode(text) is None) == (not set(text) <= ALPHABET)


@given(st.binary(min_size=32, max_size=32))
def test_any_32_bytes_are_an_address(data: bytes) -> None:
    text = base58.encode(data)
    assert base58.read_address(text) == text


@given(st.binary(max_size=64).filter(lambda data: len(data) != 32))
def test_no_other_length_is_an_address(data: bytes) -> None:
    assert base58.read_address(base58.encode(data)) is None


@pytest.mark.parametrize(
    "text", ["", "0" * 32, "O" * 43, "l" * 43, "1" * 31, "1" * 33, " " + "1" * 32, "1" * 1_000_000]
)
def test_a_hostile_address_is_refused(text: str) -> None:
    assert base58.read_address(text) is None


def test_every_known_mint_is_an_address() -> None:
    assert all(base58.read_address(token.mint) == token.mint for token in KNOWN)
