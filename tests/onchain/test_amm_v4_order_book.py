"""Show what AMM v4 does with a pool whose liquidity may lie in an order book, which we refuse."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from cambist.values.ids import Address
from cambist.values.program_address import key_bytes
from cambist.venues.program import AccountMeta, Instruction, SwapParams
from cambist.venues.raydium.amm_v4 import AmmV4, AmmV4Pool
from cambist.venues.raydium.amm_v4.accounts import AUTHORITY
from cambist.venues.raydium.amm_v4.pool import INITIALIZED, SWAP_ONLY
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected
from tests.onchain.counts import Count
from tests.onchain.releases import AMM_V4 as RELEASE
from tests.onchain.test_amm_v4 import Site, build, key

Find = Callable[[str], Path]
BIDS, ASKS, EVENTS = key("bids"), key("asks"), key("events")
OTHERS: Final = (key("book coin vault"), key("book pc vault"), key("book signer"))
_INITIALIZED, _MARKET, _ORDERS, _EVENTS, _BIDS, _ASKS = 1, 2, 4, 16, 32, 64


def framed(body: bytes) -> bytes:
    """Return an account of the order book: its bytes between two words."""
    return b"serum" + body + b"padding"


def write_book(site: Site, pool: AmmV4Pool, coin: int, pc: int) -> None:
    """Write a market without orders; the pool's own open orders hold so much of both tokens."""
    market, orders = key_bytes(pool.market), key_bytes(AUTHORITY)
    mints = key_bytes(pool.mint_a) + key_bytes(pool.mint_b)
    vaults = [key_bytes(one) for one in OTHERS[:2]]
    body = struct.pack("<Q32sQ", _INITIALIZED | _MARKET, market, 0) + mints
    body += vaults[0] + bytes(16) + vaults[1] + bytes(24) + bytes(32)
    body += b"".join(map(key_bytes, (EVENTS, BIDS, ASKS))) + struct.pack("<QQQQ", 1, 1, 0, 0)
    open_orders = struct.pack("<Q32s32s", _INITIALIZED | _ORDERS, market, orders)
    open_orders += struct.pack("<QQQQ", coin, coin, pc, pc) + b"\xff" * 16 + bytes(16)
    open_orders += bytes(128 * 16 + 128 * 8 + 8)
    accounts = {
        pool.market: body,
        pool.open_orders: open_orders,
        EVENTS: struct.pack("<QQQQ", _INITIALIZED | _EVENTS, 0, 0, 0) + bytes(88 * 16),
        BIDS: struct.pack("<Q32x", _INITIALIZED | _BIDS) + bytes(72 * 16),
        ASKS: struct.pack("<Q32x", _INITIALIZED | _ASKS) + bytes(72 * 16),
    }
    for address, data in accounts.items():
        site.machine.put(Account(address, pool.market_program, framed(data)))


def with_book(call: Instruction, pool: AmmV4Pool) -> Instruction:
    """Return the call with the real accounts of the order book, which stand before the user's."""
    book = (pool.market, BIDS, ASKS, EVENTS, *OTHERS)
    metas = (
        *call.accounts[:7],
        *(AccountMeta(address, writable=True) for address in book),
        *call.accounts[-3:],
    )
    return replace(call, accounts=metas)


def set_status(site: Site, status: int) -> None:
    account = site.machine.get(site.pool)
    assert account is not None
    site.machine.put(replace(account, data=bytes([status]) + account.data[1:]))


@pytest.mark.parametrize("held", [(0, 0), (10**10, 10**9)], ids=["empty", "with tokens"])
def test_open_orders_count_where_the_release_has_an_order_book(
    program: Find, held: tuple[int, int], count: Count
) -> None:
    """With empty open orders status 1 trades as 6; with tokens in them it pays something else."""
    site = build(program, adapter=AmmV4(RELEASE.name))
    pool, amount, tried = site.read(), 10**9, count(RELEASE)
    as_6 = pool.swap(pool.mint_a, "exact_in", amount).amount_out
    write_book(site, pool, *held)
    set_status(site, INITIALIZED)
    with pytest.raises(PoolRejected) as refused:
        site.read()
    assert refused.value.refusal is RejectReason.ORDER_BOOK
    got = sent(site, pool, pool.mint_a, amount)
    tried.refused(RejectReason.ORDER_BOOK, got, allowed=True)
    assert (got == as_6) == (held == (0, 0))
    coin, pc = pool.reserve_a + held[0], pool.reserve_b + held[1]
    net = amount - -(-amount * pool.fee[0] // pool.fee[1])
    assert got == net * pc // (coin + net)
    set_status(site, SWAP_ONLY)
    assert site.read().status == SWAP_ONLY


def sent(site: Site, pool: AmmV4Pool, mint_in: Address, amount: int) -> int:
    """Swap with the order book's accounts, and return what arrived."""
    mint_out = pool.mint_b if mint_in == pool.mint_a else pool.mint_a
    own, me = site.accounts, site.machine.payer
    trade = SwapParams(me, own[mint_in], own[mint_out], mint_in, "exact_in", amount, 0)
    before = site.machine.balance(own[mint_out])
    site.machine.must(with_book(site.program.instruction(pool, trade), pool))
    return site.machine.balance(own[mint_out]) - before
