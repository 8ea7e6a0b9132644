"""Reads numbers and keys at fixed offsets of account bytes into a struct, and writes them back."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec.structs import asdict

from cambist.values.base58 import encode
from cambist.values.program_address import key_bytes
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected

T = TypeVar("T", bound=msgspec.Struct)

KEY_BYTES: Final = 32
_U64: Final = (1 << 64) - 1
_SIMPLE: Final = {
    "u8": "B",
    "u16": "H",
    "u32": "I",
    "u64": "Q",
    "i32": "i",
    "i64": "q",
    "bool": "B",
}
_WIDE: Final = {"u128": False, "i128": True}


class Layout(Generic[T]):
    """Where each field of `shape` stands in an account: `{name: (offset, kind)}`.

    A kind is u8, u16, u32, u64, u128, i32, i64, i128, bool, key, or a number of raw bytes ("40s"),
    or several of a number ("16*u64", read as a tuple). Little endian; fields in any order, without
    overlap.
    """

    def __init__(
        self, shape: Callable[..., T], size: int, fields: Mapping[str, tuple[int, str]],
        magic: bytes = b"",
    ) -> None:  # fmt: skip
        self.size = size
        self.magic = magic
        self._shape = shape
        self._parts: list[tuple[str, str, int, int]] = []
        code, end, taken = "<", 0, 0
        for name, (offset, kind) in sorted(fields.items(), key=lambda field: field[1][0]):
            if offset < end:
                msg = f"{name} at {offset} overlaps what ends at {end}"
                raise ValueError(msg)
            letters, values = _letters(kind)
            code += f"{offset - end}x{letters}"
            end = offset + struct.calcsize("<" + letters)
            self._parts.append((name, kind, taken, values))
            taken += values
        self._struct = struct.Struct(code)
        self.fields = dict(fields)
        if end > size:
            msg = f"the fields end at {end}, after {size} bytes"
            raise ValueError(msg)

    def fits(self, data: bytes) -> bool:
        """Whether there are bytes enough, of the right kind, for `read`."""
        return len(data) >= self.size and data.startswith(self.magic)

    def read(self, data: bytes) -> T:
        """Return the fields. Raises PoolRejected for too few bytes, or another account's magic."""
        if len(data) < self.size:
            raise PoolRejected(RejectReason.WRONG_SIZE, f"{len(data)} bytes, not {self.size}")
        if not data.startswith(self.magic):
            raise PoolRejected(RejectReason.WRONG_KIND, data[: len(self.magic)].hex())
        raw = self._struct.unpack_from(data)
        return self._shape(
            **{
                name: _value(kind, raw[start : start + values])
                for name, kind, start, values in self._parts
            }
        )

    def write(self, value: T, onto: bytes | None = None) -> bytes:
        """Return the bytes: the fields over `onto`, or over zeros; the inverse of `read`."""
        data = bytearray(onto if onto is not None else bytes(self.size))
        data[: len(self.magic)] = self.magic
        given = asdict(value)
        for name, kind, _, _ in self._parts:
            letters, _ = _letters(kind)
            struct.pack_into("<" + letters, data, self.fields[name][0], *_raw(kind, given[name]))
        return bytes(data)


def _letters(kind: str) -> tuple[str, int]:
    """Return a kind in the letters of `struct`, and how many values it unpacks to."""
    count, _, each = kind.rpartition("*")
    times = int(count or 1)
    if each in _SIMPLE:
        return _SIMPLE[each] * times, times
    if each in _WIDE:
        return ("Qq" if _WIDE[each] else "QQ") * times, 2 * times
    return (f"{KEY_BYTES}s" if each == "key" else each) * times, times


def _value(kind: str, raw: tuple[Any, ...]) -> Any:
    count, _, each = kind.rpartition("*")
    if count:
        step = 2 if each in _WIDE else 1
        return tuple(_value(each, raw[at : at + step]) for at in range(0, len(raw), step))
    if each in _WIDE:
        return raw[0] | raw[1] << 64
    if each == "key":
        return encode(raw[0])
    return bool(raw[0]) if each == "bool" else raw[0]


def _raw(kind: str, value: Any) -> tuple[Any, ...]:
    count, _, each = kind.rpartition("*")
    if count:
        return tuple(part for element in value for part in _raw(each, element))
    if each in _WIDE:
        return value & _U64, value >> 64
    return (key_bytes(value) if each == "key" else value,)
