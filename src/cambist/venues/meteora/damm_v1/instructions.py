"""Builds the swaps of Meteora's DAMM v1, and derives the addresses of its pools and vaults."""

from __future__ import annotations

import struct
from typing import Final

from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM, key_bytes, program_address
from cambist.venues.meteora.damm_v1.accounts import PROGRAM, VAULT_PROGRAM
from cambist.venues.meteora.damm_v1.pool import DammV1Pool
from cambist.venues.program import AccountMeta, Instruction, SwapParams
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected

SWAP: Final = bytes.fromhex("f8c69e91e17587c8")
_VAULT_BASE: Final = Address("HWzXGcGHy4tcpYfaRDCyLNzXqBTv3E6BttpCH2vJxArv")


def swap(pool: DammV1Pool, trade: SwapParams) -> Instruction:
    """Return the call that does a trade. Raises PoolRejected."""
    if trade.mint_in not in {pool.mint_a, pool.mint_b}:
        raise PoolRejected(RejectReason.WRONG_TOKEN, trade.mint_in)
    if trade.mode == "exact_out":
        raise PoolRejected(RejectReason.NO_EXACT_OUT)
    state, a, b = pool.state, pool.vault_a, pool.vault_b
    written = (
        pool.address,
        trade.source,
        trade.destination,
        a.address,
        b.address,
        a.state.token_vault,
        b.state.token_vault,
        a.state.share_mint,
        b.state.share_mint,
        state.shares_a,
        state.shares_b,
        state.fee_a if trade.mint_in == pool.mint_a else state.fee_b,
    )
    metas = (
        *(AccountMeta(address, writable=True) for address in written),
        AccountMeta(trade.owner, signer=True),
        AccountMeta(VAULT_PROGRAM),
        AccountMeta(TOKEN_PROGRAM),
        *((AccountMeta(state.stake_account),) if state.stakes else ()),
    )
    return Instruction(PROGRAM, metas, SWAP + struct.pack("<QQ", trade.amount, trade.bound))


def vault(mint: Address) -> Address:
    """Return the vault of a mint."""
    seeds = (b"vault", key_bytes(mint), key_bytes(_VAULT_BASE))
    return program_address(seeds, VAULT_PROGRAM)[0]


def token_vault(of: Address) -> Address:
    """Return where a vault keeps its tokens."""
    return program_address((b"token_vault", key_bytes(of)), VAULT_PROGRAM)[0]


def share_mint(of: Address) -> Address:
    """Return the mint of a vault's shares."""
    return program_address((b"lp_mint", key_bytes(of)), VAULT_PROGRAM)[0]


def pool_shares(of: Address, pool: Address) -> tuple[Address, int]:
    """Return where a pool keeps its shares of a vault, and the bump."""
    return program_address((key_bytes(of), key_bytes(pool)), PROGRAM)


def protocol_fee(mint: Address, pool: Address) -> Address:
    """Return where a pool's protocol fees of a mint go."""
    return program_address((b"fee", key_bytes(mint), key_bytes(pool)), PROGRAM)[0]


def customizable_pool(mint: Address, other: Address) -> Address:
    """Return the pool of two mints that has no config."""
    return program_address((b"pool", *_ordered(mint, other)), PROGRAM)[0]


def config_pool(mint: Address, other: Address, config: Address) -> Address:
    """Return the pool of two mints with a config."""
    return program_address((*_ordered(mint, other), key_bytes(config)), PROGRAM)[0]


def _ordered(mint: Address, other: Address) -> tuple[bytes, bytes]:
    high, low = sorted((key_bytes(mint), key_bytes(other)), reverse=True)
    return high, low
