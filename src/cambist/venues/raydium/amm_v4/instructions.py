"""Writes the swap instructions of Raydium's AMM v4, with their accounts in order."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from cambist.values.program_address import TOKEN_PROGRAM
from cambist.venues.program import AccountMeta, Instruction, SwapParams
from cambist.venues.raydium.amm_v4.accounts import AUTHORITY, ID
from cambist.venues.raydium.amm_v4.pool import AmmV4Pool, Release
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected

_CALLS, _SHORT_CALLS = (9, 11), (16, 17)
TAGS: Final[Mapping[Release, tuple[int, int]]] = {
    "any": _CALLS,
    "2025-06": _CALLS,
    "2025-09": _SHORT_CALLS,
    "2026-07": _SHORT_CALLS,
}
"""Before September 2025 every swap names the accounts of an order book, which it does not read."""


def instruction(pool: AmmV4Pool, trade: SwapParams, release: Release) -> Instruction:
    """Return the call that does a trade. Raises PoolRejected."""
    if trade.mint_in not in {pool.mint_a, pool.mint_b}:
        raise PoolRejected(RejectReason.WRONG_TOKEN)
    tag_in, tag_out = TAGS[release]
    if trade.mode == "exact_in":
        data = struct.pack("<BQQ", tag_in, trade.amount, trade.bound)
    else:
        data = struct.pack("<BQQ", tag_out, trade.bound, trade.amount)
    vaults = (AccountMeta(pool.vault_a, writable=True), AccountMeta(pool.vault_b, writable=True))
    user = (
        AccountMeta(trade.source, writable=True),
        AccountMeta(trade.destination, writable=True),
        AccountMeta(trade.owner, signer=True),
    )
    head = (
        AccountMeta(TOKEN_PROGRAM),
        AccountMeta(pool.address, writable=True),
        AccountMeta(AUTHORITY),
    )
    # SwapBaseInV2 and SwapBaseOutV2 (tags 16 and 17) name no account of an order book.
    if TAGS[release] == _SHORT_CALLS:
        return Instruction(ID, (*head, *vaults, *user), data)
    # Seven accounts of the order book that nobody reads: the pool itself stands in for them.
    unread = (AccountMeta(pool.address, writable=True),) * 7
    book = (AccountMeta(pool.market_program), *unread)
    orders = AccountMeta(pool.open_orders, writable=True)
    return Instruction(ID, (*head, orders, *vaults, *book, *user), data)
