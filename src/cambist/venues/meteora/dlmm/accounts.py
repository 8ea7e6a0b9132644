"""Reads and writes the accounts of a DLMM pair: the pair itself, its bins, and its bitmap."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

import msgspec

from cambist.curves.bins import price_at
from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.program_address import key_bytes
from cambist.venues.layout import Layout
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected

PAIR_BYTES: Final = 904
ARRAY_BYTES: Final = 10_136
EXTENSION_BYTES: Final = 1_576
BINS_PER_ARRAY: Final = 70
INLINE_ARRAYS: Final = 512
"""How many arrays either way of the zeroth the pair's own bitmap knows."""

ARRAYS_MAX: Final = INLINE_ARRAYS * 13
"""How many arrays either way of the zeroth the extension knows."""

BIN_ID_MAX: Final = 443_636

PERMISSIONED: Final = frozenset({1, 2})
"""The kinds of pair that open at a point in time: by permission, and customizable."""

_PAIR_TYPE_MAX, _FUNCTION_MAX, _COLLECT_MAX, _POWER_MAX, _STEP_MAX = 3, 2, 1, 9, 10_000
_UNDETERMINED, _ORDERS = 0, 2
_KEPT_MAX: Final = RAW_MAX >> 1
"""Room enough for any fee of one swap, so that no swap need ask."""

_NOBODY: Final = Address("11111111111111111111111111111111")
_BIN: Final = struct.Struct("<QQQQ80xQQQIB3x")
_BIN_BYTES: Final = 144
_BINS_AT: Final = 56
_ARRAY_MAGIC: Final = bytes.fromhex("5c8e5cdc059446b5")
_ARRAY_VERSION_AT, _ARRAY_VERSION, _ARRAY_PAIR_AT = 16, 2, 24
_EXTENSION_MAGIC: Final = bytes.fromhex("506f7c7137ed1205")
_EXTENSION_AT: Final = 40
_BITMAP_AT, _BITMAP_BYTES = 584, 128
_U64: Final = (1 << 64) - 1


class DlmmPairAccount(msgspec.Struct, frozen=True, gc=False):
    """The numbers and keys of a pair that play a part in swaps, as the account has them."""

    base_factor: int
    filter_s: int
    decay_s: int
    reduction_bps: int
    variable_fee_control: int
    volatility_max: int
    bin_min: int
    bin_max: int
    protocol_share_bps: int
    base_fee_power: int
    function: int
    collect_fee_mode: int
    volatility: int
    volatility_reference: int
    index_reference: int
    updated_s: int
    pair_type: int
    active_id: int
    bin_step: int
    status: int
    activation_type: int
    mint_x: Address
    mint_y: Address
    reserve_x: Address
    reserve_y: Address
    protocol_fee_x: int
    protocol_fee_y: int
    reward_mint_1: Address
    reward_mint_2: Address
    oracle: Address
    activation_point: int
    flag_x: int
    flag_y: int

    @property
    def has_orders(self) -> bool:
        """Whether limit orders may stand in its bins, where the program knows them."""
        if self.function == _UNDETERMINED:
            return self.reward_mint_1 == self.reward_mint_2 == _NOBODY
        return self.function == _ORDERS


PAIR: Final = Layout(
    DlmmPairAccount,
    PAIR_BYTES,
    {
        "base_factor": (8, "u16"),
        "filter_s": (10, "u16"),
        "decay_s": (12, "u16"),
        "reduction_bps": (14, "u16"),
        "variable_fee_control": (16, "u32"),
        "volatility_max": (20, "u32"),
        "bin_min": (24, "i32"),
        "bin_max": (28, "i32"),
        "protocol_share_bps": (32, "u16"),
        "base_fee_power": (34, "u8"),
        "function": (35, "u8"),
        "collect_fee_mode": (36, "u8"),
        "volatility": (40, "u32"),
        "volatility_reference": (44, "u32"),
        "index_reference": (48, "i32"),
        "updated_s": (56, "i64"),
        "pair_type": (75, "u8"),
        "active_id": (76, "i32"),
        "bin_step": (80, "u16"),
        "status": (82, "u8"),
        "activation_type": (86, "u8"),
        "mint_x": (88, "key"),
        "mint_y": (120, "key"),
        "reserve_x": (152, "key"),
        "reserve_y": (184, "key"),
        "protocol_fee_x": (216, "u64"),
        "protocol_fee_y": (224, "u64"),
        "reward_mint_1": (264, "key"),
        "reward_mint_2": (408, "key"),
        "oracle": (552, "key"),
        "activation_point": (816, "u64"),
        "flag_x": (880, "u8"),
        "flag_y": (881, "u8"),
    },
    bytes.fromhex("210b3162b565b10d"),
)


class Bin(NamedTuple):
    """One bin that holds something, in raw units; its price is y per x in Q64.64.

    `open_orders` and `begun_orders` are of X where `asks`, or else of Y: orders nobody has filled
    yet, and what is left of those of which a part was.
    """

    id: int
    price: int
    x: int
    y: int
    begun_orders: int = 0
    open_orders: int = 0
    asks: bool = False


Release = Literal["0.11", "0.12"]
"""Which program runs: before limit orders (until spring of 2026), or with them."""

Bins = tuple[int, tuple[Bin, ...]]
"""An array's index, and its bins that hold something, by id."""


def check_pair(pair: DlmmPairAccount) -> None:
    """Raise Unquotable for numbers that the program would not have written."""
    bounds = (
        ("a pair type", pair.pair_type, _PAIR_TYPE_MAX),
        ("a function", pair.function, _FUNCTION_MAX),
        ("a fee mode", pair.collect_fee_mode, _COLLECT_MAX),
        ("a status", pair.status, 1),
        ("an activation type", pair.activation_type, 1),
        ("a token program", max(pair.flag_x, pair.flag_y), 1),
        ("a power of the base fee", pair.base_fee_power, _POWER_MAX),
        ("a bin step", pair.bin_step, _STEP_MAX),
        ("a bin", abs(pair.active_id), BIN_ID_MAX),
        ("a reference bin", abs(pair.index_reference), BIN_ID_MAX),
        ("a reduction", pair.reduction_bps, _STEP_MAX),
        ("a protocol share", pair.protocol_share_bps, _STEP_MAX),
        ("a fee kept for the protocol", max(pair.protocol_fee_x, pair.protocol_fee_y), _KEPT_MAX),
    )
    for name, value, most in bounds:
        if value > most:
            raise PoolRejected(RejectReason.OUT_OF_BOUNDS, f"{name} of {value}")
    if not pair.bin_min <= pair.active_id <= pair.bin_max:
        raise PoolRejected(
            RejectReason.OUT_OF_BOUNDS, f"bin {pair.active_id}, out of the pair's range"
        )
    if not pair.bin_step:
        raise PoolRejected(RejectReason.NOT_INITIALISED, "a bin step of 0")


def read_bins(data: bytes, pair: Address, index: int, step: int, *, orders: bool) -> Bins:
    """Return an array's bins. Raises PoolRejected for another pair's, or another array."""
    if len(data) < ARRAY_BYTES:
        raise PoolRejected(RejectReason.WRONG_SIZE, f"{len(data)} bytes, not {ARRAY_BYTES}")
    of_pair = data[_ARRAY_PAIR_AT : _ARRAY_PAIR_AT + 32] == key_bytes(pair)
    if not (data.startswith(_ARRAY_MAGIC) and of_pair):
        raise PoolRejected(RejectReason.WRONG_KIND, f"array {index} of {pair}")
    if int.from_bytes(data[8:16], "little", signed=True) != index:
        raise PoolRejected(RejectReason.WRONG_KIND, f"array {index} of {pair}")
    found, bin_id = [], index * BINS_PER_ARRAY
    for x, y, low, high, open_, whole, begun, _, asks in _BIN.iter_unpack(
        data[_BINS_AT : _BINS_AT + BINS_PER_ARRAY * _BIN_BYTES]
    ):
        if not orders:
            open_ = begun = 0
        elif begun > whole:
            raise PoolRejected(
                RejectReason.RELEASE_NOT_CHECKED, f"bin {bin_id} counts as before orders"
            )
        if x or y or open_ or begun:
            price = low | high << 64 or price_at(bin_id, step)
            if not price:
                raise PoolRejected(RejectReason.OUT_OF_BOUNDS, f"bin {bin_id} has no price")
            found.append(Bin(bin_id, price, x, y, begun, open_, bool(asks and (open_ or begun))))
        bin_id += 1
    return index, tuple(found)


def write_bins(bins: Bins, pair: Address) -> bytes:
    """Return the account of an array; the inverse of `read_bins`."""
    index, held = bins
    data = bytearray(ARRAY_BYTES)
    data[:8] = _ARRAY_MAGIC
    data[8:16] = index.to_bytes(8, "little", signed=True)
    data[_ARRAY_VERSION_AT] = _ARRAY_VERSION
    data[_ARRAY_PAIR_AT : _ARRAY_PAIR_AT + 32] = key_bytes(pair)
    for bin_ in held:
        at = _BINS_AT + (bin_.id - index * BINS_PER_ARRAY) * _BIN_BYTES
        _BIN.pack_into(
            data, at, bin_.x, bin_.y, bin_.price & _U64, bin_.price >> 64, bin_.open_orders,
            bin_.begun_orders, bin_.begun_orders, 1 if bin_.begun_orders else 0, bin_.asks,
        )  # fmt: skip
    return bytes(data)


def read_marks(pair: bytes, extension: bytes | None, address: Address) -> tuple[int, ...]:
    """Return the indices of arrays that hold something, by both bitmaps. Raises PoolRejected."""
    own = int.from_bytes(pair[_BITMAP_AT : _BITMAP_AT + _BITMAP_BYTES], "little")
    found = [bit - INLINE_ARRAYS for bit in _bits(own)]
    if extension is None:
        return tuple(found)
    if len(extension) < EXTENSION_BYTES:
        raise PoolRejected(
            RejectReason.WRONG_SIZE, f"{len(extension)} bytes, not {EXTENSION_BYTES}"
        )
    if not extension.startswith(_EXTENSION_MAGIC) or extension[8:40] != key_bytes(address):
        raise PoolRejected(RejectReason.WRONG_KIND, f"the bitmap of {address}")
    half = (EXTENSION_BYTES - _EXTENSION_AT) // 2
    above = int.from_bytes(extension[_EXTENSION_AT : _EXTENSION_AT + half], "little")
    below = int.from_bytes(extension[_EXTENSION_AT + half : EXTENSION_BYTES], "little")
    found += [INLINE_ARRAYS + bit for bit in _bits(above)]
    return (*reversed([-INLINE_ARRAYS - 1 - bit for bit in _bits(below)]), *found)


def write_marks(pair: bytes, marks: Iterable[int]) -> bytes:
    """Return the pair's account with its own half of the marks."""
    own = sum(1 << mark + INLINE_ARRAYS for mark in marks if is_inline(mark))
    data = bytearray(pair)
    data[_BITMAP_AT : _BITMAP_AT + _BITMAP_BYTES] = own.to_bytes(_BITMAP_BYTES, "little")
    return bytes(data)


def write_extension(marks: Iterable[int], pair: Address) -> bytes:
    """Return the account with the marks that lie outside of the pair's own bitmap."""
    half = (EXTENSION_BYTES - _EXTENSION_AT) // 2
    outer = [mark for mark in marks if not is_inline(mark)]
    above = sum(1 << index - INLINE_ARRAYS for index in outer if index > 0)
    below = sum(1 << -INLINE_ARRAYS - 1 - index for index in outer if index < 0)
    head = _EXTENSION_MAGIC + key_bytes(pair)
    return head + above.to_bytes(half, "little") + below.to_bytes(half, "little")


def is_inline(index: int) -> bool:
    """Whether the pair's own bitmap knows an array."""
    return -INLINE_ARRAYS <= index < INLINE_ARRAYS


def _bits(word: int) -> Iterator[int]:
    """Yield the places of the bits set, lowest first."""
    while word:
        low = word & -word
        yield low.bit_length() - 1
        word ^= low
