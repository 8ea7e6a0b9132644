"""Wires up Raydium's CLMM program: pools, swap instruction, events and errors."""

from __future__ import annotations

from functools import partial

from cambist.venues.program import AnchorProgram
from cambist.venues.raydium.clmm import accounts, events, instructions, tick_arrays
from cambist.venues.raydium.clmm.pool import ClmmPool


def clmm_program(*, renewed: bool = False, checked: bool = False) -> AnchorProgram[ClmmPool]:
    """Return the program.

    `renewed` says that the release of 2026 with limit orders runs on this chain: its error numbers
    are others. `checked` says that a self-check has proved its fee sides, moving fees and limit
    orders here.
    """
    return AnchorProgram(
        venue="raydium",
        name="clmm",
        id=tick_arrays.ID,
        errors=events.ERRORS,
        numbers=events.ERRORS_2026 if renewed or checked else events.CLASSIC,
        required_accounts=accounts.wants,
        decode=partial(accounts.decode, checked=checked),
        encode=accounts.encode,
        instruction=instructions.instruction,
        parse_swaps=events.traded,
        parse_pool_created=events.opened,
    )


CLMM = clmm_program()
"""As on the main chain in April 2026, with everything newer refused."""
