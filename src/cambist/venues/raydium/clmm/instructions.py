"""Writes the swap instructions of Raydium's CLMM, with their accounts in order."""

from __future__ import annotations

import struct
from typing import Final

from cambist.values.program_address import MEMO_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.venues.pool import in_order_of_swap
from cambist.venues.program import AccountMeta, Instruction, SwapParams
from cambist.venues.raydium.clmm.pool import ClmmPool
from cambist.venues.raydium.clmm.tick_array_bitmap import is_inline, start_of
from cambist.venues.raydium.clmm.tick_arrays import ID, array_address, extension_address

SWAP_V2: Final = bytes.fromhex("2b04ed0b1ac91e62")


def instruction(pool: ClmmPool, trade: SwapParams, limit: int = 0) -> Instruction:
    """Return the call that does a trade: `swap_v2`, with a price limit where one is given.

    Without a limit the program refuses to do a part of the amount. Raises PoolRejected.
    """
    given, taken, vault_in, vault_out = in_order_of_swap(pool, trade.mint_in)
    data = SWAP_V2 + struct.pack("<QQ", trade.amount, trade.bound)
    data += limit.to_bytes(16, "little") + bytes((trade.mode == "exact_in",))
    # The program of 2026 writes the extension when a limit order empties an array, so it is named
    # as writable. Older ones only read it.
    extension = (
        (AccountMeta(extension_address(pool.address), writable=True),)
        if _goes_out(pool, trade)
        else ()
    )
    accounts = (
        AccountMeta(trade.owner, signer=True),
        AccountMeta(pool.config),
        AccountMeta(pool.address, writable=True),
        AccountMeta(trade.source, writable=True),
        AccountMeta(trade.destination, writable=True),
        AccountMeta(vault_in, writable=True),
        AccountMeta(vault_out, writable=True),
        AccountMeta(pool.observation, writable=True),
        AccountMeta(TOKEN_PROGRAM),
        AccountMeta(TOKEN_2022_PROGRAM),
        AccountMeta(MEMO_PROGRAM),
        AccountMeta(given.address),
        AccountMeta(taken.address),
        *extension,
        *(AccountMeta(array, writable=True) for array in trade.arrays),
    )
    return Instruction(ID, accounts, data)


def _goes_out(pool: ClmmPool, trade: SwapParams) -> bool:
    """Whether the program will read bits beyond the pool's own."""
    shelf = pool.shelf
    if not shelf.extended:
        return False
    spacing = shelf.spacing
    if not is_inline(start_of(pool.tick_state.tick, spacing), spacing):
        return True
    known = {array_address(pool.address, start): start for start in shelf.starts}
    return any(array in known and not is_inline(known[array], spacing) for array in trade.arrays)
