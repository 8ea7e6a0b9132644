"""Hold every fuzz target to some bytes in every run, and to those that once escaped."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cambist.venues.logs import ProgramLogLine
from cambist.venues.registry import PROGRAMS
from tests.fuzz.decoders import TARGETS, target

TRIES: Final = 100_000
"""Of each program, in the proofs."""

once: Callable[[str], Callable[[bytes], None]] = cache(target)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60)
@given(raw=st.binary(min_size=16, max_size=120))
def test_nothing_but_a_refusal_comes_of_changed_accounts_logs_and_calls(name: str, raw: bytes):
    once(name)(raw)


@pytest.mark.proofs
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", TARGETS)
def test_so_many_changed_accounts_and_amounts_bring_nothing_but_refusals(name: str):
    dice = random.Random(f"accounts of {name}")
    for _ in range(TRIES):
        once(name)(dice.randbytes(dice.randint(12, 60)))


@pytest.mark.parametrize("name", ["cpmm", "clmm"])
def test_an_event_that_was_cut_short_tells_of_no_swap(name: str):
    program = PROGRAMS[name]
    magic = bytes.fromhex("40c6cde8260871e2")
    assert program.parse_swaps([ProgramLogLine(program.id, data=magic)], ()) == ()
    assert program.parse_swaps([ProgramLogLine(program.id, data=magic + bytes(40))], ()) == ()
