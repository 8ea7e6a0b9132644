"""Wires up Raydium's CPMM program (cp-swap): pools, swap instruction, events and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cambist.faults import Code
from cambist.values.ids import Address
from cambist.venues.logs import ProgramLogLine
from cambist.venues.program import (
    Instruction,
    KnownError,
    PoolCreated,
    SwapEvent,
    SwapParams,
    classify_error,
)
from cambist.venues.raydium.cpmm import accounts, events, instructions
from cambist.venues.raydium.cpmm.events import ERRORS
from cambist.venues.raydium.cpmm.pool import CpmmPool, Release
from cambist.venues.snapshot import Account, Snapshot


class Cpmm:
    """The program, of a release where it is known.

    That of 2026-04 trades no pool without any fee, that of 2025-02 does; of "any" release there is
    nothing in which they differ. Without `creators`, which is for a chain whose self-check fails on
    such a pool, pools that take a creator fee are refused.
    """

    venue = "raydium"
    name = "cpmm"
    id = accounts.ID
    errors: Mapping[str, Code] = ERRORS

    def __init__(self, release: Release = "any", *, creators: bool = True) -> None:
        self._release: Release = release
        self._creators = creators

    def required_accounts(self, address: Address, snapshot: Snapshot) -> tuple[Address, ...]:
        """Return the accounts that are still missing. Raises Unquotable."""
        return accounts.wants(address, snapshot)

    def decode(self, address: Address, snapshot: Snapshot) -> CpmmPool:
        """Return the pool. Raises Unquotable."""
        return accounts.decode(address, snapshot, self._release, creators=self._creators)

    def encode(self, pool: CpmmPool) -> tuple[Account, ...]:
        """Return accounts that decode to this pool."""
        return accounts.encode(pool)

    def instruction(self, pool: CpmmPool, trade: SwapParams) -> Instruction:
        """Return the call that does a trade. Raises Unquotable."""
        return instructions.instruction(pool, trade)

    def parse_swaps(
        self, lines: Sequence[ProgramLogLine], _inner: Sequence[Instruction]
    ) -> tuple[SwapEvent, ...]:
        """Return the swaps that a transaction's logs tell of."""
        return events.traded(lines)

    def parse_pool_created(self, instruction: Instruction) -> PoolCreated | None:
        """Return the pool that an instruction makes, or None."""
        return events.opened(instruction)

    def error(self, lines: Sequence[ProgramLogLine], number: int | None) -> KnownError | None:
        """Return what a failed transaction says of itself, by name or else by number."""
        return classify_error(self, lines, number, events.NUMBERS)


CPMM = Cpmm()
"""Of any release."""
