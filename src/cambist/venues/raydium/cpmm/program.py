"""Wires up Raydium's CPMM program (cp-swap): pools, swap instruction, events and errors."""

from __future__ import annotations

from functools import partial

from cambist.venues.program import AnchorProgram
from cambist.venues.raydium.cpmm import accounts, events, instructions
from cambist.venues.raydium.cpmm.pool import CpmmPool, Release


def cpmm_program(release: Release = "any", *, creators: bool = True) -> AnchorProgram[CpmmPool]:
    """Return the program, of a release where it is known.

    The release of 2026-04 trades no pool without any fee, the one of 2025-02 does. With "any",
    nothing is quoted in which they differ. Without `creators`, which is for a chain whose
    self-check fails on such a pool, pools that take a creator fee are refused.
    """
    return AnchorProgram(
        venue="raydium",
        name="cpmm",
        id=accounts.ID,
        errors=events.ERRORS,
        numbers=events.NUMBERS,
        required_accounts=accounts.wants,
        decode=partial(accounts.decode, release=release, creators=creators),
        encode=accounts.encode,
        instruction=instructions.instruction,
        parse_swaps=events.traded,
        parse_pool_created=events.opened,
    )


CPMM = cpmm_program()
"""Of any release."""
