"""Wires up Raydium's AMM v4 program: pools, swap instruction, events and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cambist.faults import Code
from cambist.values.ids import Address
from cambist.venues.logs import ProgramLogLine
from cambist.venues.program import Instruction, KnownError, PoolCreated, SwapEvent, SwapParams
from cambist.venues.raydium.amm_v4 import accounts, events, instructions
from cambist.venues.raydium.amm_v4.events import ERRORS
from cambist.venues.raydium.amm_v4.pool import AmmV4Pool, Release
from cambist.venues.snapshot import Account, Snapshot


class AmmV4:
    """The program, of a release where it is known: its calls, its roundings, and its order book.

    Of "any" release there are the calls that every release knows, and nothing in which they differ.
    """

    venue = "raydium"
    name = "amm_v4"
    id = accounts.ID
    errors: Mapping[str, Code] = ERRORS

    def __init__(self, release: Release = "any") -> None:
        self._release: Release = release

    def required_accounts(self, address: Address, snapshot: Snapshot) -> tuple[Address, ...]:
        """Return the accounts that are still missing. Raises Unquotable."""
        return accounts.wants(address, snapshot)

    def decode(self, address: Address, snapshot: Snapshot) -> AmmV4Pool:
        """Return the pool. Raises Unquotable."""
        return accounts.decode(address, snapshot, self._release)

    def encode(self, pool: AmmV4Pool) -> tuple[Account, ...]:
        """Return accounts that decode to this pool."""
        return accounts.encode(pool)

    def instruction(self, pool: AmmV4Pool, trade: SwapParams) -> Instruction:
        """Return the call that does a trade. Raises Unquotable."""
        return instructions.instruction(pool, trade, self._release)

    def parse_swaps(
        self, lines: Sequence[ProgramLogLine], _inner: Sequence[Instruction]
    ) -> tuple[SwapEvent, ...]:
        """Return the swaps that a transaction's logs report; they do not name their pools."""
        return events.traded(lines)

    def parse_pool_created(self, instruction: Instruction) -> PoolCreated | None:
        """Return the pool that an instruction makes, or None."""
        return events.opened(instruction)

    def error(self, _lines: Sequence[ProgramLogLine], number: int | None) -> KnownError | None:
        """Return what a failed transaction's number means."""
        return events.error(number)


AMM_V4 = AmmV4()
"""Of any release."""
