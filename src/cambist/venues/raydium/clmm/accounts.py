"""Reads a CLMM pool's accounts (pool, config, vaults, mints, bits, tick arrays) and writes them."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.curves.tick_walk_state import (
    PPM_ONE,
    FeeRates,
    Release2026Features,
    TickOrders,
    TickState,
)
from cambist.curves.ticks import SQRT_MAX, SQRT_MIN, TICK_MAX, TICK_MIN, sqrt_at_tick
from cambist.values.ids import Address
from cambist.venues.layout import Layout
from cambist.venues.raydium.clmm import release_2026, tick_array_bitmap
from cambist.venues.raydium.clmm.loaded_tick_arrays import LoadedTickArrays
from cambist.venues.raydium.clmm.pool import ClmmPool
from cambist.venues.raydium.clmm.tick_arrays import (
    ID,
    TickArray,
    array_address,
    extension_address,
    joined,
    of_array,
    read_array,
    write_array,
)
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot
from cambist.venues.tokens import read_balance, read_mint, write_balance, write_mint

ARRAYS_EACH_WAY: Final = 16
"""How many tick arrays are asked for on either side of the one with the price: a transaction of 64
accounts carries them beside those of two other swaps."""
GROWTH_MAX: Final = 1 << 127
"""From where on the fee growth of a pool might overflow within one swap, which would stop it."""


class ClmmPoolAccount(msgspec.Struct, frozen=True):
    """The pool account, as far as swaps depend on it; a is the program's token 0."""

    config: Address
    mint_a: Address
    mint_b: Address
    vault_a: Address
    vault_b: Address
    observation: Address
    decimals_a: int
    decimals_b: int
    spacing: int
    liquidity: int
    price: int
    tick: int
    growth_a: int
    growth_b: int
    status: int
    fee_on: int
    bits: bytes
    opens_s: int
    volatility: bytes


class ClmmConfigAccount(msgspec.Struct, frozen=True):
    """The config account: rates in parts per million; protocol and fund of the trade fee."""

    protocol_rate: int
    trade_rate: int
    spacing: int
    fund_rate: int


class BitmapExtensionAccount(msgspec.Struct, frozen=True):
    """The account of the bits beyond the pool's own."""

    pool: Address
    bits: bytes


POOL: Final = Layout(
    ClmmPoolAccount,
    1544,
    {
        "config": (9, "key"),
        "mint_a": (73, "key"),
        "mint_b": (105, "key"),
        "vault_a": (137, "key"),
        "vault_b": (169, "key"),
        "observation": (201, "key"),
        "decimals_a": (233, "u8"),
        "decimals_b": (234, "u8"),
        "spacing": (235, "u16"),
        "liquidity": (237, "u128"),
        "price": (253, "u128"),
        "tick": (269, "i32"),
        "growth_a": (277, "u128"),
        "growth_b": (293, "u128"),
        "status": (389, "u8"),
        "fee_on": (390, "u8"),
        "bits": (904, "128s"),
        "opens_s": (1080, "u64"),
        "volatility": (1096, "80s"),
    },
    bytes.fromhex("f7ede3f5d7c3de46"),
)
CONFIG: Final = Layout(
    ClmmConfigAccount,
    117,
    {
        "protocol_rate": (43, "u32"),
        "trade_rate": (47, "u32"),
        "spacing": (51, "u16"),
        "fund_rate": (53, "u32"),
    },
    bytes.fromhex("daf42168cbcb2b6f"),
)
EXTENSION: Final = Layout(
    BitmapExtensionAccount,
    1832,
    {"pool": (8, "key"), "bits": (40, "1792s")},
    bytes.fromhex("3c9624db61808b99"),
)


def wants(address: Address, snapshot: Snapshot) -> tuple[Address, ...]:
    """Return the accounts that are still missing. Raises PoolRejected.

    An extension that the chain has not may be given as an empty account of another owner.
    """
    if snapshot.get(address) is None:
        return (address,)
    state = _state(address, snapshot)
    needed = [state.config, state.vault_a, state.vault_b, state.mint_a, state.mint_b]
    if tick_array_bitmap.has_extension(state.spacing):
        needed.append(extension_address(address))
    bits, _ = _bits(address, state, snapshot)
    starts = _around(bits, state.tick, state.spacing)
    needed += [array_address(address, start) for start in starts]
    return tuple(address for address in needed if snapshot.get(address) is None)


def decode(address: Address, snapshot: Snapshot, *, checked: bool) -> ClmmPool:
    """Return the pool. Raises PoolRejected.

    Fee sides, moving fees and limit orders are proved by no program that could be had: without
    `checked` a pool that has any is refused.
    """
    state = _state(address, snapshot)
    config = CONFIG.read(snapshot.owned(state.config, ID).data)
    rates = FeeRates(config.trade_rate, config.protocol_rate, config.fund_rate)
    if rates.trade >= PPM_ONE or rates.protocol + rates.fund > PPM_ONE:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "fee rates")
    bits, extended = _bits(address, state, snapshot)
    arrays = _arrays(address, bits, state, snapshot)
    orders = tuple(order for array in arrays for order in array.orders)
    renewal = release_2026.read(state.fee_on, state.volatility, orders, state.spacing)
    if renewal is not None and not checked:
        raise PoolRejected(RejectReason.RELEASE_NOT_CHECKED, "fee side, moving fee or limit orders")
    mint_a, mint_b = read_mint(snapshot, state.mint_a), read_mint(snapshot, state.mint_b)
    if mint_a.address == mint_b.address:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "one mint twice")
    return ClmmPool(
        address,
        mint_a,
        mint_b,
        state.vault_a,
        state.vault_b,
        read_balance(snapshot, state.vault_a, mint_a),
        read_balance(snapshot, state.vault_b, mint_b),
        state.config,
        rates,
        state.observation,
        TickState(state.price, state.tick, state.liquidity),
        LoadedTickArrays(
            state.spacing, bits, extended, tuple(array.start for array in arrays), joined(arrays)
        ),
        state.status,
        state.opens_s,
        snapshot.time,
        renewal,
    )


def encode(pool: ClmmPool) -> tuple[Account, ...]:
    """Return the pool's accounts; arrays that are not at hand stay away."""
    shelf = pool.shelf
    inline, beyond = tick_array_bitmap.split(shelf.bits)
    renewal = pool.renewal or Release2026Features()
    state = ClmmPoolAccount(
        pool.config,
        pool.mint_a,
        pool.mint_b,
        pool.vault_a,
        pool.vault_b,
        pool.observation,
        pool.token_a.decimals,
        pool.token_b.decimals,
        shelf.spacing,
        pool.tick_state.liquidity,
        pool.tick_state.price,
        pool.tick_state.tick,
        0,
        0,
        pool.status,
        renewal.fee_on,
        inline,
        pool.opens_s,
        release_2026.write(renewal.volatility),
    )
    rates = pool.rates
    config = ClmmConfigAccount(rates.protocol, rates.trade, shelf.spacing, rates.fund)
    accounts = [
        Account(pool.address, ID, POOL.write(state)),
        Account(pool.config, ID, CONFIG.write(config)),
        write_balance(pool.vault_a, pool.token_a, pool.address, pool.reserve_a),
        write_balance(pool.vault_b, pool.token_b, pool.address, pool.reserve_b),
        write_mint(pool.token_a),
        write_mint(pool.token_b),
    ]
    if shelf.extended:
        extension = EXTENSION.write(BitmapExtensionAccount(pool.address, beyond))
        accounts.append(Account(extension_address(pool.address), ID, extension))
    return (*accounts, *_written(pool, dict(renewal.orders)))


def _written(pool: ClmmPool, orders: dict[int, TickOrders]) -> list[Account]:
    accounts, spacing = [], pool.shelf.spacing
    for start in pool.shelf.starts:
        ticks = of_array(pool.shelf.ticks, start, spacing)
        resting = tuple((number, orders[number]) for number in ticks.numbers if number in orders)
        array = TickArray(start, ticks, resting)
        accounts.append(write_array(pool.address, array, spacing))
    return accounts


def _state(address: Address, snapshot: Snapshot) -> ClmmPoolAccount:
    """Return the pool account, checked. Raises PoolRejected."""
    state = POOL.read(snapshot.owned(address, ID).data)
    if not state.spacing:
        raise PoolRejected(RejectReason.NOT_INITIALISED, address)
    if not TICK_MIN <= state.tick < TICK_MAX or not SQRT_MIN <= state.price < SQRT_MAX:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "price")
    # A swap that ends on a tick, coming down, leaves its price with the tick below.
    if not sqrt_at_tick(state.tick) <= state.price <= sqrt_at_tick(state.tick + 1):
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "price and tick")
    if max(state.growth_a, state.growth_b) >= GROWTH_MAX:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "fee growth")
    return state


def _bits(address: Address, state: ClmmPoolAccount, snapshot: Snapshot) -> tuple[bytes, bool]:
    """Return all bits, and whether those beyond the pool's own are among them."""
    if not tick_array_bitmap.has_extension(state.spacing):
        return tick_array_bitmap.join(state.bits, tick_array_bitmap.NO_EXTENSION), False
    account = snapshot.get(extension_address(address))
    if account is None:
        return tick_array_bitmap.join(state.bits, tick_array_bitmap.NO_EXTENSION), False
    if not account.data and account.owner != ID:
        return tick_array_bitmap.join(state.bits, tick_array_bitmap.NO_EXTENSION), True
    extension = EXTENSION.read(snapshot.owned(account.address, ID).data)
    if extension.pool != address:
        raise PoolRejected(RejectReason.WRONG_KIND, account.address)
    return tick_array_bitmap.join(state.bits, extension.bits), True


def _around(bits: bytes, tick: int, spacing: int) -> list[int]:
    """Return the set arrays that are asked for: the price's own and the nearest each way."""
    here = tick_array_bitmap.start_of(tick, spacing)
    starts = [here] if tick_array_bitmap.is_set(bits, here, spacing) else []
    for down in (True, False):
        start = tick_array_bitmap.next_set(bits, here, spacing, down=down)
        for _ in range(ARRAYS_EACH_WAY):
            if start is None:
                break
            starts.append(start)
            start = tick_array_bitmap.next_set(bits, start, spacing, down=down)
    return starts


def _arrays(
    address: Address, bits: bytes, state: ClmmPoolAccount, snapshot: Snapshot
) -> list[TickArray]:
    """Return the arrays at hand, rising, up to the first on either side that is missing."""
    spacing = state.spacing
    here = tick_array_bitmap.start_of(state.tick, spacing)
    found: list[TickArray] = []
    if tick_array_bitmap.is_set(bits, here, spacing):
        array = read_array(snapshot, address, here, spacing)
        if array is None:
            return []
        found.append(array)
    for down in (True, False):
        start = tick_array_bitmap.next_set(bits, here, spacing, down=down)
        while start is not None:
            array = read_array(snapshot, address, start, spacing)
            if array is None:
                break
            found.append(array)
            start = tick_array_bitmap.next_set(bits, start, spacing, down=down)
    return sorted(found, key=lambda array: array.start)
