"""Tries a small swap against the chain before a program is traded on, and compares to the unit.

Releases of a program differ, and which one runs cannot be read off its pools. So whoever starts on
a chain writes a small swap, has it simulated there, and hands what came back to `judge`: a program
that does anything else than we compute is not quoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cambist.values.ids import Address
from cambist.venues.logs import ProgramLogLine
from cambist.venues.pool import Pool, SwapResult
from cambist.venues.program import Instruction, Program, SwapParams

TRIAL_MIN: Final = 10_000
"""A trial gives and takes so many raw units at least: enough for every rounding to show."""
DOUBLINGS_MAX: Final = 50


class SwapProbe(msgspec.Struct, frozen=True):
    """A swap to be simulated, and what it should do."""

    program: Program[Any]
    call: Instruction
    expected: SwapResult


class SwapProbeResult(msgspec.Struct, frozen=True):
    """What a simulation brought: what the trader's balances lost and gained, and what was told.

    `failed` has the error's number where the program gave one, and -1 where it did not.
    """

    amount_in: int
    amount_out: int
    lines: Sequence[ProgramLogLine] = ()
    inner: Sequence[Instruction] = ()
    failed: int | None = None


def make_probe(program: Program[Any], pool: Pool, trade: SwapParams) -> SwapProbe:
    """Return the trial of an exact amount in. Raises Unquotable where the pool refuses it."""
    expected = pool.swap(trade.mint_in, "exact_in", trade.amount)
    held = msgspec.structs.replace(
        trade, mode="exact_in", bound=expected.amount_out, arrays=expected.touched
    )
    return SwapProbe(program, program.instruction(pool, held), expected)


def judge(tried: SwapProbe, came: SwapProbeResult) -> str | None:
    """Return why the program is not to be quoted, in words; None when it did as computed."""
    program, expected = tried.program, tried.expected
    if came.failed is not None:
        number = came.failed if came.failed >= 0 else None
        known = program.error(came.lines, number)
        return f"{program.name} refused the trial: {known.name if known else came.failed}"
    moved = (came.amount_in, came.amount_out)
    computed = (expected.amount_in, expected.amount_out)
    if moved != computed:
        return f"{program.name} moved {moved} where {computed} was computed"
    told = program.parse_swaps(came.lines, came.inner)
    exact = [(event.amount_in, event.amount_out) for event in told if event.exact]
    if exact and exact[-1] != moved:
        return f"{program.name} tells of {exact[-1]} and moved {moved}"
    return None


def trial_amount(pool: Pool, mint_in: Address) -> int:
    """Return the smallest amount that gives and takes enough, or the last that was looked at."""
    amount = TRIAL_MIN
    for _ in range(DOUBLINGS_MAX):
        if pool.amount_out(mint_in, amount) >= TRIAL_MIN:
            break
        amount *= 2
    return amount
