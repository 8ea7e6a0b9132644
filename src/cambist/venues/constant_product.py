"""Quotes a pool of two reserves on a curve of constant product."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from cambist.curves import constant_product
from cambist.curves.price_impact import unless_dust
from cambist.curves.segments import Segment
from cambist.faults import Fault
from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.route import Quote, SwapMode
from cambist.values.time_units import Slot
from cambist.venues.pool import Fees, SwapResult
from cambist.venues.quoting import quote
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected


class ConstantProductPool(msgspec.Struct, frozen=True, gc=False):
    """A pool as it stood at one slot: reserves in raw units, the fee in parts per million."""

    venue: str
    address: Address
    mint_a: Address
    mint_b: Address
    reserve_a: int
    reserve_b: int
    fee_ppm: int
    slot: Slot

    @property
    def warnings(self) -> tuple[str, ...]:
        """None: it is of no real mints."""
        return ()

    @property
    def program(self) -> str:
        """No program of the real chain."""
        return ""

    @property
    def time(self) -> ChainTime:
        """A clock that stands still."""
        return ChainTime(self.slot, 0, 0)

    @property
    def is_time_dependent(self) -> bool:
        """No clock moves its fee."""
        return False

    def at(self, _time: ChainTime) -> ConstantProductPool:
        """Return the same pool: no clock moves its fee."""
        return self

    def amount_out(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units would bring; 0 when refused."""
        try:
            return self.swap(mint_in, "exact_in", amount).amount_out
        except PoolRejected:
            return 0

    def amount_in(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units out would cost; 0 when refused."""
        try:
            return self.swap(mint_in, "exact_out", amount).amount_in
        except PoolRejected:
            return 0

    @property
    def exact_out(self) -> bool:
        """Either amount may be asked for."""
        return True

    def most_out(self, mint_in: Address) -> int:
        """Return what it may pay at most for any amount."""
        return self.reserve_b if mint_in == self.mint_a else self.reserve_a

    def curve_key(self, _mint_in: Address) -> object:
        """Return what its curve follows from: one object under all clocks that leave it so."""
        return self

    def segments(self, mint_in: Address) -> Iterator[Segment]:
        """Yield its curve: one segment."""
        x, y = self.reserve_a, self.reserve_b
        if mint_in != self.mint_a:
            x, y = y, x
        into, x_of = constant_product.PPM_ONE - self.fee_ppm, constant_product.PPM_ONE * x
        if x > 0 and y > 0 and 0 < into <= constant_product.PPM_ONE:
            yield into * y, x_of, into, x_of, RAW_MAX - x

    def quote(self, mint_in: Address, mode: SwapMode, amount: int) -> Quote | Fault:
        """Return what a swap of `amount` raw units would do, or why the pool refuses it."""
        return quote(self, mint_in, mode, amount)

    def swap(self, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult:
        """Return what a swap of `amount` raw units does. Raises PoolRejected."""
        reserve_in, reserve_out = self._reserves(mint_in)
        if amount <= 0:
            raise PoolRejected(RejectReason.AMOUNT_ZERO)
        if mode == "exact_in":
            swap = constant_product.amount_out(reserve_in, reserve_out, amount, self.fee_ppm)
            if not swap.amount_out:
                raise PoolRejected(RejectReason.PAYS_NOTHING)
        elif amount >= reserve_out:
            raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)
        else:
            swap = constant_product.amount_in(reserve_in, reserve_out, amount, self.fee_ppm)
        if reserve_in + swap.amount_in > RAW_MAX:
            raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
        return SwapResult(
            swap.amount_in,
            swap.amount_out,
            Fees(swap.fee),
            unless_dust(
                swap.amount_in,
                swap.amount_out,
                constant_product.impact_hundredths(reserve_in, swap),
            ),
            lambda: self.swapped(mint_in, swap.amount_in, swap.amount_out),
        )

    def _reserves(self, mint_in: Address) -> tuple[int, int]:
        """Return what it holds of the token given and of the one taken. Raises PoolRejected."""
        if mint_in not in {self.mint_a, self.mint_b}:
            raise PoolRejected(RejectReason.WRONG_TOKEN)
        if min(self.reserve_a, self.reserve_b) <= 0:
            # Out of nothing any amount would buy the whole other reserve.
            raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)
        if not 0 <= self.fee_ppm < constant_product.PPM_ONE:
            raise PoolRejected(RejectReason.OUT_OF_BOUNDS, f"a fee of {self.fee_ppm} ppm")
        if mint_in == self.mint_a:
            return self.reserve_a, self.reserve_b
        return self.reserve_b, self.reserve_a

    def swapped(self, mint_in: Address, amount_in: int, amount_out: int) -> ConstantProductPool:
        """Return the pool after a swap of these raw units; the fee stays in the pool."""
        if mint_in == self.mint_a:
            a, b = self.reserve_a + amount_in, self.reserve_b - amount_out
        else:
            a, b = self.reserve_a - amount_out, self.reserve_b + amount_in
        return replace(self, reserve_a=a, reserve_b=b)
