"""Writes the swap instructions of Raydium's CPMM, with their accounts in order."""

from __future__ import annotations

import struct
from typing import Final

from cambist.venues.pool import in_order_of_swap
from cambist.venues.program import AccountMeta, Instruction, SwapParams
from cambist.venues.raydium.cpmm.accounts import AUTHORITY, ID
from cambist.venues.raydium.cpmm.pool import CpmmPool

SWAP_IN: Final = bytes.fromhex("8fbe5adac41e33de")
SWAP_OUT: Final = bytes.fromhex("37d96256a34ab4ad")


def instruction(pool: CpmmPool, trade: SwapParams) -> Instruction:
    """Return the call that does a trade: `swap_base_input` or `swap_base_output`."""
    given, taken, vault_in, vault_out = in_order_of_swap(pool, trade.mint_in)
    # The two calls name their arguments in opposite order: (amount in, least out) and (most in,
    # amount out).
    if trade.mode == "exact_in":
        data = SWAP_IN + struct.pack("<QQ", trade.amount, trade.bound)
    else:
        data = SWAP_OUT + struct.pack("<QQ", trade.bound, trade.amount)
    accounts = (
        AccountMeta(trade.owner, signer=True),
        AccountMeta(AUTHORITY),
        AccountMeta(pool.config),
        AccountMeta(pool.address, writable=True),
        AccountMeta(trade.source, writable=True),
        AccountMeta(trade.destination, writable=True),
        AccountMeta(vault_in, writable=True),
        AccountMeta(vault_out, writable=True),
        AccountMeta(given.token_program),
        AccountMeta(taken.token_program),
        AccountMeta(given.address),
        AccountMeta(taken.address),
        AccountMeta(pool.observation, writable=True),
    )
    return Instruction(ID, accounts, data)
