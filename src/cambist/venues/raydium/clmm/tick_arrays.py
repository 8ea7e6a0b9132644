"""Reads and writes tick arrays, and names the accounts that arrays and bitmaps stand in."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from cambist.curves.tick_walk_state import TickOrders, Ticks
from cambist.curves.ticks import TICK_MAX, sqrt_at_tick
from cambist.values.ids import Address
from cambist.values.program_address import key_bytes, program_address
from cambist.venues.raydium.clmm.tick_array_bitmap import TICKS_IN_ARRAY, width
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot

ID: Final = Address("CAMMCzo5YL8w4VFF8KVHrK22GGUsp5VTaW7grrKgrWqK")
ARRAY_BYTES: Final = 10_240
ARRAY_MAGIC: Final = bytes.fromhex("c09b55cd31f9812a")

_POOL_AT, _START_AT, _TICKS_AT, _COUNT_AT = 8, 40, 44, 10_124
_TICK: Final = struct.Struct("<iQqQQ80xQQQQQ12x")
"""Tick, net (low, high), gross (low, high), phase, orders, part filled, ratio of it (low, high)."""
_U64: Final = (1 << 64) - 1
_REMEMBERED_MAX: Final = 1_024
_ADDRESSES_MAX: Final = 16_384
NO_TICKS: Final = Ticks((), (), ())


class TickArray(NamedTuple):
    """The initialised ticks of one array, and the limit orders on them by tick."""

    start: int
    ticks: Ticks
    orders: tuple[tuple[int, TickOrders], ...] = ()


@lru_cache(maxsize=_ADDRESSES_MAX)
def array_address(pool: Address, start: int) -> Address:
    """Return the account of the array that begins at a tick."""
    return program_address([b"tick_array", key_bytes(pool), struct.pack(">i", start)], ID)[0]


@lru_cache(maxsize=_ADDRESSES_MAX)
def extension_address(pool: Address) -> Address:
    """Return the account of the bits beyond the pool's own."""
    return program_address([b"pool_tick_array_bitmap_extension", key_bytes(pool)], ID)[0]


@lru_cache(maxsize=_ADDRESSES_MAX)
def _key(address: Address) -> bytes:
    return key_bytes(address)


def read_array(snapshot: Snapshot, pool: Address, start: int, spacing: int) -> TickArray | None:
    """Return an array, or None when it is not in the snapshot. Raises PoolRejected."""
    address = array_address(pool, start)
    if snapshot.get(address) is None:
        return None
    data = snapshot.owned(address, ID).data
    if len(data) != ARRAY_BYTES:
        raise PoolRejected(RejectReason.WRONG_SIZE, address)
    if not data.startswith(ARRAY_MAGIC) or data[_POOL_AT:_START_AT] != _key(pool):
        raise PoolRejected(RejectReason.WRONG_KIND, address)
    array = _parse(data, spacing)
    if array is None or array.start != start:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, f"ticks of {address}")
    return array


@lru_cache(maxsize=_REMEMBERED_MAX)
def _parse(data: bytes, spacing: int) -> TickArray | None:
    """Return what an array holds, or None for ticks where they cannot be.

    Remembered by its bytes, since most arrays are the same from one slot to the next.
    """
    (start,) = struct.unpack_from("<i", data, _START_AT)
    numbers, prices, nets, resting = [], [], [], []
    end = _TICKS_AT + TICKS_IN_ARRAY * _TICK.size
    for at, tick in enumerate(_TICK.iter_unpack(data[_TICKS_AT:end])):
        number, low, high, gross, gross_high, _, untouched, started, _, _ = tick
        if not gross and not gross_high and not untouched and not started:
            continue
        if number != start + at * spacing or abs(number) > TICK_MAX:
            return None
        numbers.append(number)
        prices.append(sqrt_at_tick(number))
        nets.append(high << 64 | low)
        if untouched or started:
            alone = not gross and not gross_high
            resting.append((number, TickOrders(untouched, started, alone)))
    # An array whose bit is set holds a tick: the program stops where it finds none.
    if not numbers:
        return None
    return TickArray(start, Ticks(tuple(numbers), tuple(prices), tuple(nets)), tuple(resting))


def joined(arrays: Iterable[TickArray]) -> Ticks:
    """Return the ticks of arrays that rise from one to the next."""
    numbers: list[int] = []
    prices: list[int] = []
    nets: list[int] = []
    for array in arrays:
        numbers += array.ticks.numbers
        prices += array.ticks.prices
        nets += array.ticks.nets
    return Ticks(tuple(numbers), tuple(prices), tuple(nets))


def write_array(pool: Address, array: TickArray, spacing: int) -> Account:
    """Return an account that reads as this array; what its ticks remember of fees is zero."""
    data = bytearray(ARRAY_BYTES)
    data[:_POOL_AT], data[_POOL_AT:_START_AT] = ARRAY_MAGIC, key_bytes(pool)
    struct.pack_into("<i", data, _START_AT, array.start)
    resting = dict(array.orders)
    for number, net in zip(array.ticks.numbers, array.ticks.nets, strict=True):
        untouched, started, alone = resting.get(number, TickOrders(0, 0))
        gross = 0 if alone else abs(net) or 1
        at = _TICKS_AT + (number - array.start) // spacing * _TICK.size
        wide = (net & _U64, net >> 64, gross & _U64, gross >> 64)
        _TICK.pack_into(data, at, number, *wide, 0, untouched, started, 0, 0)
    data[_COUNT_AT] = len(array.ticks.numbers)
    return Account(array_address(pool, array.start), ID, bytes(data))


def of_array(ticks: Ticks, start: int, spacing: int) -> Ticks:
    """Return those of the ticks that an array holds."""
    kept = [at for at, number in enumerate(ticks.numbers) if 0 <= number - start < width(spacing)]
    if not kept:
        return NO_TICKS
    low, high = kept[0], kept[-1] + 1
    return Ticks(ticks.numbers[low:high], ticks.prices[low:high], ticks.nets[low:high])
