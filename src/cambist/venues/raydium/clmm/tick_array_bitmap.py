"""Counts tick arrays by the bits that say which of them hold initialised ticks.

The pool account has a bit for each of the 512 arrays on either side of tick 0; an account beside
it, the extension, has the bits beyond. Here they stand in one row, little endian: bit 0 is the
lowest array that the extension can name. Source: raydium-clmm, `libraries/tick_array_bit_map.rs`
and `states/tickarray_bitmap_extension.rs`.
"""

from __future__ import annotations

from typing import Final

from cambist.curves.ticks import TICK_MAX

TICKS_IN_ARRAY: Final = 60
INLINE_SIDE: Final = 512
"""How many arrays on one side of tick 0 the pool's own bits cover."""
EXTENSION_MAPS: Final = 14
"""How many times as many arrays the extension covers, on one side."""

_MAP_BYTES: Final = INLINE_SIDE // 8
_INLINE_BYTES: Final = 2 * _MAP_BYTES
_SIDE_BYTES: Final = EXTENSION_MAPS * _MAP_BYTES
_ZERO: Final = INLINE_SIDE * (1 + EXTENSION_MAPS)
NO_BITS: Final = bytes(_INLINE_BYTES)
NO_EXTENSION: Final = bytes(2 * _SIDE_BYTES)


def width(spacing: int) -> int:
    """Return how many ticks an array spans."""
    return TICKS_IN_ARRAY * spacing


def start_of(tick: int, spacing: int) -> int:
    """Return the first tick of the array that a tick falls in."""
    wide = TICKS_IN_ARRAY * spacing
    return tick // wide * wide


def has_extension(spacing: int) -> bool:
    """Whether arrays can lie beyond the pool's own bits."""
    return INLINE_SIDE * width(spacing) < TICK_MAX


def is_inline(start: int, spacing: int) -> bool:
    """Whether the pool's own bits cover an array."""
    return -INLINE_SIDE <= start // width(spacing) < INLINE_SIDE


def join(inline: bytes, extension: bytes) -> bytes:
    """Return all bits in a row: 128 bytes of the pool's, 1,792 of the extension's.

    The extension begins with the maps above, then come those below, each counted away from 0.
    """
    above, below = extension[:_SIDE_BYTES], extension[_SIDE_BYTES:]
    maps = [below[at : at + _MAP_BYTES] for at in range(0, _SIDE_BYTES, _MAP_BYTES)]
    return b"".join((*reversed(maps), inline, above))


def split(bits: bytes) -> tuple[bytes, bytes]:
    """Return the pool's own bits and the extension's: the inverse of `join`."""
    below, inline = bits[:_SIDE_BYTES], bits[_SIDE_BYTES : _SIDE_BYTES + _INLINE_BYTES]
    maps = [below[at : at + _MAP_BYTES] for at in range(0, _SIDE_BYTES, _MAP_BYTES)]
    return inline, bits[_SIDE_BYTES + _INLINE_BYTES :] + b"".join(reversed(maps))


def is_set(bits: bytes, start: int, spacing: int) -> bool:
    """Whether an array holds initialised ticks."""
    at = start // width(spacing) + _ZERO
    return 0 <= at < 8 * len(bits) and bool(bits[at >> 3] >> (at & 7) & 1)


def with_bit(bits: bytes, start: int, spacing: int, *, on: bool = True) -> bytes:
    """Return the bits with an array's set, or cleared."""
    mask = 1 << start // width(spacing) + _ZERO
    number = int.from_bytes(bits, "little")
    return (number | mask if on else number & ~mask).to_bytes(len(bits), "little")


def next_set(bits: bytes, start: int, spacing: int, *, down: bool) -> int | None:
    """Return the start of the next set array beyond one, or None."""
    wide, number = width(spacing), int.from_bytes(bits, "little")
    at = start // wide + _ZERO
    if down:
        found = (number & (1 << max(at, 0)) - 1).bit_length() - 1
        return None if found < 0 else (found - _ZERO) * wide
    rest = number >> max(at + 1, 0)
    if not rest:
        return None
    found = (rest & -rest).bit_length() + max(at, -1)
    return (found - _ZERO) * wide
