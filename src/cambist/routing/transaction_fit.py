"""Writes the swaps of ways, to see which of them fit one transaction together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, SupportsInt

from cambist.optimizer.clearing import SplitRequest
from cambist.routing.legs import RouteLegs
from cambist.routing.paths import Way
from cambist.routing.split import Split
from cambist.routing.transaction_limits import Envelope, Load, limit_exceeded, load
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM, associated_token
from cambist.values.route import Leg, SwapMode
from cambist.venues.pool import Pool
from cambist.venues.program import Instruction, Program, SwapParams
from cambist.venues.snapshot import PoolRejected

Programs = Mapping[str, Program[Any]]
"""The programs by short name: what writes the swaps whose size is counted."""
_SHARE_WRITTEN: Final = 64
"""Swaps are written for this share of the amount at least, to see how large they are."""
_NOBODY: Final = Address("11111111111111111111111111111111")


class RouteSizer:
    """Decides which ways fit one transaction together; each way's swaps are written once."""

    def __init__(self, programs: Programs, request: SplitRequest, envelope: Envelope) -> None:
        self._programs, self.envelope = programs, envelope
        self.has_refused = False
        """Whether some ways did not fit together: then the envelope may cost something."""
        self._mode, self._least = request.mode, request.amount // _SHARE_WRITTEN
        self._loads: dict[int, Load | None] = {}

    def fits(self, ways: Sequence[Way], sizes: Sequence[SupportsInt]) -> bool:
        """Whether swaps of about these amounts fit; yes where no program is known."""
        if not self._programs:
            return True
        loads = []
        for way, size in zip(ways, sizes, strict=True):
            if id(way) not in self._loads:
                self._loads[id(way)] = self._written(way, max(int(size), self._least))
            loads.append(self._loads[id(way)])
        known = [written for written in loads if written is not None]
        if len(known) < len(loads):
            return False
        fits = limit_exceeded(known, _NOBODY, self.envelope) is None
        self.has_refused |= not fits
        return fits

    def _written(self, way: Way, size: int) -> Load | None:
        """Return what a way adds; None where a swap is refused, or nobody can write it."""
        pools, mints = way.path.pools, way.path.mints
        if any(pool.program not in self._programs for pool in pools):
            return None
        sizes = [(self._mode, size)]
        if len(pools) > 1:
            middle = way.path.hub_amount(self._mode, size)
            sizes = [("exact_out", middle), ("exact_in", middle)]
        try:
            calls = [
                _call(self._programs, pool, mint, size, pool.swap(mint, *size).touched)
                for pool, mint, size in zip(pools, mints, sizes, strict=True)
            ]
        except PoolRejected:
            return None
        return load(calls, [pool.program for pool in pools], self.envelope)

    def limit_exceeded(self, found: Split, drawn: RouteLegs) -> str | None:
        """Return why these legs do not fit a transaction; None where that is unknown."""
        pools = [pool for share in found.shares for pool in share.path.pools]
        if any(pool.program not in self._programs for pool in pools):
            return None
        try:
            calls = [
                _call(self._programs, pool, leg.mint_in, (leg.mode, _sized(leg)), arrays)
                for pool, leg, arrays in zip(pools, drawn.legs, drawn.touched, strict=True)
            ]
        except PoolRejected as refused:
            return str(refused)
        loads = (load(calls, [pool.program for pool in pools], self.envelope),)
        return limit_exceeded(loads, _NOBODY, self.envelope)


def _sized(leg: Leg) -> int:
    return leg.amount_in if leg.mode == "exact_in" else leg.amount_out


def _call(
    programs: Programs,
    pool: Pool,
    mint_in: Address,
    size: tuple[SwapMode, int],
    arrays: tuple[Address, ...],
) -> Instruction:
    """Return the instruction of one swap. Raises PoolRejected."""
    mint_out = pool.mint_b if mint_in == pool.mint_a else pool.mint_a
    source, target = (
        associated_token(_NOBODY, mint, TOKEN_PROGRAM) for mint in (mint_in, mint_out)
    )
    trade = SwapParams(_NOBODY, source, target, mint_in, *size, 0, arrays)
    return programs[pool.program].instruction(pool, trade)
