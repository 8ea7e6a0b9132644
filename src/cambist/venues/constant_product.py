"""Quotes a pool of two reserves on a curve of constant product."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from cambist.curves import constant_product as curve
from cambist.faults import Code, Fault, fault
from cambist.values.amount import RAW_MAX, Bps, Raw
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.route import Mode, Quote

_PPM_PER_BPS: Final = 100


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

    def quote(self, mint_in: Address, mode: Mode, amount: int) -> Quote | Fault:
        """Return what a swap of `amount` raw units would do, or why the pool refuses it."""
        if mint_in == self.mint_a:
            reserve_in, reserve_out = self.reserve_a, self.reserve_b
        elif mint_in == self.mint_b:
            reserve_in, reserve_out = self.reserve_b, self.reserve_a
        else:
            return self._refuse("does not hold the token given")
        if mode == "exact_in":
            swap = curve.amount_out(reserve_in, reserve_out, amount, self.fee_ppm)
            if not swap.amount_out:
                return self._refuse("would pay nothing for so small an amount")
        elif amount >= reserve_out:
            return self._refuse("holds less than the amount asked for")
        else:
            swap = curve.amount_in(reserve_in, reserve_out, amount, self.fee_ppm)
        if reserve_in + swap.amount_in > RAW_MAX:
            return self._refuse("cannot hold so large an amount")
        return Quote(
            self.venue,
            self.address,
            Raw(swap.amount_in),
            Raw(swap.amount_out),
            Raw(swap.fee),
            Bps(self.fee_ppm // _PPM_PER_BPS),
            curve.impact_hundredths(reserve_in, swap),
            self.slot,
        )

    def swapped(self, mint_in: Address, amount_in: int, amount_out: int) -> ConstantProductPool:
        """Return the pool after a swap of these raw units; the fee stays in the pool."""
        if mint_in == self.mint_a:
            a, b = self.reserve_a + amount_in, self.reserve_b - amount_out
        else:
            a, b = self.reserve_a - amount_out, self.reserve_b + amount_in
        return replace(self, reserve_a=a, reserve_b=b)

    @staticmethod
    def _refuse(why: str) -> Fault:
        return fault(Code.POOL_REFUSED, f"The pool {why}.")
