"""Computes what a swap at a pool of Meteora's DAMM v2 moves, given one of its two tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from cambist.curves import damm_v2_dynamic_fee, fee_schedule
from cambist.curves.fee_rate_limiter import FeeRateLimiter, NoSolution
from cambist.curves.segments import Segment
from cambist.curves.single_range import (
    after_giving_a,
    after_giving_b,
    after_taking_a,
    after_taking_b,
    amount_a,
    amount_a_ceil,
    amount_b,
    amount_b_ceil,
)
from cambist.curves.transfer_fee import TransferFee
from cambist.values.amount import BPS_ONE
from cambist.venues.meteora.damm_v2.accounts import (
    BOTH,
    BY_TIME,
    COMPOUNDING,
    FEE_CAPS,
    LIMITER,
    PRICE_LINEAR,
    TIME_EXPONENTIAL,
    TIME_LINEAR,
    DammV2PoolAccount,
)
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected
from cambist.venues.tokens import Mint

ONE: Final = 1_000_000_000
RAW_MAX: Final = (1 << 64) - 1
_BPS: Final = ONE // BPS_ONE

Moved = tuple[int, int, int, int, int]
"""(given, into, fee, paid, price): what is given, the fee inside where it is taken from it; what
of it moves the price; the fee; what the curve pays, the fee inside where it is taken from that; and
the price afterwards (0 where it follows from the reserves)."""


class DammV2Side(msgspec.Struct, frozen=True, gc=False):
    """What a swap depends on at one time, for one of the two tokens given.

    `there` and `held` are the reserves of the token given and of the one taken, `edge` is the price
    at which the range ends that way; fees are numerators over 10^9. The transfer fees are those of
    the two mints, `taxed` says whether either has one.
    """

    a_given: bool
    compounding: bool
    fee_on_given: bool
    taxed: bool
    liquidity: int
    price: int
    edge: int
    there: int
    held: int
    fee: int
    variable_fee: int
    fee_max: int
    limiter: FeeRateLimiter | None
    closed: RejectReason | None
    transfer_in: TransferFee
    transfer_out: TransferFee


def sides_at(
    state: DammV2PoolAccount, mints: tuple[Mint, Mint], time: ChainTime
) -> tuple[DammV2Side, DammV2Side]:
    """Return both sides of a pool at a time: that of who gives a, and that of who gives b."""
    point = time.unix_s if state.clock == BY_TIME else time.slot
    variable = damm_v2_dynamic_fee.fee(state.now, state.control) if state.volatile else 0
    fee_max = FEE_CAPS[state.fee_version]
    a, b = mints
    giving_a = DammV2Side(
        a_given=True,
        compounding=state.collect == COMPOUNDING,
        fee_on_given=False,
        taxed=bool(a.fee.bps or b.fee.bps),
        liquidity=state.liquidity,
        price=state.price,
        edge=state.price_min,
        there=state.reserve_a,
        held=state.reserve_b,
        fee=min(_base_fee(state, point) + variable, fee_max),
        variable_fee=variable,
        fee_max=fee_max,
        limiter=None,
        closed=_closed(state, point, time),
        transfer_in=a.fee,
        transfer_out=b.fee,
    )
    giving_b = replace(
        giving_a,
        a_given=False,
        fee_on_given=state.collect != BOTH,
        edge=state.price_max,
        there=state.reserve_b,
        held=state.reserve_a,
        limiter=_limiter(state, point),
        transfer_in=b.fee,
        transfer_out=a.fee,
    )
    return giving_a, giving_b


def give(side: DammV2Side, amount: int) -> Moved:
    """Return what exactly so much given moves. Raises PoolRejected."""
    into, fee = amount, 0
    if side.fee_on_given:
        fee = -(
            -amount * (side.fee if side.limiter is None else _rate(side, amount)) // ONE
        )  # ceil
        into = amount - fee
    price = 0
    # `get_swap_result` of exact in: `calculate_a_to_b_from_amount_in` or
    # `calculate_b_to_a_from_amount_in`. With the fee on the output, the price moves on the whole
    # input.
    if side.compounding:
        paid = side.held * into // (side.there + into)
    elif side.a_given:
        price = after_giving_a(side.liquidity, side.price, into)
        if price < side.edge:
            raise PoolRejected(RejectReason.PRICE_LIMIT)
        paid = amount_b(side.liquidity, price, side.price)
    else:
        price = after_giving_b(side.liquidity, side.price, into)
        if price > side.edge:
            raise PoolRejected(RejectReason.PRICE_LIMIT)
        paid = amount_a(side.liquidity, side.price, price)
    if side.there + amount > RAW_MAX:
        raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
    if paid > side.held:
        raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)
    if not side.fee_on_given:
        fee = -(-paid * side.fee // ONE)  # ceil
    return amount, into, fee, paid, price


def take(side: DammV2Side, amount: int) -> Moved:
    """Return what exactly so much taken moves: for the least that buys it. Raises PoolRejected."""
    # Either way, what has to be there before the fee is rounded up.
    paid = amount if side.fee_on_given else -(-amount * ONE // (ONE - side.fee))
    into, price = _cost(side, paid)
    given, fee = into, paid - amount
    if side.fee_on_given:
        given = _before_fee(side, into)
        fee = given - into
    if side.there + given > RAW_MAX:
        raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
    return given, into, fee, paid, price


def fill(side: DammV2Side, amount: int) -> Moved:
    """Return what at most so much given moves: less where the range ends. Raises PoolRejected."""
    if side.compounding:
        return give(side, amount)
    into, liquidity = amount, side.liquidity
    if side.fee_on_given:
        rate = side.fee if side.limiter is None else _rate(side, amount)
        into = amount + (-amount * rate // ONE)  # the fee rounded up
    # `calculate_a_to_b_from_partial_amount_in` and its mirror: to the edge of the range at most.
    if side.a_given:
        room = amount_a_ceil(liquidity, side.edge, side.price)
        paid = amount_b(liquidity, side.edge, side.price)
    else:
        room = amount_b_ceil(liquidity, side.price, side.edge)
        paid = amount_a(liquidity, side.price, side.edge)
    if into < room:
        return give(side, amount)
    given = amount
    if into > room:
        given = _before_fee(side, room) if side.fee_on_given else room
    if not given:
        raise PoolRejected(RejectReason.PRICE_LIMIT)
    if paid > side.held:
        raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)
    if side.there + given > RAW_MAX:
        raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
    fee = given - room if side.fee_on_given else -(-paid * side.fee // ONE)  # ceil
    return given, room, fee, paid, side.edge


def segments(side: DammV2Side) -> Iterator[Segment]:
    """Yield its curve, the fee counted: one segment, to the end of its range."""
    rest, liquidity, price = ONE - side.fee, side.liquidity, side.price
    into = rest if side.fee_on_given else ONE
    if side.compounding:
        if side.there > 0 and side.held > 0:
            x_of = ONE * side.there
            yield rest * side.held, x_of, into, x_of, RAW_MAX
    elif side.a_given and liquidity and side.edge < price:
        length = amount_a(liquidity, side.edge, price) * ONE // into
        yield rest * price * price, ONE << 128, into * price, ONE * liquidity, length
    elif not side.a_given and liquidity and side.edge > price:
        length = amount_b(liquidity, price, side.edge) * ONE // into
        squared = ONE * price * price
        yield rest << 128, squared, into << 128, ONE * liquidity * price, length


def _cost(side: DammV2Side, paid: int) -> tuple[int, int]:
    """Return what has to go into the curve for it to pay, and the price afterwards."""
    if paid > side.held or (side.compounding and paid == side.held):
        raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)
    if side.compounding:
        return -(-side.there * paid // (side.held - paid)), 0  # ceil
    # `calculate_a_to_b_from_amount_out` and its mirror; what goes in is rounded up.
    if side.a_given:
        price = after_taking_b(side.liquidity, side.price, paid)
        if price < side.edge:
            raise PoolRejected(RejectReason.PRICE_LIMIT)
        return amount_a_ceil(side.liquidity, price, side.price), price
    higher = after_taking_a(side.liquidity, side.price, paid)
    if higher is None or higher > side.edge:
        raise PoolRejected(RejectReason.PRICE_LIMIT)
    return amount_b_ceil(side.liquidity, side.price, higher), higher


def _rate(side: DammV2Side, amount: int) -> int:
    """Return the fee of so much given, where a limiter may apply."""
    base = side.fee if side.limiter is None else side.limiter.of_given(amount) + side.variable_fee
    return min(base, side.fee_max)


def _before_fee(side: DammV2Side, net: int) -> int:
    """Return what to give so that so much is left after the fee, rounded up."""
    rate = side.fee
    if side.limiter is not None:
        try:
            rate = min(side.limiter.of_wanted(net) + side.variable_fee, side.fee_max)
        except NoSolution as error:
            raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS) from error
    return -(-net * ONE // (ONE - rate))


def _closed(state: DammV2PoolAccount, point: int, time: ChainTime) -> RejectReason | None:
    if state.status:
        return RejectReason.DISABLED
    if point < state.opens_at:
        return RejectReason.NOT_OPEN_YET
    if state.volatile and not state.reference and time.unix_s < state.updated_s + state.filter_s:
        # A price to refer to is missing, and this swap would not be the one that sets it.
        return RejectReason.OUT_OF_BOUNDS
    return None


def _base_fee(state: DammV2PoolAccount, point: int) -> int:
    if state.mode == LIMITER or (not state.pace and state.mode <= TIME_EXPONENTIAL):
        return state.cliff
    if state.mode <= TIME_EXPONENTIAL:
        gone = fee_schedule.periods_of_time(point, state.opens_at, state.pace, state.count)
    else:
        step, duration = state.paces
        if state.opens_at <= point <= state.opens_at + duration:
            gone = fee_schedule.periods_of_price(state.price, state.first_price, step, state.count)
        else:
            gone = state.count
    if state.mode in {TIME_LINEAR, PRICE_LINEAR}:
        return fee_schedule.linear(state.cliff, state.change, gone)
    return fee_schedule.exponential(state.cliff, state.change, gone)


def _limiter(state: DammV2PoolAccount, point: int) -> FeeRateLimiter | None:
    """Return the limiter where it applies: to who gives b, for a while."""
    if state.mode != LIMITER or not state.change:
        return None
    duration, most_bps = state.paces
    if not state.opens_at <= point <= state.opens_at + duration:
        return None
    return FeeRateLimiter(state.cliff, state.count * _BPS, most_bps * _BPS, state.change)
