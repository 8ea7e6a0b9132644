"""Quotes a DLMM pair as it stood at one slot: amounts the short way, swaps with all they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from cambist.curves.bins import ONE, BinFee
from cambist.curves.cumulative_bins import BEYOND, CumulativeBins
from cambist.curves.price_impact import impact_hundredths, unless_dust
from cambist.curves.segments import Segment, limited
from cambist.curves.transfer_fee import TransferFee
from cambist.faults import Fault
from cambist.values.amount import BPS_ONE, RAW_MAX, mul_div_floor
from cambist.values.ids import Address
from cambist.values.route import Quote, SwapMode
from cambist.values.time_units import Slot
from cambist.venues.meteora.dlmm.accounts import (
    BINS_PER_ARRAY,
    PERMISSIONED,
    Bin,
    Bins,
    DlmmPairAccount,
    Release,
)
from cambist.venues.meteora.dlmm.bin_arrays import (
    array_address,
    bins_ahead,
    changed,
    marked_ahead,
    rungs,
    within_reach,
)
from cambist.venues.meteora.dlmm.bin_walk import BinSwap, Walked, kept, walk_in, walk_out
from cambist.venues.pool import Fees, SwapResult
from cambist.venues.quoting import quote
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected
from cambist.venues.tokens import Mint

_ONLY_Y: Final = 1
_X, _Y, _BEGUN, _OPEN = map(attrgetter, ("x", "y", "begun_orders", "open_orders"))
_U32_MAX, _I64_MAX = 2**32 - 1, 2**63 - 1


class _Side(NamedTuple):
    """What a swap that gives one of the tokens needs, the mints' fees as they are now."""

    ladder: CumulativeBins
    fee_in: TransferFee
    fee_out: TransferFee


class DlmmPool(msgspec.Struct, frozen=True, dict=True):
    """A pair, those of its bins that are known, and the clock it is quoted at.

    `marked` are the arrays that hold something, by index, and `arrays` those of them whose bins are
    known; `extended` says whether the second half of the bitmap exists.
    """

    address: Address
    pair: DlmmPairAccount
    x: Mint
    y: Mint
    arrays: tuple[Bins, ...]
    marked: tuple[int, ...]
    extended: bool
    time: ChainTime
    release: Release = "0.12"

    venue = "meteora"
    program = "dlmm"
    exact_out = True

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its mints' powers mean to who holds their tokens."""
        return self.x.warnings + self.y.warnings

    @property
    def slot(self) -> Slot:
        """When it stood so."""
        return self.time.slot

    @property
    def is_time_dependent(self) -> bool:
        """Whether its fee fades with time, or a later epoch brings another transfer fee."""
        epoch = self.time.epoch
        moves = self.x.fee_changes(epoch) or self.y.fee_changes(epoch)
        return moves or bool(self.pair.variable_fee_control)

    @property
    def mint_a(self) -> Address:
        """X."""
        return self.pair.mint_x

    @property
    def mint_b(self) -> Address:
        """Y."""
        return self.pair.mint_y

    def at(self, time: ChainTime) -> DlmmPool:
        """Return the same pair under another clock: it moves the fee, and opens the pair."""
        x, y = self.x.at(time.epoch), self.y.at(time.epoch)
        pair = replace(self, time=time, x=x, y=y)
        same = x is self.x and y is self.y and not self.pair.variable_fee_control
        if same and not self._refusal and not pair._refusal:  # noqa: SLF001 -- our own
            # Nothing in the sums so far depends on the clock.
            pair.__dict__.update(_down=self._down, _up=self._up)
        held = self.__dict__  # what bins hold does not depend on it either
        pair.__dict__.update({name: held[name] for name in ("_most_x", "_most_y") if name in held})
        return pair

    def amount_out(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units would bring; 0 wherever `swap` raises."""
        pair = self.pair
        side = (
            self._down if mint_in == pair.mint_x else self._up if mint_in == pair.mint_y else None
        )
        if side is None or not 0 < amount <= RAW_MAX:
            return 0
        ladder, fee_in, fee_out = side
        out = ladder.paid(amount - fee_in.of(amount) if fee_in.bps else amount)
        if out == BEYOND:
            return self._slowly(mint_in, "exact_in", amount)
        return out - fee_out.of(out) if fee_out.bps else out

    def amount_in(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units out would cost; 0 wherever `swap` raises."""
        pair = self.pair
        side = (
            self._down if mint_in == pair.mint_x else self._up if mint_in == pair.mint_y else None
        )
        if side is None or not 0 < amount <= RAW_MAX:
            return 0
        ladder, fee_in, fee_out = side
        given = ladder.given(amount + fee_out.on(amount) if fee_out.bps else amount)
        if given == BEYOND:
            return self._slowly(mint_in, "exact_out", amount)
        if not given or not (fee_in.bps or fee_out.bps):
            return given
        try:
            kept(fee_out, amount)
            return given + kept(fee_in, given)
        except PoolRejected:
            return 0

    def most_out(self, mint_in: Address) -> int:
        """Return what it may pay at most for any amount."""
        return self._most_y if mint_in == self.mint_a else self._most_x

    def curve_key(self, mint_in: Address) -> object:
        """Return what its curve follows from: one object under all clocks that leave it so."""
        return self._down if mint_in == self.mint_a else self._up

    def segments(self, mint_in: Address) -> Iterator[Segment]:
        """Yield its curve, bin by bin."""
        side = (
            self._down if mint_in == self.mint_a else self._up if mint_in == self.mint_b else None
        )
        if side is None:
            return iter(())
        ladder, *fees = side
        taxed = fees[0].bps or fees[1].bps
        known = ladder.segments()
        return limited(known, (RAW_MAX, RAW_MAX), (fees[0], fees[1])) if taxed else known

    def quote(self, mint_in: Address, mode: SwapMode, amount: int) -> Quote | Fault:
        """Return what a swap of this amount would do, or why the pair refuses it."""
        return quote(self, mint_in, mode, amount)

    def swap(self, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult:
        """Return what a swap of this amount does. Raises PoolRejected."""
        down = self._way_of(mint_in)
        if amount <= 0:
            raise PoolRejected(RejectReason.AMOUNT_ZERO)
        if amount > RAW_MAX:
            raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
        fee_in, fee_out = (self.x.fee, self.y.fee) if down else (self.y.fee, self.x.fee)
        way = BinSwap(down, self._fee(down=down), self.pair.protocol_share_bps, self.release)
        if mode == "exact_in":
            kept_in = fee_in.of(amount)
            done = walk_in(self._ahead(down=down), way, amount - kept_in)
            kept_out = fee_out.of(done.paid)
            if done.paid <= kept_out:
                raise PoolRejected(RejectReason.PAYS_NOTHING)
        else:
            kept_out = kept(fee_out, amount)
            done = walk_out(self._ahead(down=down), way, amount + kept_out)
            kept_in = kept(fee_in, done.given)
        fees = Fees(done.fee, done.protocol, not way.fee.on_input, kept_in, kept_out)
        return SwapResult(
            done.given + kept_in,
            done.paid - kept_out,
            fees,
            self._impact(done, fees, down=down),
            lambda: self._end(done, way),
            lambda: self._touched(done.bins[-1].id, down=down),
        )

    def marked_ahead(self, *, down: bool) -> tuple[int, ...]:
        """Return the arrays that hold something and that a swap may walk, nearest first."""
        return marked_ahead(self.marked, self.pair.active_id, down=down)

    # ------------------------------------------------------------------------ worked out once

    @cached_property
    def _refusal(self) -> RejectReason | None:
        """Why no swap is possible now, if so."""
        pair = self.pair
        if pair.status:
            return RejectReason.DISABLED
        now = self.time.unix_s if pair.activation_type else self.time.slot
        if pair.pair_type in PERMISSIONED and now < pair.activation_point:
            return RejectReason.NOT_OPEN_YET
        # The program multiplies before it divides, in 32 bits, and takes times apart in 64.
        elapsed = self.time.unix_s - pair.updated_s
        fades = pair.filter_s <= elapsed < pair.decay_s
        if elapsed > _I64_MAX or (fades and pair.volatility * pair.reduction_bps > _U32_MAX):
            return RejectReason.OUT_OF_BOUNDS
        return None

    @cached_property
    def _most_x(self) -> int:
        first = self.pair.active_id // BINS_PER_ARRAY
        return _sum_held(self.arrays, _X, lambda index: index >= first)

    @cached_property
    def _most_y(self) -> int:
        first = self.pair.active_id // BINS_PER_ARRAY
        return _sum_held(self.arrays, _Y, lambda index: index <= first)

    @cached_property
    def _down(self) -> _Side | None:
        return None if self._refusal else self._side(down=True)

    @cached_property
    def _up(self) -> _Side | None:
        return None if self._refusal else self._side(down=False)

    def _side(self, *, down: bool) -> _Side:
        fees = (self.x.fee, self.y.fee) if down else (self.y.fee, self.x.fee)
        marked = self.marked_ahead(down=down)
        bins = within_reach(bins_ahead(self.arrays, marked, self.pair, down=down), marked)
        ladder = CumulativeBins(
            rungs(bins, down=down), self._fee(down=down), down=down, go_on=self.release == "0.11"
        )
        return _Side(ladder, *fees)

    @cached_property
    def _references(self) -> tuple[int, int]:
        """The volatility and the bin that a swap at this time starts from."""
        pair = self.pair
        elapsed = self.time.unix_s - pair.updated_s
        # `update_references`. Swaps within the filter period share one reference, so a swap cut
        # into many pays the fee of one.
        if elapsed < pair.filter_s:
            return pair.volatility_reference, pair.index_reference
        if elapsed >= pair.decay_s:
            return 0, pair.active_id
        decayed = mul_div_floor(pair.volatility, pair.reduction_bps, BPS_ONE)
        return decayed, pair.active_id

    def _fee(self, *, down: bool) -> BinFee:
        pair = self.pair
        volatility, index = self._references
        # `get_base_fee`: factor * step * 10 * 10^power, over 1e9. On a pair that collects fees in Y
        # alone the fee is on the output when X is given.
        return BinFee(
            pair.base_factor * pair.bin_step * 10 ** (1 + pair.base_fee_power),
            pair.variable_fee_control * pair.bin_step**2,
            volatility,
            pair.volatility_max,
            index,
            on_input=not (down and pair.collect_fee_mode == _ONLY_Y),
        )

    # --------------------------------------------------------------------------------- swaps

    def _way_of(self, mint_in: Address) -> bool:
        """Return whether a swap goes down the prices. Raises PoolRejected."""
        if self._refusal:
            raise PoolRejected(self._refusal)
        if mint_in not in {self.pair.mint_x, self.pair.mint_y}:
            raise PoolRejected(RejectReason.WRONG_TOKEN, mint_in)
        return mint_in == self.pair.mint_x

    def _slowly(self, mint_in: Address, mode: SwapMode, amount: int) -> int:
        try:
            swap = self.swap(mint_in, mode, amount)
        except PoolRejected:
            return 0
        return swap.amount_out if mode == "exact_in" else swap.amount_in

    def _ahead(self, *, down: bool) -> Iterator[Bin]:
        """Yield the bins a swap may take from. Raises PoolRejected where they are not known."""
        marked = self.marked_ahead(down=down)
        bins = bins_ahead(self.arrays, marked, self.pair, down=down)
        if (yield from within_reach(bins, marked)):
            raise PoolRejected(RejectReason.TOO_FAR)
        known = {index for index, _ in self.arrays}
        unknown = next((index for index in marked if index not in known), None)
        if unknown is not None:
            raise PoolRejected(RejectReason.ACCOUNT_MISSING, array_address(self.address, unknown))

    @staticmethod
    def _impact(done: Walked, fees: Fees, *, down: bool) -> int | None:
        net = done.given if fees.on_output else done.given - fees.trade
        gross = done.paid + fees.trade if fees.on_output else done.paid
        first = (done.first, ONE) if down else (ONE, done.first)
        sent, received = done.given + fees.transfer_in, done.paid - fees.transfer_out
        return unless_dust(sent, received, impact_hundredths(net, gross, first))

    def _end(self, done: Walked, way: BinSwap) -> DlmmPool:
        """Return the pair after a swap."""
        pair, last = self.pair, done.bins[-1].id
        volatility, index = self._references
        on_x = way.down == way.fee.on_input
        ended = replace(
            pair,
            active_id=last,
            volatility=way.fee.volatility_at(last),
            volatility_reference=volatility,
            index_reference=index,
            # A swap that stays in its bin does not count as an update.
            updated_s=pair.updated_s if last == pair.active_id else self.time.unix_s,
            protocol_fee_x=pair.protocol_fee_x + (done.protocol if on_x else 0),
            protocol_fee_y=pair.protocol_fee_y + (0 if on_x else done.protocol),
        )
        return replace(self, pair=ended, arrays=changed(self.arrays, done.bins))

    def _touched(self, last: int, *, down: bool) -> tuple[Address, ...]:
        end = last // BINS_PER_ARRAY
        return tuple(
            array_address(self.address, index)
            for index in self.marked_ahead(down=down)
            if (index >= end if down else index <= end)
        )


def _sum_held(
    arrays: Iterable[Bins], side: Callable[[Bin], int], is_ahead: Callable[[int], bool]
) -> int:
    """Return what arrays hold of a token, limit orders counted: they pay no more."""
    ahead = [bins for index, bins in arrays if is_ahead(index)]
    return sum(sum(map(held, bins)) for bins in ahead for held in (side, _BEGUN, _OPEN))
