"""Builds the swap instructions of DLMM, with their accounts in order."""

from __future__ import annotations

from typing import Final

from cambist.values.ids import Address
from cambist.values.program_address import (
    MEMO_PROGRAM,
    TOKEN_PROGRAM,
    program_address,
)
from cambist.venues.meteora.dlmm.bin_arrays import PROGRAM, array_address, extension_address
from cambist.venues.meteora.dlmm.pool import DlmmPool
from cambist.venues.program import AccountMeta, Instruction, SwapParams

SPARE_ARRAYS: Final = 3
"""How many arrays a swap carries when the trade names none."""

_SWAP: Final = bytes.fromhex("f8c69e91e17587c8")
_SWAP_OUT: Final = bytes.fromhex("fa49652126cf4bb8")
_SWAP_2: Final = bytes.fromhex("414b3f4ceb5b5b88")
_SWAP_OUT_2: Final = bytes.fromhex("2bd7f784893cf351")
_NO_HOOKS: Final = bytes(4)


def events_address() -> Address:
    """Return the account in whose name the program emits its events."""
    return program_address((b"__event_authority",), PROGRAM)[0]


def swap_call(pool: DlmmPool, trade: SwapParams) -> Instruction:
    """Return the instruction that does a trade.

    The older form where both mints are of the first token program: it names one account fewer.
    """
    pair, x, y = pool.pair, pool.x, pool.y
    plain = x.token_program == y.token_program == TOKEN_PROGRAM
    if trade.mode == "exact_in":
        data = (_SWAP if plain else _SWAP_2) + _amounts(trade.amount, trade.bound)
    else:
        data = (_SWAP_OUT if plain else _SWAP_OUT_2) + _amounts(trade.bound, trade.amount)
    none = AccountMeta(PROGRAM)
    extension = _writable(extension_address(pool.address)) if pool.extended else none
    arrays = trade.arrays or tuple(
        array_address(pool.address, index)
        for index in pool.marked_ahead(down=trade.mint_in == x.address)[:SPARE_ARRAYS]
    )
    metas = (
        _writable(pool.address),
        extension,
        _writable(pair.reserve_x),
        _writable(pair.reserve_y),
        _writable(trade.source),
        _writable(trade.destination),
        AccountMeta(x.address),
        AccountMeta(y.address),
        _writable(pair.oracle),
        none,  # nobody hosts the swap, nobody shares its fee
        AccountMeta(trade.owner, signer=True),
        AccountMeta(x.token_program),
        AccountMeta(y.token_program),
        *(() if plain else (AccountMeta(MEMO_PROGRAM),)),
        AccountMeta(events_address()),
        AccountMeta(PROGRAM),
        *map(_writable, arrays),
    )
    return Instruction(PROGRAM, metas, data if plain else data + _NO_HOOKS)


def _amounts(first: int, second: int) -> bytes:
    return first.to_bytes(8, "little") + second.to_bytes(8, "little")


def _writable(address: Address) -> AccountMeta:
    return AccountMeta(address, writable=True)
