"""Offers Meteora's DAMM v2 as routing and execution know a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cambist.faults import Code
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM
from cambist.venues.logs import ProgramLogLine
from cambist.venues.meteora.damm_v2 import events, instructions
from cambist.venues.meteora.damm_v2.accounts import LAYOUT, PROGRAM, read_state
from cambist.venues.meteora.damm_v2.pool import DammV2Pool, pool_at
from cambist.venues.program import (
    Instruction,
    KnownError,
    PoolCreated,
    SwapEvent,
    SwapParams,
    classify_error,
)
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot
from cambist.venues.tokens import read_mint, write_mint


class DammV2:
    """Meteora's DAMM v2, releases 0.1.7 to 0.2: what both compute alike, and compounding of 0.2."""

    @property
    def venue(self) -> str:
        """Meteora."""
        return "meteora"

    @property
    def name(self) -> str:
        """DAMM v2."""
        return events.NAME

    @property
    def id(self) -> Address:
        """Its account."""
        return PROGRAM

    @property
    def errors(self) -> Mapping[str, Code]:
        """What its errors mean, by the names it logs."""
        return events.ERRORS

    def required_accounts(self, address: Address, snapshot: Snapshot) -> tuple[Address, ...]:
        """Return what is missing: the pool, then its mints. Raises PoolRejected."""
        if snapshot.get(address) is None:
            return (address,)
        state = read_state(snapshot.owned(address, PROGRAM))
        return tuple(one for one in (state.mint_a, state.mint_b) if snapshot.get(one) is None)

    def decode(self, address: Address, snapshot: Snapshot) -> DammV2Pool:
        """Return the pool. Raises PoolRejected for a state that is not fully understood."""
        state = read_state(snapshot.owned(address, PROGRAM))
        a, b = read_mint(snapshot, state.mint_a), read_mint(snapshot, state.mint_b)
        for mint, flag in ((a, state.flag_a), (b, state.flag_b)):
            if flag != int(mint.token_program == TOKEN_2022_PROGRAM):
                raise PoolRejected(RejectReason.WRONG_KIND, mint.address)
        return pool_at(address, state, (a, b), snapshot.time)

    def encode(self, pool: DammV2Pool) -> tuple[Account, ...]:
        """Return the pool's account and its mints; what plays no part in swaps is zero."""
        account = Account(pool.address, PROGRAM, LAYOUT.write(pool.state))
        return account, write_mint(pool.a), write_mint(pool.b)

    def instruction(self, pool: DammV2Pool, trade: SwapParams) -> Instruction:
        """Return the call that does a trade. Raises PoolRejected."""
        return instructions.swap(pool, trade)

    def parse_swaps(
        self, lines: Sequence[ProgramLogLine], inner: Sequence[Instruction]
    ) -> tuple[SwapEvent, ...]:
        """Return the swaps that a transaction tells of: in inner instructions, not in its logs."""
        del lines
        return events.traded(inner)

    def parse_pool_created(self, instruction: Instruction) -> PoolCreated | None:
        """Return the pool that an instruction makes, or None when it makes none."""
        return events.opened(instruction)

    def error(self, lines: Sequence[ProgramLogLine], number: int | None) -> KnownError | None:
        """Return what a failed transaction says of itself: by name, or by number as a fallback."""
        return classify_error(self, lines, number, events.NUMBERS)


DAMM_V2 = DammV2()
