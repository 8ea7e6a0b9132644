"""Checks a program with a small simulated swap before it is traded on, and compares to the unit."""

# Why it is needed: a program is upgraded in place, under the same address and with the same account
# layout. An upgrade may round differently, charge a fee on another side or move an error number,
# and no byte of a pool says so. Quotes would then be off by some units. A bound computed from such
# a quote reverts every swap, or gives away the difference.
#
# How it works:
#
# 1. `trial_amount` picks an amount that gives and takes at least TRIAL_MIN units. With less, a fee
#    and a price may round to the same number under two different rules, and prove nothing.
# 2. `make_probe` builds the real instruction of an exact amount in, with the bound set to exactly
#    what is computed. A program that pays one unit less fails at its own slippage check.
# 3. The caller has a node simulate it, and measures the trader's balances before and after. This
#    module does no I/O.
# 4. `judge` compares balances to the unit, and the program's own event where the event is exact.
#    Balances decide: an event may leave out transfer fees.
#
# A program that fails is not quoted at all on this chain. That is the safe side: a pool fewer costs
# a part of a route, a wrong quote costs the order. `clmm_program(checked=)` and
# `cpmm_program(creators=)` take the result of a probe on such a pool; docs/venues.md has the
# switches and their defaults.

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
    """What a simulation brought: what the trader's balances lost and gained, and what it reported.

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
    events = program.parse_swaps(came.lines, came.inner)
    exact = [(event.amount_in, event.amount_out) for event in events if event.exact]
    if exact and exact[-1] != moved:
        return f"{program.name} reports {exact[-1]} and moved {moved}"
    return None


def trial_amount(pool: Pool, mint_in: Address) -> int:
    """Return the smallest amount that gives and takes enough, or the last that was looked at."""
    amount = TRIAL_MIN
    for _ in range(DOUBLINGS_MAX):
        if pool.amount_out(mint_in, amount) >= TRIAL_MIN:
            break
        amount *= 2
    return amount
