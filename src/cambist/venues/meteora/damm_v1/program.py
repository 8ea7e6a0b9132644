"""Offers Meteora's DAMM v1 as routing and execution know a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cambist.faults import Code
from cambist.values.ids import Address
from cambist.venues.logs import ProgramLogLine
from cambist.venues.meteora.damm_v1 import events, instructions
from cambist.venues.meteora.damm_v1.accounts import (
    LAYOUT,
    POOL_BYTES,
    PROGRAM,
    VAULT_LAYOUT,
    VAULT_PROGRAM,
    read_stake_price,
    read_state,
    read_vault,
    write_stake,
    write_vault,
)
from cambist.venues.meteora.damm_v1.pool import DammV1Pool, pool_at
from cambist.venues.program import (
    Instruction,
    KnownError,
    PoolCreated,
    SwapEvent,
    SwapParams,
    classify_error,
)
from cambist.venues.snapshot import Account, Snapshot


class DammV1:
    """Meteora's DAMM v1: pools of constant product, stable ones, and those of a staked token."""

    @property
    def venue(self) -> str:
        """Meteora."""
        return "meteora"

    @property
    def name(self) -> str:
        """DAMM v1."""
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
        """Return what is missing: the pool, then vaults and shares, then what vaults name.

        Raises Unquotable.
        """
        if snapshot.get(address) is None:
            return (address,)
        state = read_state(snapshot.owned(address, PROGRAM))
        wanted = [state.vault_a, state.vault_b, state.shares_a, state.shares_b]
        if state.stakes:
            wanted.append(state.stake_account)
        for one in (state.vault_a, state.vault_b):
            if snapshot.get(one) is not None:
                vault = VAULT_LAYOUT.read(snapshot.owned(one, VAULT_PROGRAM).data)
                wanted += [vault.token_vault, vault.share_mint]
        return tuple(one for one in wanted if snapshot.get(one) is None)

    def decode(self, address: Address, snapshot: Snapshot) -> DammV1Pool:
        """Return the pool. Raises Unquotable for a state that is not fully understood."""
        state = read_state(snapshot.owned(address, PROGRAM))
        a = read_vault(snapshot, state.vault_a, state.mint_a, state.shares_a)
        b = read_vault(snapshot, state.vault_b, state.mint_b, state.shares_b)
        price = read_stake_price(snapshot, state)
        return pool_at(address, state, (a, b), snapshot.time, price)

    def encode(self, pool: DammV1Pool) -> tuple[Account, ...]:
        """Return accounts that decode to this pool; what plays no part in swaps is zero."""
        data = LAYOUT.write(pool.state, bytes(POOL_BYTES))
        price = pool.stake_price
        return (
            Account(pool.address, PROGRAM, data),
            *(() if price is None else (write_stake(pool.state, price),)),
            *write_vault(pool.vault_a, pool.state.shares_a),
            *write_vault(pool.vault_b, pool.state.shares_b),
        )

    def instruction(self, pool: DammV1Pool, trade: SwapParams) -> Instruction:
        """Return the call that does a trade. Raises Unquotable."""
        return instructions.swap(pool, trade)

    def parse_swaps(
        self, lines: Sequence[ProgramLogLine], inner: Sequence[Instruction]
    ) -> tuple[SwapEvent, ...]:
        """Return the swaps that a transaction tells of: in its logs, amounts in in instructions."""
        return events.traded(lines, inner)

    def parse_pool_created(self, instruction: Instruction) -> PoolCreated | None:
        """Return the pool that an instruction makes, or None when it makes none."""
        return events.opened(instruction)

    def error(self, lines: Sequence[ProgramLogLine], number: int | None) -> KnownError | None:
        """Return what a failed transaction says of itself: by name, or by number as a fallback."""
        return classify_error(self, lines, number, events.NUMBERS)


DAMM_V1 = DammV1()
