"""Builds the swaps of Meteora's DAMM v2, and derives the addresses that its pools have."""

from __future__ import annotations

import struct
from typing import Final

from cambist.values.ids import Address
from cambist.values.program_address import key_bytes, program_address
from cambist.venues.meteora.damm_v2.accounts import LIMITER, PROGRAM
from cambist.venues.meteora.damm_v2.pool import DammV2Pool
from cambist.venues.program import AccountMeta, Instruction, SwapParams
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected

AUTHORITY: Final = Address("HLnpSz9h2S4hiLQ43rnSD9XkcUThA7B8hQMKmDaiTLcC")
EVENT_AUTHORITY: Final = Address("3rmHSu74h1ZcmAisVcWerTCiRDQbUrBKmcwptYGjHfet")
INSTRUCTIONS: Final = Address("Sysvar1nstructions1111111111111111111111111")
SWAP: Final = bytes.fromhex("f8c69e91e17587c8")
SWAP_2: Final = bytes.fromhex("414b3f4ceb5b5b88")
EXACT_IN, PARTIAL_FILL, EXACT_OUT = 0, 1, 2


def swap(pool: DammV2Pool, trade: SwapParams, *, partial: bool = False) -> Instruction:
    """Return the call that does a trade; `partial` lets it stop where the pool's range ends.

    Raises PoolRejected.
    """
    if trade.mint_in not in {pool.mint_a, pool.mint_b}:
        raise PoolRejected(RejectReason.WRONG_TOKEN, trade.mint_in)
    kind = PARTIAL_FILL if partial else EXACT_IN
    if trade.mode == "exact_out":
        kind = EXACT_OUT
    data = SWAP_2 + struct.pack("<QQB", trade.amount, trade.bound, kind)
    state = pool.state
    accounts = [
        AccountMeta(AUTHORITY),
        AccountMeta(pool.address, writable=True),
        AccountMeta(trade.source, writable=True),
        AccountMeta(trade.destination, writable=True),
        AccountMeta(state.vault_a, writable=True),
        AccountMeta(state.vault_b, writable=True),
        AccountMeta(pool.mint_a),
        AccountMeta(pool.mint_b),
        AccountMeta(trade.owner, signer=True),
        AccountMeta(pool.a.token_program),
        AccountMeta(pool.b.token_program),
        AccountMeta(PROGRAM),  # no referral: Anchor's word for an account that is left out
        AccountMeta(EVENT_AUTHORITY),
        AccountMeta(PROGRAM),
    ]
    if state.mode == LIMITER:
        # While it applies, the program looks for other swaps of the pool in the transaction.
        accounts.append(AccountMeta(INSTRUCTIONS))
    return Instruction(PROGRAM, tuple(accounts), data)


def customizable_pool(mint_a: Address, mint_b: Address) -> Address:
    """Return the pool of two mints that has no config."""
    high, low = _ordered(mint_a, mint_b)
    return program_address((b"cpool", high, low), PROGRAM)[0]


def config_pool(config: Address, mint_a: Address, mint_b: Address) -> Address:
    """Return the pool of two mints with a config."""
    high, low = _ordered(mint_a, mint_b)
    return program_address((b"pool", key_bytes(config), high, low), PROGRAM)[0]


def vault(pool: Address, mint: Address) -> Address:
    """Return where a pool keeps a mint."""
    return program_address((b"token_vault", key_bytes(mint), key_bytes(pool)), PROGRAM)[0]


def _ordered(mint: Address, other: Address) -> tuple[bytes, bytes]:
    high, low = sorted((key_bytes(mint), key_bytes(other)), reverse=True)
    return high, low
