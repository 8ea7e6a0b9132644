"""Reads an AMM v4 pool's accounts (pool, vaults, mints) and writes them."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM, program_address
from cambist.venues.layout import Layout
from cambist.venues.raydium.amm_v4.pool import (
    INITIALIZED,
    SWAP_ONLY,
    WAITING_TRADE,
    AmmV4Pool,
    Release,
)
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot
from cambist.venues.tokens import Mint, read_balance, read_mint, write_balance, write_mint

ID: Final = Address("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8")
_ORDER_BOOK_ONLY: Final = 5
AUTHORITY, BUMP = program_address([b"amm authority"], ID)


class AmmV4PoolAccount(msgspec.Struct, frozen=True):
    """The pool account, as far as swaps depend on it."""

    status: int
    bump: int
    decimals_a: int
    decimals_b: int
    fee_numerator: int
    fee_denominator: int
    owed_a: int
    owed_b: int
    opens_s: int
    vault_a: Address
    vault_b: Address
    mint_a: Address
    mint_b: Address
    open_orders: Address
    market: Address
    market_program: Address


POOL: Final = Layout(
    AmmV4PoolAccount,
    752,
    {
        "status": (0, "u64"),
        "bump": (8, "u64"),
        "decimals_a": (32, "u64"),
        "decimals_b": (40, "u64"),
        "fee_numerator": (176, "u64"),
        "fee_denominator": (184, "u64"),
        "owed_a": (192, "u64"),
        "owed_b": (200, "u64"),
        "opens_s": (224, "u64"),
        "vault_a": (336, "key"),
        "vault_b": (368, "key"),
        "mint_a": (400, "key"),
        "mint_b": (432, "key"),
        "open_orders": (496, "key"),
        "market": (528, "key"),
        "market_program": (560, "key"),
    },
)


def wants(address: Address, snapshot: Snapshot) -> tuple[Address, ...]:
    """Return the accounts that are still missing. Raises PoolRejected."""
    if snapshot.get(address) is None:
        return (address,)
    state = POOL.read(snapshot.owned(address, ID).data)
    needed = (state.vault_a, state.vault_b, state.mint_a, state.mint_b)
    return tuple(address for address in needed if snapshot.get(address) is None)


def decode(address: Address, snapshot: Snapshot, release: Release) -> AmmV4Pool:
    """Return the pool. Raises PoolRejected.

    The account has no mark of its kind, so its size must be exact.
    """
    data = snapshot.owned(address, ID).data
    if len(data) != POOL.size:
        raise PoolRejected(RejectReason.WRONG_SIZE, f"{len(data)} bytes, not {POOL.size}")
    state = POOL.read(data)
    if state.status == 0:
        raise PoolRejected(RejectReason.NOT_INITIALISED, address)
    _check_status(state.status, release)
    if not 0 <= state.fee_numerator < state.fee_denominator:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "fee")
    mint_a, mint_b = _mint(snapshot, state.mint_a), _mint(snapshot, state.mint_b)
    if mint_a.address == mint_b.address:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "one mint twice")
    reserve_a = read_balance(snapshot, state.vault_a, mint_a) - state.owed_a
    reserve_b = read_balance(snapshot, state.vault_b, mint_b) - state.owed_b
    if reserve_a < 0 or reserve_b < 0:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "less in the vaults than is owed")
    return AmmV4Pool(
        address,
        mint_a,
        mint_b,
        state.vault_a,
        state.vault_b,
        reserve_a,
        reserve_b,
        (state.owed_a, state.owed_b),
        (state.fee_numerator, state.fee_denominator),
        state.open_orders,
        state.market_program,
        state.market,
        state.status,
        state.opens_s,
        snapshot.time,
        release,
    )


def _check_status(status: int, release: Release) -> None:
    """Raise Unquotable where no swap is allowed, or where tokens may lie in an order book.

    Since 2026-07 no order book is read (`AmmStatus::swap_permission`): status 1 trades as 6 does,
    and 5 does not trade.
    """
    booked = {INITIALIZED, _ORDER_BOOK_ONLY}
    if release != "2026-07" and status in booked:
        raise PoolRejected(RejectReason.ORDER_BOOK, f"status {status}")
    if status not in {INITIALIZED, SWAP_ONLY, WAITING_TRADE}:
        raise PoolRejected(RejectReason.DISABLED, f"status {status}")


def _mint(snapshot: Snapshot, address: Address) -> Mint:
    mint = read_mint(snapshot, address)
    if mint.token_program != TOKEN_PROGRAM:
        raise PoolRejected(RejectReason.WRONG_OWNER, address)
    return mint


def encode(pool: AmmV4Pool) -> tuple[Account, ...]:
    """Return accounts that decode to this pool."""
    state = AmmV4PoolAccount(
        pool.status,
        BUMP,
        pool.token_a.decimals,
        pool.token_b.decimals,
        *pool.fee,
        *pool.owed,
        pool.opens_s,
        pool.vault_a,
        pool.vault_b,
        pool.mint_a,
        pool.mint_b,
        pool.open_orders,
        pool.market,
        pool.market_program,
    )
    held_a, held_b = pool.reserve_a + pool.owed[0], pool.reserve_b + pool.owed[1]
    return (
        Account(pool.address, ID, POOL.write(state)),
        write_balance(pool.vault_a, pool.token_a, AUTHORITY, held_a),
        write_balance(pool.vault_b, pool.token_b, AUTHORITY, held_b),
        write_mint(pool.token_a),
        write_mint(pool.token_b),
    )
