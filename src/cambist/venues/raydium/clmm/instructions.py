"""Writes the calls of the CLMM program, reads its events and errors, and sees pools begin."""

from __future__ import annotations

import struct
from typing import Final

from cambist.values.program_address import MEMO_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.venues.program import Instruction, Meta, Trade
from cambist.venues.raydium.clmm.pool import ClmmPool
from cambist.venues.raydium.clmm.tick_array_bitmap import is_inline, start_of
from cambist.venues.raydium.clmm.tick_arrays import ID, array_address, extension_address
from cambist.venues.reject_reasons import Refusal
from cambist.venues.snapshot import Unquotable

SWAP_V2: Final = bytes.fromhex("2b04ed0b1ac91e62")


def instruction(pool: ClmmPool, trade: Trade, limit: int = 0) -> Instruction:
    """Return the call that does a trade: `swap_v2`, with a price limit where one is given.

    Without a limit the program refuses to do a part of the amount. Raises Unquotable.
    """
    if trade.mint_in == pool.mint_a:
        given, taken, vault_in, vault_out = pool.token_a, pool.token_b, pool.vault_a, pool.vault_b
    elif trade.mint_in == pool.mint_b:
        given, taken, vault_in, vault_out = pool.token_b, pool.token_a, pool.vault_b, pool.vault_a
    else:
        raise Unquotable(Refusal.WRONG_TOKEN)
    data = SWAP_V2 + struct.pack("<QQ", trade.amount, trade.bound)
    data += limit.to_bytes(16, "little") + bytes((trade.mode == "exact_in",))
    extension = (
        (Meta(extension_address(pool.address), writable=True),) if _goes_out(pool, trade) else ()
    )
    accounts = (
        Meta(trade.owner, signer=True),
        Meta(pool.config),
        Meta(pool.address, writable=True),
        Meta(trade.source, writable=True),
        Meta(trade.destination, writable=True),
        Meta(vault_in, writable=True),
        Meta(vault_out, writable=True),
        Meta(pool.observation, writable=True),
        Meta(TOKEN_PROGRAM),
        Meta(TOKEN_2022_PROGRAM),
        Meta(MEMO_PROGRAM),
        Meta(given.address),
        Meta(taken.address),
        *extension,
        *(Meta(one, writable=True) for one in trade.arrays),
    )
    return Instruction(ID, accounts, data)


def _goes_out(pool: ClmmPool, trade: Trade) -> bool:
    """Whether the program will read bits beyond the pool's own."""
    shelf = pool.shelf
    if not shelf.extended:
        return False
    spacing = shelf.spacing
    if not is_inline(start_of(pool.place.tick, spacing), spacing):
        return True
    known = {array_address(pool.address, one): one for one in shelf.starts}
    return any(one in known and not is_inline(known[one], spacing) for one in trade.arrays)
