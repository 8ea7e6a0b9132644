"""States what every kind of pool can do, so that routing needs to know none of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from cambist.curves.segments import Segment
from cambist.faults import Fault
from cambist.values.ids import Address
from cambist.values.route import Quote, SwapMode
from cambist.values.time_units import Slot
from cambist.venues.snapshot import ChainTime


class Fees(msgspec.Struct, frozen=True, gc=False):
    """Where the fee of one swap goes, in raw units.

    `trade` is all that pool and protocol keep of the swap, of the token given, or of the token
    taken where `on_output`; `protocol` is the part of it that leaves the pool's liquidity
    (protocol, fund, creator, partner, referral together). The transfer fees are what Token-2022
    mints keep on the way in and on the way out. `creator_out` is what a creator takes of what is
    paid out, beside `trade`.
    """

    trade: int
    protocol: int = 0
    on_output: bool = False
    transfer_in: int = 0
    transfer_out: int = 0
    creator_out: int = 0


class SwapResult(msgspec.Struct, frozen=True, gc=False):
    """What one swap does, to the unit.

    `amount_in` leaves the trader's account and `amount_out` arrives in it, transfer fees counted.
    `impact_hundredths` is how far the swap's own price, fees apart, is from the first at which the
    pool had anything to pay, in hundredths of a basis point (rounded down); None for dust, of which
    rounding is too much (`curves.price_impact`). `touched` names the tick or bin arrays that the
    instruction has to carry, in the order of the swap. `end` is the pool afterwards.
    """

    amount_in: int
    amount_out: int
    fees: Fees
    impact_hundredths: int | None
    end: Pool
    touched: tuple[Address, ...] = ()


class Pool(Protocol):
    """A pool as it stood at one slot, at a time of the chain. Pure: swapping returns another."""

    @property
    def venue(self) -> str:
        """The venue it belongs to, by name: raydium or meteora."""

    @property
    def program(self) -> str:
        """The program that runs it, by its short name: cpmm, clmm, dlmm, ..."""

    @property
    def address(self) -> Address:
        """Its account."""

    @property
    def mint_a(self) -> Address:
        """The first of its two mints, in the program's own order."""

    @property
    def mint_b(self) -> Address:
        """The second."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever trades its tokens should know: sentences."""

    @property
    def slot(self) -> Slot:
        """When it stood so."""

    @property
    def time(self) -> ChainTime:
        """The chain's clock then."""

    @property
    def is_time_dependent(self) -> bool:
        """Whether the clock alone moves what a swap does."""

    @property
    def exact_out(self) -> bool:
        """Whether its program can be asked for an exact amount out."""

    def at(self, time: ChainTime) -> Pool:
        """Return the same pool under another clock: fees may depend on it."""

    def amount_out(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units would bring; 0 wherever `swap` raises.

        The fast path: the same number as `swap`, without its other figures.
        """

    def amount_in(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units out would cost; 0 wherever `swap` raises."""

    def most_out(self, mint_in: Address) -> int:
        """Return what it may pay at most for any amount, without following its curve."""

    def curve_key(self, mint_in: Address, /) -> object:
        """Return what its curve follows from: one object under all clocks that leave it so."""

    def segments(self, mint_in: Address) -> Iterator[Segment]:
        """Yield its curve as `amount_out` follows it, but for rounding; nothing where it is closed.

        As far as it is known and its vaults go: an amount within may be refused for dust alone.
        """

    def swap(self, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult:
        """Return what a swap of this amount does: raw units given (exact_in) or taken (exact_out).

        Raises Unquotable when the program would refuse it, or when it is not sure what it would do.
        """

    def quote(self, mint_in: Address, mode: SwapMode, amount: int) -> Quote | Fault:
        """Return what a swap of this amount would do, or why the pool refuses it."""
