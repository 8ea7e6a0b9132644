"""Decodes, encodes and trades DLMM pairs, for a release of the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cambist.faults import Code
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.venues.logs import ProgramLogLine
from cambist.venues.meteora.dlmm import events
from cambist.venues.meteora.dlmm.accounts import (
    BINS_PER_ARRAY,
    PAIR,
    Bins,
    DlmmPairAccount,
    Release,
    check_pair,
    read_bins,
    read_marks,
    write_bins,
    write_extension,
    write_marks,
)
from cambist.venues.meteora.dlmm.bin_arrays import PROGRAM, array_address, extension_address
from cambist.venues.meteora.dlmm.instructions import swap_call
from cambist.venues.meteora.dlmm.pool import DlmmPool
from cambist.venues.program import Instruction, KnownError, PoolCreated, SwapEvent, SwapParams
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot
from cambist.venues.tokens import read_mint, write_mint

ARRAYS_EACH_WAY: Final = 16
"""How many arrays that hold something are asked for on either side, the active one counted: a
transaction of 64 accounts carries them beside those of two other swaps."""


class Dlmm:
    """Meteora's DLMM. `orders` says whether its release knows limit orders (0.12) or not (0.11).

    Where older releases, to that of 2026-03, know no limit orders, they know no fee on Y only
    either, and they go on with what the rounding leaves of an amount that drains a bin.
    """

    venue = "meteora"
    name = "dlmm"
    id = PROGRAM
    errors: Mapping[str, Code] = events.ERRORS

    def __init__(self, *, orders: bool = True) -> None:
        self._orders = orders
        self._release: Release = "0.12" if orders else "0.11"

    def required_accounts(self, address: Address, snapshot: Snapshot) -> tuple[Address, ...]:
        """Return the accounts a pair needs beside those in the snapshot. Raises PoolRejected.

        The second half of the bitmap may not exist: it is asked for once, with the mints.
        """
        held = snapshot.get(address)
        if held is None:
            return (address,)
        pair = _read_pair(address, snapshot)
        wanted = [mint for mint in (pair.mint_x, pair.mint_y) if snapshot.get(mint) is None]
        if wanted:
            wanted.append(extension_address(address))
        wanted += [
            at
            for index in _near(_marks(address, snapshot), pair.active_id)
            if snapshot.get(at := array_address(address, index)) is None
        ]
        return tuple(wanted)

    def decode(self, address: Address, snapshot: Snapshot) -> DlmmPool:
        """Return the pair, with the arrays that the snapshot holds. Raises PoolRejected."""
        pair = _read_pair(address, snapshot)
        if pair.collect_fee_mode and not self._orders:
            raise PoolRejected(RejectReason.RELEASE_NOT_CHECKED, "a fee on Y only")
        x, y = read_mint(snapshot, pair.mint_x), read_mint(snapshot, pair.mint_y)
        for mint, flag in ((x, pair.flag_x), (y, pair.flag_y)):
            if mint.token_program != (TOKEN_2022_PROGRAM if flag else TOKEN_PROGRAM):
                raise PoolRejected(RejectReason.WRONG_OWNER, mint.address)
        marked = _marks(address, snapshot)
        arrays: list[Bins] = []
        for index in _near(marked, pair.active_id):
            at = array_address(address, index)
            if snapshot.get(at) is None:
                continue
            data = snapshot.owned(at, PROGRAM).data
            orders = self._orders and pair.has_orders
            arrays.append(read_bins(data, address, index, pair.bin_step, orders=orders))
        return DlmmPool(
            address,
            pair,
            x,
            y,
            tuple(arrays),
            marked,
            snapshot.get(extension_address(address)) is not None,
            snapshot.time,
            self._release,
        )

    def encode(self, pool: DlmmPool) -> tuple[Account, ...]:
        """Return accounts that decode to this pair; what plays no part in swaps is zero."""
        own = write_marks(PAIR.write(pool.pair), pool.marked)
        accounts = [Account(pool.address, PROGRAM, own), write_mint(pool.x), write_mint(pool.y)]
        if pool.extended:
            data = write_extension(pool.marked, pool.address)
            accounts.append(Account(extension_address(pool.address), PROGRAM, data))
        accounts += [
            Account(array_address(pool.address, bins[0]), PROGRAM, write_bins(bins, pool.address))
            for bins in pool.arrays
        ]
        return tuple(accounts)

    def instruction(self, pool: DlmmPool, trade: SwapParams) -> Instruction:
        """Return the call that does a trade. Raises PoolRejected."""
        if trade.mint_in not in {pool.mint_a, pool.mint_b}:
            raise PoolRejected(RejectReason.WRONG_TOKEN, trade.mint_in)
        return swap_call(pool, trade)

    def parse_swaps(
        self, _lines: Sequence[ProgramLogLine], inner: Sequence[Instruction]
    ) -> tuple[SwapEvent, ...]:
        """Return the swaps that a transaction reports: in inner instructions, not in logs."""
        return events.traded(inner)

    def parse_pool_created(self, instruction: Instruction) -> PoolCreated | None:
        """Return the pair that an instruction makes, or None when it makes none."""
        return events.opened(instruction)

    def error(self, lines: Sequence[ProgramLogLine], number: int | None) -> KnownError | None:
        """Return what a failed transaction says of itself."""
        return events.error(lines, number)


def _read_pair(address: Address, snapshot: Snapshot) -> DlmmPairAccount:
    pair = PAIR.read(snapshot.owned(address, PROGRAM).data)
    check_pair(pair)
    return pair


def _marks(address: Address, snapshot: Snapshot) -> tuple[int, ...]:
    at = extension_address(address)
    extension = None if snapshot.get(at) is None else snapshot.owned(at, PROGRAM).data
    return read_marks(snapshot.owned(address, PROGRAM).data, extension, address)


def _near(marked: Sequence[int], active_id: int) -> tuple[int, ...]:
    """Return the marked arrays about the active bin, by index."""
    first = active_id // BINS_PER_ARRAY
    below = [index for index in marked if index <= first][-ARRAYS_EACH_WAY:]
    above = [index for index in marked if index >= first]
    return tuple(sorted({*below, *above[:ARRAYS_EACH_WAY]}))


DLMM: Final = Dlmm()
"""DLMM as deployed since release 0.12."""
