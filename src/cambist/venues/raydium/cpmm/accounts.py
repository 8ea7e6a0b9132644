"""Reads a CPMM pool's accounts (pool, config, vaults, mints) and writes them."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.values.ids import Address
from cambist.values.program_address import program_address
from cambist.venues.layout import Layout
from cambist.venues.raydium.cpmm.pool import PPM_ONE, CpmmFeeRates, CpmmPool, CreatorSide, Release
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot
from cambist.venues.tokens import read_balance, read_mint, write_balance, write_mint

ID: Final = Address("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
AUTHORITY: Final = program_address([b"vault_and_lp_mint_auth_seed"], ID)[0]
_FEES_MAX: Final = (1 << 64) - 1
_SIDES: Final[tuple[CreatorSide, ...]] = ("input", "mint_a", "mint_b")


class CpmmPoolAccount(msgspec.Struct, frozen=True):
    """The pool account, as far as swaps depend on it; a is the program's token 0."""

    config: Address
    vault_a: Address
    vault_b: Address
    mint_a: Address
    mint_b: Address
    observation: Address
    status: int
    protocol_a: int
    protocol_b: int
    fund_a: int
    fund_b: int
    opens_s: int
    creator_on: int
    creator_enabled: int
    creator_a: int
    creator_b: int


class CpmmConfigAccount(msgspec.Struct, frozen=True):
    """The config account: rates in parts per million; protocol and fund of the trade fee."""

    trade_rate: int
    protocol_rate: int
    fund_rate: int
    creator_rate: int


POOL: Final = Layout(
    CpmmPoolAccount,
    637,
    {
        "config": (8, "key"),
        "vault_a": (72, "key"),
        "vault_b": (104, "key"),
        "mint_a": (168, "key"),
        "mint_b": (200, "key"),
        "observation": (296, "key"),
        "status": (329, "u8"),
        "protocol_a": (341, "u64"),
        "protocol_b": (349, "u64"),
        "fund_a": (357, "u64"),
        "fund_b": (365, "u64"),
        "opens_s": (373, "u64"),
        "creator_on": (389, "u8"),
        "creator_enabled": (390, "u8"),
        "creator_a": (397, "u64"),
        "creator_b": (405, "u64"),
    },
    bytes.fromhex("f7ede3f5d7c3de46"),
)
CONFIG: Final = Layout(
    CpmmConfigAccount,
    236,
    {
        "trade_rate": (12, "u64"),
        "protocol_rate": (20, "u64"),
        "fund_rate": (28, "u64"),
        "creator_rate": (108, "u64"),
    },
    bytes.fromhex("daf42168cbcb2b6f"),
)


def wants(address: Address, snapshot: Snapshot) -> tuple[Address, ...]:
    """Return the accounts that are still missing. Raises PoolRejected."""
    if snapshot.get(address) is None:
        return (address,)
    state = POOL.read(snapshot.owned(address, ID).data)
    needed = (state.config, state.vault_a, state.vault_b, state.mint_a, state.mint_b)
    return tuple(address for address in needed if snapshot.get(address) is None)


def decode(address: Address, snapshot: Snapshot, release: Release, *, creators: bool) -> CpmmPool:
    """Return the pool. Raises PoolRejected.

    A pool that takes a creator fee is refused without `creators`, and by a release of before.
    """
    state = POOL.read(snapshot.owned(address, ID).data)
    config = CONFIG.read(snapshot.owned(state.config, ID).data)
    if state.creator_enabled > 1 or state.creator_on >= len(_SIDES):
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "creator fee")
    creator_rate = config.creator_rate if state.creator_enabled else 0
    if creator_rate and (not creators or release == "2025-02"):
        raise PoolRejected(RejectReason.RELEASE_NOT_CHECKED, "creator fee")
    if config.trade_rate + creator_rate >= PPM_ONE:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "fee rates")
    if config.protocol_rate + config.fund_rate > PPM_ONE:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "shares of the fee")
    mint_a, mint_b = read_mint(snapshot, state.mint_a), read_mint(snapshot, state.mint_b)
    if mint_a.address == mint_b.address:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "one mint twice")
    owed_a = state.protocol_a + state.fund_a + state.creator_a
    owed_b = state.protocol_b + state.fund_b + state.creator_b
    reserve_a = read_balance(snapshot, state.vault_a, mint_a) - owed_a
    reserve_b = read_balance(snapshot, state.vault_b, mint_b) - owed_b
    if reserve_a < 0 or reserve_b < 0:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "less in the vaults than is owed")
    return CpmmPool(
        address,
        mint_a,
        mint_b,
        state.vault_a,
        state.vault_b,
        reserve_a,
        reserve_b,
        (owed_a, owed_b),
        CpmmFeeRates(
            config.trade_rate,
            config.protocol_rate,
            config.fund_rate,
            creator_rate,
            _SIDES[state.creator_on],
        ),
        state.config,
        state.observation,
        state.status,
        state.opens_s,
        snapshot.time,
        release,
    )


def encode(pool: CpmmPool) -> tuple[Account, ...]:
    """Return the pool's accounts; what it owes stands as the protocol's."""
    rates = pool.rates
    state = CpmmPoolAccount(
        pool.config,
        pool.vault_a,
        pool.vault_b,
        pool.mint_a,
        pool.mint_b,
        pool.observation,
        pool.status,
        pool.owed[0],
        pool.owed[1],
        0,
        0,
        pool.opens_s,
        _SIDES.index(rates.creator_side),
        int(rates.creator > 0),
        0,
        0,
    )
    config = CpmmConfigAccount(rates.trade, rates.protocol, rates.fund, rates.creator)
    held_a, held_b = pool.reserve_a + pool.owed[0], pool.reserve_b + pool.owed[1]
    return (
        Account(pool.address, ID, POOL.write(state)),
        Account(pool.config, ID, CONFIG.write(config)),
        write_balance(pool.vault_a, pool.token_a, AUTHORITY, held_a),
        write_balance(pool.vault_b, pool.token_b, AUTHORITY, held_b),
        write_mint(pool.token_a),
        write_mint(pool.token_b),
    )
