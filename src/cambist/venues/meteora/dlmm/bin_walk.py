"""Walks a swap through a pair's bins, in order, and returns what each is left with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from cambist.curves.bins import BinFee, BinFill, DoesNotFit, fee_upon, fee_within, fill, input_for
from cambist.curves.transfer_fee import TransferFee
from cambist.values.amount import BPS_ONE, RAW_MAX, mul_div_ceil, mul_div_floor
from cambist.venues.meteora.dlmm.accounts import Bin, Release
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected

ORDER_SHARE_BPS: Final = 5_000
"""What of the fee on filled limit orders goes to who placed them."""


class BinSwap(NamedTuple):
    """How a swap goes: down gives X and takes Y; who keeps of the fee; by which release."""

    down: bool
    fee: BinFee
    protocol_share_bps: int
    release: Release = "0.12"


class Passed(NamedTuple):
    """What one bin did, in raw units: `given` with the fee on it, `paid` less the fee on it."""

    given: int
    paid: int
    fee: int
    protocol: int
    filled: BinFill


class Walked(NamedTuple):
    """What a swap does in all its bins, in raw units. `bins` are those it was in, afterwards.

    `first` is the price of the first that paid something.
    """

    given: int
    paid: int
    fee: int
    protocol: int
    bins: tuple[Bin, ...]
    first: int


def walk_in(bins: Iterable[Bin], way: BinSwap, amount: int) -> Walked:
    """Return what raw units given do. Raises PoolRejected."""
    given = paid = fee = protocol = first = 0
    after: list[Bin] = []
    for bin_ in bins:
        passed = _given(bin_, way, amount - given)
        after.append(_after(bin_, passed.filled, down=way.down))
        first = first or (bin_.price if sum(passed.filled.paid) else 0)
        given, paid = given + passed.given, paid + passed.paid
        fee, protocol = fee + passed.fee, protocol + passed.protocol
        if given >= amount:
            return Walked(given, paid, fee, protocol, tuple(after), first)
    raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)


def walk_out(bins: Iterable[Bin], way: BinSwap, amount: int) -> Walked:
    """Return what takes raw units. Raises PoolRejected."""
    given = paid = fee = protocol = first = 0
    after: list[Bin] = []
    for bin_ in bins:
        passed = _taken(bin_, way, amount - paid)
        after.append(_after(bin_, passed.filled, down=way.down))
        first = first or (bin_.price if sum(passed.filled.paid) else 0)
        given, paid = given + passed.given, paid + passed.paid
        fee, protocol = fee + passed.fee, protocol + passed.protocol
        if paid >= amount:
            if given > RAW_MAX:
                raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
            return Walked(given, paid, fee, protocol, tuple(after), first)
    raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)


def layers_of(bin_: Bin, *, down: bool) -> tuple[int, ...]:
    """Return what the swap may take of a bin: of market makers, then of its limit orders."""
    held = bin_.y if down else bin_.x
    if bin_.asks == down or not (bin_.begun_orders or bin_.open_orders):
        return (held,)
    return held, bin_.begun_orders, bin_.open_orders


def _layers(bin_: Bin, way: BinSwap) -> tuple[int, ...]:
    layers = layers_of(bin_, down=way.down)
    if sum(layers) > RAW_MAX:
        raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS, f"bin {bin_.id}")
    return layers


def _given(bin_: Bin, way: BinSwap, left: int) -> Passed:
    """Return what a bin does with what is left of the amount in."""
    # `Bin::swap`: where the bin takes all that is left, the fee inside it is kept; where the bin is
    # emptied, its whole cost and the fee on top of that are taken, and the rest goes on.
    rate, on_input = way.fee.rate_at(bin_.id), way.fee.on_input
    fee = fee_within(left, rate) if on_input else 0
    layers = _layers(bin_, way)
    try:
        filled = fill(layers, bin_.price, left - fee, down=way.down)
    except DoesNotFit as error:
        raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS, f"bin {bin_.id}") from error
    net = sum(filled.given)
    whole = net + fee_upon(net, rate) if on_input else net
    drained = sum(filled.paid) == sum(layers) and left > whole
    if filled.left or (drained and way.release == "0.11"):
        # Before 0.12 a drained bin takes its whole price, and what is left goes on.
        fee, given = whole - net, whole
    else:
        given = left
    paid = sum(filled.paid)
    if not on_input:
        fee = fee_within(paid, rate)
        paid -= fee
    return Passed(given, paid, fee, _protocol(fee, filled, way), filled)


def _taken(bin_: Bin, way: BinSwap, want: int) -> Passed:
    """Return what a bin does with what is left of the amount out."""
    rate, on_input = way.fee.rate_at(bin_.id), way.fee.on_input
    gross = want if on_input else want + fee_upon(want, rate)
    layers = _layers(bin_, way)
    if gross >= sum(layers):
        passed = _given(bin_, way, RAW_MAX)
        if not passed.filled.left:
            raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS, f"bin {bin_.id}")
        return passed
    # The cost rounds once, but the layers round each: together they may fall short of the amount.
    net = input_for(gross, bin_.price, down=way.down)
    given = net + fee_upon(net, rate) if on_input else net
    if given > RAW_MAX:
        raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS, f"bin {bin_.id}")
    passed = _given(bin_, way, given)
    if passed.paid < want:
        raise PoolRejected(RejectReason.ROUNDS_SHORT, f"bin {bin_.id}")
    # What rounding pays beyond the amount asked for leaves the bin, and stays with the reserve;
    # where the fee is taken from what is paid, the program counts it as the protocol's.
    beyond = 0 if on_input else passed.paid - want
    return passed._replace(paid=want, protocol=passed.protocol + beyond)


def _protocol(fee: int, filled: BinFill, way: BinSwap) -> int:
    """Return what of a fee the protocol keeps: its share, and half of the fee on orders."""
    # The host's share comes out of the protocol's, and changes nothing for the trader.
    if way.release == "0.11":
        return mul_div_floor(fee, way.protocol_share_bps, BPS_ONE)
    net = sum(filled.given)
    of_makers = mul_div_ceil(fee, filled.given[0], net) if net else 0
    of_orders = fee - of_makers
    kept = mul_div_floor(of_makers, way.protocol_share_bps, BPS_ONE)
    return kept + of_orders - mul_div_floor(of_orders, ORDER_SHARE_BPS, BPS_ONE)


def _after(bin_: Bin, filled: BinFill, *, down: bool) -> Bin:
    """Return what a bin is left with. Raises PoolRejected when it would hold too much."""
    given, paid = filled.given[0], filled.paid[0]
    x, y = (bin_.x + given, bin_.y - paid) if down else (bin_.x - paid, bin_.y + given)
    if max(x, y) > RAW_MAX:
        raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS, f"bin {bin_.id}")
    if len(filled.given) == 1:
        return Bin(bin_.id, bin_.price, x, y, bin_.begun_orders, bin_.open_orders, bin_.asks)
    begun, open_ = bin_.begun_orders - filled.paid[1], bin_.open_orders
    if filled.paid[2]:
        # Who fills the first of the open orders begins them all.
        begun, open_ = open_ - filled.paid[2], 0
    asks = bin_.asks and bool(begun or open_)
    return Bin(bin_.id, bin_.price, x, y, begun, open_, asks)


def kept(fee: TransferFee, received: int) -> int:
    """Return the mint's fee on what is to arrive. Raises PoolRejected where nothing fits."""
    own = fee.on(received)
    if received + own > RAW_MAX:
        raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
    if fee.of(received + own) != own:
        raise PoolRejected(RejectReason.NOT_DELIVERABLE)
    return own
