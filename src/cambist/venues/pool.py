"""Defines what every kind of pool can do, so that routing depends on none of them."""

# A pool is a value: the accounts of one slot, decoded, and the chain's clock that goes with them.
# No method asks a node, and no method changes the pool. `swap` can tell the pool afterwards as
# `end`, and `at` returns the same accounts under another clock. Routing can therefore try thousands
# of amounts on one snapshot, and a test can replay a chain of swaps.
#
# Three rules hold for all kinds:
#
# 1. Amounts are exact. `swap` returns what the on-chain program would move, to the raw unit. The
#    bound of a transaction rests on that number, so "about" is of no use here. tests/onchain runs
#    the compiled programs and compares every unit.
# 2. A pool refuses what it does not know for certain. Releases of a program differ, and the pool's
#    bytes do not say which release runs. Where releases would round differently and the release is
#    not known, `swap` raises PoolRejected. A wrong quote costs money; a refused one costs a route.
# 3. `amount_out` and `amount_in` agree with `swap` in every case. They exist for speed: routing
#    asks for an amount far more often than for fees, impact and the state afterwards. They return 0
#    wherever `swap` raises, since an exception for each of many refusals would be slow.
#
# `segments` is the one method that may be off by rounding. It describes the curve for the search,
# which works with floats and only proposes shares; the shares are then asked of `amount_out`.
# `curve_key` identifies what a curve follows from. routing.paths keeps curves by that object, and
# compares it by identity, so a pool returns the same object under all clocks that leave it alike.

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from functools import cached_property
from typing import Final, Protocol, TypeVar

import msgspec
from msgspec.structs import force_setattr

from cambist.curves.segments import Segment
from cambist.curves.transfer_fee import TransferFee
from cambist.faults import Fault
from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.route import Quote, SwapMode
from cambist.values.time_units import Slot
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected
from cambist.venues.tokens import Mint


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


class SwapResult(msgspec.Struct, frozen=True, dict=True, eq=False):
    """What one swap does, to the unit.

    `amount_in` leaves the trader's account and `amount_out` arrives in it, transfer fees counted.
    `impact_hundredths` is how far the swap's own price, fees apart, is from the first at which the
    pool had anything to pay, in hundredths of a basis point (rounded down); None for dust, of which
    rounding is too much (`curves.price_impact`). `end` and `touched` are computed at their first
    use, by `compute_end` and `compute_touched`: most swaps only compare prices and use neither.
    """

    amount_in: int
    amount_out: int
    fees: Fees
    impact_hundredths: int | None
    compute_end: Callable[[], Pool]
    compute_touched: Callable[[], tuple[Address, ...]] = tuple

    @cached_property
    def end(self) -> Pool:
        """The pool afterwards."""
        return self.compute_end()

    @cached_property
    def touched(self) -> tuple[Address, ...]:
        """The tick or bin arrays that the instruction has to carry, in the order of the swap."""
        return self.compute_touched()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SwapResult):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _COMPARED)


_COMPARED: Final = ("amount_in", "amount_out", "fees", "impact_hundredths", "touched", "end")
"""What two results are equal by: not the functions that compute a part of it."""


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

        Raises PoolRejected when the program would refuse it, or when its result is not certain.
        """

    def quote(self, mint_in: Address, mode: SwapMode, amount: int) -> Quote | Fault:
        """Return what a swap of this amount would do, or why the pool refuses it."""


T = TypeVar("T", bound=msgspec.Struct)


def with_time(pool: T, time: ChainTime) -> T:
    """Return a pool with another time and all else as it is, derived fields included.

    Only for a time at which all that the pool derived from its own time is the same.
    """
    other = copy(pool)
    force_setattr(other, "time", time)
    return other


class HasReason(Protocol):
    """A direction of a pool that may be closed."""

    @property
    def closed(self) -> RejectReason | None:
        """Why no swap is possible in this direction now, if so."""


S_co = TypeVar("S_co", bound=HasReason, covariant=True)


class TwoSided(Protocol[S_co]):
    """A pool that worked out both directions when it was made."""

    @property
    def mint_a(self) -> Address:
        """The first mint."""

    @property
    def mint_b(self) -> Address:
        """The second mint."""

    @property
    def giving_a(self) -> S_co:
        """What a swap depends on that gives the first mint."""

    @property
    def giving_b(self) -> S_co:
        """What a swap depends on that gives the second mint."""

    @property
    def time(self) -> ChainTime:
        """The chain's clock for which it did so."""


def stays_open(pool: TwoSided[HasReason], time: ChainTime) -> bool:
    """Whether a time is no earlier than a pool's own, at which it is open both ways."""
    return (
        pool.giving_a.closed is None
        and pool.giving_b.closed is None
        and time.slot >= pool.time.slot
        and time.unix_s >= pool.time.unix_s
        and time.epoch >= pool.time.epoch
    )


def side_given(pool: TwoSided[S_co], mint_in: Address, amount: int) -> S_co:
    """Return the side that an amount is given to. Raises PoolRejected where no swap can be."""
    if mint_in == pool.mint_a:
        side = pool.giving_a
    elif mint_in == pool.mint_b:
        side = pool.giving_b
    else:
        raise PoolRejected(RejectReason.WRONG_TOKEN, mint_in)
    if not 0 < amount <= RAW_MAX:
        raise PoolRejected(
            RejectReason.AMOUNT_ZERO if amount <= 0 else RejectReason.AMOUNT_OVERFLOWS
        )
    if side.closed is not None:
        raise PoolRejected(side.closed)
    return side


class HasVaults(Protocol):
    """A pool with a vault for each of two mints."""

    @property
    def token_a(self) -> Mint:
        """The first mint."""

    @property
    def token_b(self) -> Mint:
        """The second mint."""

    @property
    def vault_a(self) -> Address:
        """Where the pool keeps the first token."""

    @property
    def vault_b(self) -> Address:
        """Where the pool keeps the second token."""


def in_order_of_swap(pool: HasVaults, mint_in: Address) -> tuple[Mint, Mint, Address, Address]:
    """Return the mint given, the mint taken, and their vaults. Raises PoolRejected."""
    if mint_in == pool.token_a.address:
        return pool.token_a, pool.token_b, pool.vault_a, pool.vault_b
    if mint_in == pool.token_b.address:
        return pool.token_b, pool.token_a, pool.vault_b, pool.vault_a
    raise PoolRejected(RejectReason.WRONG_TOKEN)


def inverse_transfer_fee(fee: TransferFee, received: int) -> int:
    """Return the transfer fee for so much to arrive. Raises PoolRejected where none fits."""
    # The programs compute the fee backwards, then forwards, and fail where the two differ. Some
    # amounts cannot be delivered exactly, whatever is sent.
    kept = fee.on(received)
    if kept != fee.of(received + kept):
        raise PoolRejected(RejectReason.NOT_DELIVERABLE)
    return kept
