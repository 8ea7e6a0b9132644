"""Writes the calls of the CPMM program, reads its events and errors, and sees pools begin."""

from __future__ import annotations

import struct
from typing import Final

from cambist.venues.program import Instruction, Meta, Trade
from cambist.venues.raydium.cpmm.accounts import AUTHORITY, ID
from cambist.venues.raydium.cpmm.pool import CpmmPool
from cambist.venues.reject_reasons import Refusal
from cambist.venues.snapshot import Unquotable

SWAP_IN: Final = bytes.fromhex("8fbe5adac41e33de")
SWAP_OUT: Final = bytes.fromhex("37d96256a34ab4ad")


def instruction(pool: CpmmPool, trade: Trade) -> Instruction:
    """Return the call that does a trade: `swap_base_input` or `swap_base_output`."""
    if trade.mint_in == pool.mint_a:
        given, taken, vault_in, vault_out = pool.token_a, pool.token_b, pool.vault_a, pool.vault_b
    elif trade.mint_in == pool.mint_b:
        given, taken, vault_in, vault_out = pool.token_b, pool.token_a, pool.vault_b, pool.vault_a
    else:
        raise Unquotable(Refusal.WRONG_TOKEN)
    if trade.mode == "exact_in":
        data = SWAP_IN + struct.pack("<QQ", trade.amount, trade.bound)
    else:
        data = SWAP_OUT + struct.pack("<QQ", trade.bound, trade.amount)
    accounts = (
        Meta(trade.owner, signer=True),
        Meta(AUTHORITY),
        Meta(pool.config),
        Meta(pool.address, writable=True),
        Meta(trade.source, writable=True),
        Meta(trade.destination, writable=True),
        Meta(vault_in, writable=True),
        Meta(vault_out, writable=True),
        Meta(given.token_program),
        Meta(taken.token_program),
        Meta(given.address),
        Meta(taken.address),
        Meta(pool.observation, writable=True),
    )
    return Instruction(ID, accounts, data)
