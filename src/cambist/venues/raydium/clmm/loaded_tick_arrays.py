"""Keeps the tick arrays of a pool that are at hand, and knows which a swap asks for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping
from typing import NamedTuple

from cambist.curves.tick_walk_state import Ticks
from cambist.curves.ticks import sqrt_at_tick
from cambist.values.ids import Address
from cambist.venues.raydium.clmm import tick_array_bitmap
from cambist.venues.raydium.clmm.tick_array_bitmap import is_set, start_of
from cambist.venues.raydium.clmm.tick_arrays import array_address, extension_address


class LoadedTickArrays(NamedTuple):
    """The tick arrays at hand, without a gap from where the price stands, and their ticks.

    `starts` are the arrays' first ticks, rising; `bits` name all arrays there are, `extended`
    whether the bits beyond the pool's own are known.
    """

    spacing: int
    bits: bytes
    extended: bool
    starts: tuple[int, ...]
    ticks: Ticks

    def ahead(self, pool: Address, tick: int, *, down: bool) -> tuple[Address, ...]:
        """Return the arrays at hand from a tick on, in the order of a swap."""
        here = start_of(tick, self.spacing)
        if down:
            starts = [start for start in reversed(self.starts) if start <= here]
        else:
            starts = [start for start in self.starts if start >= here]
        return tuple(array_address(pool, start) for start in starts)

    def touched(self, pool: Address, tick: int, targets: int, *, down: bool) -> tuple[Address, ...]:
        """Return the arrays that the program asks for on the way to so many ticks."""
        spacing, numbers = self.spacing, self.ticks.numbers
        starts: dict[int, None] = {}
        if is_set(self.bits, start := start_of(tick, spacing), spacing):
            starts[start] = None
        above = bisect_right(numbers, tick)
        ahead = numbers[max(above - targets, 0) : above] if down else numbers[above:][:targets]
        for number in reversed(ahead) if down else ahead:
            starts[start_of(number, spacing)] = None
        return tuple(array_address(pool, start) for start in starts)

    def beyond(self, pool: Address, tick: int, *, down: bool) -> Address | None:
        """Return the account that the arrays at hand end before, or None at the end of all."""
        last = start_of(tick, self.spacing)
        if self.starts:
            last = min(last, self.starts[0]) if down else max(last, self.starts[-1])
        start: int | None = last
        if last in self.starts or not is_set(self.bits, last, self.spacing):
            start = tick_array_bitmap.next_set(self.bits, last, self.spacing, down=down)
        if start is not None:
            return array_address(pool, start)
        if tick_array_bitmap.has_extension(self.spacing) and not self.extended:
            return extension_address(pool)
        return None

    def without(self, gone: Collection[int]) -> LoadedTickArrays:
        """Return the shelf without some ticks, and without the arrays that held no others."""
        kept = [at for at, number in enumerate(self.ticks.numbers) if number not in gone]
        ticks = Ticks(*(tuple(row[at] for at in kept) for row in self.ticks))
        left = {start_of(number, self.spacing) for number in ticks.numbers}
        bits = self.bits
        for start in set(self.starts) - left:
            bits = tick_array_bitmap.with_bit(bits, start, self.spacing, on=False)
        starts = tuple(start for start in self.starts if start in left)
        return self._replace(bits=bits, starts=starts, ticks=ticks)


def load(spacing: int, nets: Mapping[int, int]) -> LoadedTickArrays:
    """Return a shelf with these ticks on it, and how much liquidity each adds going up."""
    numbers = tuple(sorted(nets))
    prices = tuple(sqrt_at_tick(number) for number in numbers)
    ticks = Ticks(numbers, prices, tuple(nets[number] for number in numbers))
    starts = tuple(sorted({start_of(number, spacing) for number in numbers}))
    bits = tick_array_bitmap.join(tick_array_bitmap.NO_BITS, tick_array_bitmap.NO_EXTENSION)
    for start in starts:
        bits = tick_array_bitmap.with_bit(bits, start, spacing)
    return LoadedTickArrays(spacing, bits, tick_array_bitmap.has_extension(spacing), starts, ticks)
