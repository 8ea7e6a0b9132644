"""Hold derived addresses to the official implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address

from cambist.values.ids import Address
from cambist.values.program_address import (
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token,
    key_bytes,
    program_address,
)
from cambist.values.token import SOL, USDC

keys = st.binary(min_size=32, max_size=32).map(Pubkey)


@given(st.lists(st.binary(max_size=32), max_size=4), keys)
def test_an_address_and_its_bump_are_those_of_the_chain(seeds: list[bytes], program: Pubkey):
    theirs, bump = Pubkey.find_program_address(seeds, program)
    assert program_address(seeds, Address(str(program))) == (str(theirs), bump)


@given(keys, keys, st.sampled_from([TOKEN_PROGRAM, TOKEN_2022_PROGRAM]))
def test_an_associated_account_is_that_of_the_chain(owner: Pubkey, mint: Pubkey, program: Address):
    theirs = get_associated_token_address(owner, mint, Pubkey.from_string(program))
    assert associated_token(Address(str(owner)), Address(str(mint)), program) == str(theirs)


def test_a_seed_of_more_than_32_bytes_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        program_address([bytes(33)], SOL.mint)


@pytest.mark.parametrize("text", ["", "1", "not an address", USDC.mint + "1"])
def test_what_is_no_key_has_no_bytes(text: str):
    with pytest.raises(ValueError, match="no address"):
        key_bytes(Address(text))
