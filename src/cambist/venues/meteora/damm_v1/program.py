"""Wires up Meteora's DAMM v1: pools of constant product, stable ones, and of a staked token."""

from __future__ import annotations

from cambist.values.ids import Address
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
from cambist.venues.program import AnchorProgram
from cambist.venues.snapshot import Account, Snapshot


def required_accounts(address: Address, snapshot: Snapshot) -> tuple[Address, ...]:
    """Return what is missing: the pool, then vaults and shares, then what vaults name.

    Raises PoolRejected.
    """
    if snapshot.get(address) is None:
        return (address,)
    state = read_state(snapshot.owned(address, PROGRAM))
    wanted = [state.vault_a, state.vault_b, state.shares_a, state.shares_b]
    if state.stakes:
        wanted.append(state.stake_account)
    for address in (state.vault_a, state.vault_b):
        if snapshot.get(address) is not None:
            vault = VAULT_LAYOUT.read(snapshot.owned(address, VAULT_PROGRAM).data)
            wanted += [vault.token_vault, vault.share_mint]
    return tuple(address for address in wanted if snapshot.get(address) is None)


def decode(address: Address, snapshot: Snapshot) -> DammV1Pool:
    """Return the pool. Raises PoolRejected for a state that is not fully understood."""
    state = read_state(snapshot.owned(address, PROGRAM))
    a = read_vault(snapshot, state.vault_a, state.mint_a, state.shares_a)
    b = read_vault(snapshot, state.vault_b, state.mint_b, state.shares_b)
    price = read_stake_price(snapshot, state)
    return pool_at(address, state, (a, b), snapshot.time, price)


def encode(pool: DammV1Pool) -> tuple[Account, ...]:
    """Return accounts that decode to this pool; what plays no part in swaps is zero."""
    data = LAYOUT.write(pool.state, bytes(POOL_BYTES))
    price = pool.stake_price
    return (
        Account(pool.address, PROGRAM, data),
        *(() if price is None else (write_stake(pool.state, price),)),
        *write_vault(pool.vault_a, pool.state.shares_a),
        *write_vault(pool.vault_b, pool.state.shares_b),
    )


DAMM_V1 = AnchorProgram(
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
