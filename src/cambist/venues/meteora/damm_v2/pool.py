"""Quotes a pool of Meteora's DAMM v2 exactly, and computes its state after a swap."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

import msgspec
from msgspec.structs import replace

from cambist.curves import damm_v2_dynamic_fee
from cambist.curves.price_impact import impact_hundredths, unless_dust
from cambist.curves.segments import Segment, chords, limited
from cambist.curves.transfer_fee import TransferFee
from cambist.faults import Fault
from cambist.values.amount import BPS_ONE, RAW_MAX
from cambist.values.ids import Address
from cambist.values.route import Quote, SwapMode
from cambist.values.time_units import Slot
from cambist.venues import quoting
from cambist.venues.meteora.damm_v2.accounts import LIMITER, DammV2PoolAccount
from cambist.venues.meteora.damm_v2.swap_math import (
    DammV2Side,
    Moved,
    fill,
    give,
    segments,
    sides_at,
    take,
)
from cambist.venues.pool import (
    Fees,
    SwapResult,
    inverse_transfer_fee,
    side_given,
    stays_open,
    with_time,
)
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected
from cambist.venues.tokens import Mint


class DammV2Pool(msgspec.Struct, frozen=True, gc=False):
    """A pool as it stood at one slot, at a time of the chain; made by `pool_at`.

    Both sides follow from the state, the mints and the time.
    """

    address: Address
    state: DammV2PoolAccount
    a: Mint
    b: Mint
    time: ChainTime
    mint_a: Address
    mint_b: Address
    giving_a: DammV2Side
    giving_b: DammV2Side

    @property
    def venue(self) -> str:
        """Meteora."""
        return "meteora"

    @property
    def program(self) -> str:
        """DAMM v2."""
        return "damm_v2"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its mints' powers mean to who holds their tokens."""
        return self.a.warnings + self.b.warnings

    @property
    def slot(self) -> Slot:
        """When it stood so."""
        return self.time.slot

    @property
    def exact_out(self) -> bool:
        """Yes."""
        return True

    @property
    def is_time_dependent(self) -> bool:
        """Whether its fee follows a schedule, a limiter or its volatility, or a mint's moves."""
        epoch = self.time.epoch
        moves = self.a.fee_changes(epoch) or self.b.fee_changes(epoch)
        return moves or bool(self.state.volatile or self.state.count)

    def at(self, time: ChainTime) -> DammV2Pool:
        """Return the same pool under another clock: periods, limits and opening follow it."""
        if not self.is_time_dependent and self.state.mode != LIMITER and stays_open(self, time):
            return with_time(self, time)
        mints = self.a.at(time.epoch), self.b.at(time.epoch)
        return pool_at(self.address, self.state, mints, time)

    def amount_out(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units would bring; 0 wherever `swap` raises."""
        try:
            side = side_given(self, mint_in, amount)
            if side.taxed:
                return _left(side, give(side, _arrived(side, amount)))
            _, _, fee, paid, _ = give(side, amount)
        except PoolRejected:
            return 0
        return paid if side.fee_on_given else paid - fee

    def amount_in(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units out would cost; 0 wherever `swap` raises."""
        try:
            side = side_given(self, mint_in, amount)
            if side.taxed:
                return _grossed(
                    side.transfer_in, take(side, _grossed(side.transfer_out, amount))[0]
                )
            return take(side, amount)[0]
        except PoolRejected:
            return 0

    def most_out(self, mint_in: Address) -> int:
        """Return what it may pay at most for any amount."""
        side = self.giving_a if mint_in == self.mint_a else self.giving_b
        return side.held

    def curve_key(self, mint_in: Address) -> object:
        """Return what its curve follows from: one object under all clocks that leave it so."""
        return self.giving_a if mint_in == self.mint_a else self.giving_b

    def segments(self, mint_in: Address) -> Iterator[Segment]:
        """Yield its curve: one segment, to the end of its range."""
        side = self.giving_a if mint_in == self.mint_a else self.giving_b
        if side.closed is not None:
            return iter(())
        if side.limiter is not None:
            return chords(lambda amount: self.amount_out(mint_in, amount))
        fees = (side.transfer_in, side.transfer_out) if side.taxed else None
        return limited(segments(side), (RAW_MAX - side.there, side.held), fees)

    def swap(self, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult:
        """Return what a swap of this amount does: raw units given (exact_in) or taken (exact_out).

        Raises PoolRejected when the program would refuse it, or would pay nothing.
        """
        side = side_given(self, mint_in, amount)
        if mode == "exact_out":
            moved = take(side, _grossed(side.transfer_out, amount))
            return _swapped(self, side, moved, (_grossed(side.transfer_in, moved[0]), amount))
        moved = give(side, _arrived(side, amount))
        return _swapped(self, side, moved, (amount, _left(side, moved)))

    def fill(self, mint_in: Address, amount: int) -> SwapResult:
        """Return what a swap of at most this much does: it stops where the pool's range ends.

        Raises PoolRejected when the program would refuse it, or would pay nothing.
        """
        side = side_given(self, mint_in, amount)
        moved = fill(side, _arrived(side, amount))
        sent = _grossed(side.transfer_in, moved[0])
        return _swapped(self, side, moved, (sent, _left(side, moved)))

    def quote(self, mint_in: Address, mode: SwapMode, amount: int) -> Quote | Fault:
        """Return what a swap of `amount` raw units would do, or why the pool refuses it."""
        return quoting.quote(self, mint_in, mode, amount)


def pool_at(
    address: Address, state: DammV2PoolAccount, mints: tuple[Mint, Mint], time: ChainTime
) -> DammV2Pool:
    """Return a pool of this state, at a time."""
    a, b = mints
    sides = sides_at(state, mints, time)
    return DammV2Pool(address, state, a, b, time, state.mint_a, state.mint_b, *sides)


def _arrived(side: DammV2Side, amount: int) -> int:
    """Return what the pool receives of what is sent. Raises PoolRejected when it is nothing."""
    amount -= side.transfer_in.of(amount)
    if not amount:
        raise PoolRejected(RejectReason.AMOUNT_ZERO)
    return amount


def _left(side: DammV2Side, moved: Moved) -> int:
    """Return what the trader receives of what the curve pays."""
    _, _, fee, paid, _ = moved
    if not side.fee_on_given:
        paid -= fee
    return paid - side.transfer_out.of(paid)


def _grossed(transfer: TransferFee, net: int) -> int:
    """Return what is to be sent for this to arrive. Raises PoolRejected when nothing does that."""
    sent = net + inverse_transfer_fee(transfer, net)
    if sent > RAW_MAX:
        raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
    return sent


def _swapped(
    pool: DammV2Pool, side: DammV2Side, moved: Moved, users: tuple[int, int]
) -> SwapResult:
    """Return all the figures of a swap; `users` are what leaves and reaches the trader."""
    given, _, fee, paid, _ = moved
    sent, received = users
    if not received:
        raise PoolRejected(RejectReason.PAYS_NOTHING)
    # A referral is paid out of the protocol's part, and moves no amount of the trader.
    protocol = fee * pool.state.protocol_percent // 100
    on_output = not side.fee_on_given
    transfer_out = (paid - fee if on_output else paid) - received
    fees = Fees(fee, protocol, on_output, sent - given, transfer_out)
    impact = unless_dust(sent, received, _impact_hundredths(side, moved))
    return SwapResult(sent, received, fees, impact, lambda: _after(pool, side, moved))


def _after(pool: DammV2Pool, side: DammV2Side, moved: Moved) -> DammV2Pool:
    """Return the pool after a swap."""
    state = _state_after(pool, side, moved)
    return pool_at(pool.address, state, (pool.a, pool.b), pool.time)


def _state_after(pool: DammV2Pool, side: DammV2Side, moved: Moved) -> DammV2PoolAccount:
    state = pool.state
    _, into, fee, paid, price = moved
    protocol = fee * state.protocol_percent // 100
    # Compounding adds to the reserve of b what the protocol leaves of the fee, in the pool's
    # share. The price afterwards is isqrt((b << 128) // a).
    compounded = (fee - protocol) * state.compounding_bps // BPS_ONE
    reserve_a, reserve_b = state.reserve_a, state.reserve_b
    if side.a_given:
        reserve_a, reserve_b = reserve_a + into, reserve_b - paid
    else:
        reserve_a, reserve_b = reserve_a - paid, reserve_b + into
    reserve_b += compounded
    if side.compounding:
        price = isqrt((reserve_b << 128) // reserve_a)
    on_a = not side.a_given and not side.fee_on_given
    after = replace(
        state,
        protocol_a=state.protocol_a + (protocol if on_a else 0),
        protocol_b=state.protocol_b + (0 if on_a else protocol),
        reserve_a=reserve_a,
        reserve_b=reserve_b,
        price=price,
    )
    if not state.volatile:
        return after
    now = damm_v2_dynamic_fee.after(
        state.volatility, state.rules, (state.price, price), pool.time.unix_s
    )
    return replace(
        after, updated_s=now.updated_s, reference=now.reference, now=now.now, left=now.left
    )


def _impact_hundredths(side: DammV2Side, moved: Moved) -> int:
    """Return how far the curve's own price for a swap is from its price before, rounded down."""
    _, into, _, paid, _ = moved
    squared = side.price * side.price
    if side.compounding:
        first = side.held, side.there
    elif side.a_given:
        first = squared, 1 << 128
    else:
        first = 1 << 128, squared
    return impact_hundredths(into, paid, first)
