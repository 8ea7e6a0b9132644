"""Finds the arrays and the bins that lie ahead of a swap, and puts them back changed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from cambist.curves.cumulative_bins import BinStep
from cambist.values.ids import Address
from cambist.values.program_address import key_bytes, program_address
from cambist.venues.meteora.dlmm.accounts import BINS_PER_ARRAY, Bin, Bins, DlmmPairAccount
from cambist.venues.meteora.dlmm.bin_walk import layers_of

PROGRAM: Final = Address("LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo")

UNITS_MAX: Final = 1_320_000
BIN_UNITS: Final = 8_100
ARRAY_UNITS: Final = 25_000
"""What bins and arrays of one swap may take of a transaction's 1,400,000 compute units, since the
swap itself takes some 50,000; a bin that holds something, limit orders counted; and an array, the
empty bins in it counted (measured on the compiled programs)."""

_REMEMBERED_MAX: Final = 16_384


@lru_cache(maxsize=_REMEMBERED_MAX)
def array_address(pair: Address, index: int) -> Address:
    """Return where an array of a pair's bins is."""
    seeds = (b"bin_array", key_bytes(pair), index.to_bytes(8, "little", signed=True))
    return program_address(seeds, PROGRAM)[0]


def extension_address(pair: Address) -> Address:
    """Return where the second half of a pair's bitmap is, if it has one."""
    return program_address((b"bitmap", key_bytes(pair)), PROGRAM)[0]


def marked_ahead(marked: Sequence[int], active_id: int, *, down: bool) -> tuple[int, ...]:
    """Return the arrays that a swap may walk from the active bin on, nearest first."""
    first = active_id // BINS_PER_ARRAY
    if down:
        return tuple(index for index in reversed(marked) if index <= first)
    return tuple(index for index in marked if index >= first)


def bins_ahead(
    arrays: Sequence[Bins], marked: Sequence[int], pair: DlmmPairAccount, *, down: bool
) -> Iterator[Bin]:
    """Yield the bins that hold something to take, nearest first, until one is not known.

    A swap never leaves the pair's own range.
    """
    known = dict(arrays)
    active = pair.active_id
    low, high = pair.bin_min, pair.bin_max
    for index in marked:
        bins = known.get(index)
        if bins is None:
            return
        if index == active // BINS_PER_ARRAY:
            # A bin is found by its id alone: it stands first.
            bins = (
                bins[: bisect_left(bins, (active + 1,))]
                if down
                else bins[bisect_left(bins, (active,)) :]
            )
        for bin_ in reversed(bins) if down else bins:
            # Orders of the other side are not for this swap.
            held = bin_.y if down else bin_.x
            if not held and (bin_.asks == down or not (bin_.begun_orders or bin_.open_orders)):
                continue
            if not low <= bin_.id <= high:
                return
            yield bin_


def within_reach(bins: Iterable[Bin], marked: Iterable[int]) -> Generator[Bin, None, bool]:
    """Yield bins as long as one transaction can pay for them; return whether it cannot for all."""
    units, arrays, here = 0, iter(marked), None
    for bin_ in bins:
        units += BIN_UNITS
        while here != bin_.id // BINS_PER_ARRAY:
            here = next(arrays)
            units += ARRAY_UNITS
        if units > UNITS_MAX:
            return True
        yield bin_
    return False


def rungs(bins: Iterator[Bin], *, down: bool) -> Iterator[BinStep]:
    """Yield bins as a ladder takes them."""
    for bin_ in bins:
        yield bin_.id, bin_.price, bin_.x if down else bin_.y, layers_of(bin_, down=down)


def changed(arrays: Sequence[Bins], bins: Sequence[Bin]) -> tuple[Bins, ...]:
    """Return arrays with some of their bins replaced; bins left empty are left out."""
    rows: dict[int, list[Bin]] = {}
    known = dict(arrays)
    emptied = False
    for bin_ in bins:
        index = bin_.id // BINS_PER_ARRAY
        row = rows.get(index)
        if row is None:
            row = rows[index] = list(known[index])
        row[bisect_left(row, (bin_.id,))] = bin_
        emptied = emptied or not _holds(bin_)
    if emptied:
        rows = {index: [bin_ for bin_ in row if _holds(bin_)] for index, row in rows.items()}
    return tuple(
        (index, tuple(rows[index])) if index in rows else (index, held) for index, held in arrays
    )


def _holds(bin_: Bin) -> bool:
    return bool(bin_.x or bin_.y or bin_.begun_orders or bin_.open_orders)
