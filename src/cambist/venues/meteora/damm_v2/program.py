"""Wires up Meteora's DAMM v2: what releases 0.1.7 to 0.2 compute alike, and compounding of 0.2."""

from __future__ import annotations

from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM
from cambist.venues.meteora.damm_v2 import events, instructions
from cambist.venues.meteora.damm_v2.accounts import LAYOUT, PROGRAM, read_state
from cambist.venues.meteora.damm_v2.pool import DammV2Pool, pool_at
from cambist.venues.program import AnchorProgram
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot
from cambist.venues.tokens import read_mint, write_mint


def required_accounts(address: Address, snapshot: Snapshot) -> tuple[Address, ...]:
    """Return what is missing: the pool, then its mints. Raises PoolRejected."""
    if snapshot.get(address) is None:
        return (address,)
    state = read_state(snapshot.owned(address, PROGRAM))
    return tuple(mint for mint in (state.mint_a, state.mint_b) if snapshot.get(mint) is None)


def decode(address: Address, snapshot: Snapshot) -> DammV2Pool:
    """Return the pool. Raises PoolRejected for a state that is not fully understood."""
    state = read_state(snapshot.owned(address, PROGRAM))
    a, b = read_mint(snapshot, state.mint_a), read_mint(snapshot, state.mint_b)
    for mint, flag in ((a, state.flag_a), (b, state.flag_b)):
        if flag != int(mint.token_program == TOKEN_2022_PROGRAM):
            raise PoolRejected(RejectReason.WRONG_KIND, mint.address)
    return pool_at(address, state, (a, b), snapshot.time)


def encode(pool: DammV2Pool) -> tuple[Account, ...]:
    """Return the pool's account and its mints; what plays no part in swaps is zero."""
    account = Account(pool.address, PROGRAM, LAYOUT.write(pool.state))
    return account, write_mint(pool.a), write_mint(pool.b)


DAMM_V2 = AnchorProgram(
    venue="meteora",
    name=events.NAME,
    id=PROGRAM,
    errors=events.ERRORS,
    numbers=events.NUMBERS,
    required_accounts=required_accounts,
    decode=decode,
    encode=encode,
    instruction=instructions.swap,
    parse_swaps=events.traded,
    parse_pool_created=events.opened,
)
