"""Wires up Raydium's CLMM program: pools, swap instruction, events and errors."""

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
from cambist.venues.raydium.clmm import accounts, events, instructions, tick_arrays
from cambist.venues.raydium.clmm.events import CLASSIC, ERRORS, ERRORS_2026
from cambist.venues.raydium.clmm.pool import ClmmPool
from cambist.venues.snapshot import Account, Snapshot


class Clmm:
    """The program.

    `renewed` says that the release of 2026 with limit orders runs on this chain: its error numbers
    are others. `checked` says that a self-check has proved its fee sides, moving fees and limit
    orders here.
    """

    venue = "raydium"
    name = "clmm"
    id = tick_arrays.ID
    errors: Mapping[str, Code] = ERRORS

    def __init__(self, *, renewed: bool = False, checked: bool = False) -> None:
        self._numbers = ERRORS_2026 if renewed or checked else CLASSIC
        self._checked = checked

    def required_accounts(self, address: Address, snapshot: Snapshot) -> tuple[Address, ...]:
        """Return the accounts that are still missing. Raises Unquotable."""
        return accounts.wants(address, snapshot)

    def decode(self, address: Address, snapshot: Snapshot) -> ClmmPool:
        """Return the pool. Raises Unquotable."""
        return accounts.decode(address, snapshot, checked=self._checked)

    def encode(self, pool: ClmmPool) -> tuple[Account, ...]:
        """Return accounts that decode to this pool."""
        return accounts.encode(pool)

    def instruction(self, pool: ClmmPool, trade: SwapParams) -> Instruction:
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
        return classify_error(self, lines, number, self._numbers)


CLMM = Clmm()
"""As on the main chain in April 2026, with everything newer refused."""
