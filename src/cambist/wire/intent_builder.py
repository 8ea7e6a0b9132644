"""Turns a request into an intent: finds its tokens, counts its amount, holds it to the limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from cambist.faults import Code, Fault, RequestRejected, fault
from cambist.orders.intent import Intent, PriceBasis
from cambist.orders.terms import SLIPPAGE_DEFAULT_BPS, TRIES_DEFAULT, Terms
from cambist.values.amount import (
    Bps,
    OutOfRange,
    RawAmount,
    TooManyDigits,
    check_raw,
    parse_amount,
    write_amount,
    write_percent,
)
from cambist.values.ids import LOCAL, Address, Principal
from cambist.values.price import PriceLevel, price_level
from cambist.values.time_units import Timestamp, add_ms
from cambist.values.token import KNOWN, Pair, Token
from cambist.wire.order_request import OrderRequest, ParsedOrder
from cambist.wire.price_fields import PriceRequest
from cambist.wire.unlisted_token_warnings import hint

_FOREIGN_WALLET: Final = "Name a wallet that this key may trade for."
SLIPPAGE_MAX_BPS: Final = Bps(5_000)
STOP_CONFIRM_SLOTS: Final = 2
"""A price that one slot showed and the next took back starts no stop."""
AHEAD_MAX_DAYS: Final = 366
AHEAD_MAX_MS: Final = AHEAD_MAX_DAYS * 24 * 3_600 * 1_000
FindToken = Callable[[str], Token | None]


class RequestLimits(msgspec.Struct, frozen=True):
    """What the server adds to a request that is silent, and the most it lets a request ask."""

    slippage_default_bps: Bps = SLIPPAGE_DEFAULT_BPS
    slippage_max_bps: Bps = SLIPPAGE_MAX_BPS
    tries_max: int = TRIES_DEFAULT


class SubmissionContext(msgspec.Struct, frozen=True):
    """Who asks, for which wallets if not for all, when, and under which key.

    Without `now` no time is judged. Without `judges_deadline` a passed deadline is not: a request
    that may be a repeat has a right to its old answer, even when its time is over by now.
    """

    principal: Principal = LOCAL
    wallets: tuple[Address, ...] = ()
    now: Timestamp | None = None
    key: str | None = None
    judges_deadline: bool = True


def to_intent(
    parsed: ParsedOrder, find: FindToken, limits: RequestLimits, caller: SubmissionContext
) -> Intent:
    """Return the intent of a request. Raises RequestRejected with every fault found."""
    request, spelling = parsed.request, parsed.spelling
    faults: list[Fault] = []
    token_in = _find(request.token_in, spelling.token_in, find, faults)
    token_out = _find(request.token_out, spelling.token_out, find, faults)
    if token_in is not None and token_out is not None and token_in.mint == token_out.mint:
        faults.append(fault(Code.SAME_TOKEN, "", spelling.token_out))
    sized = token_in if request.mode == "exact_in" else token_out
    amount = _count(request, spelling.size, sized, faults) if sized is not None else None
    slippage = _slippage(request, spelling.slippage, limits, faults)
    if caller.now is not None:
        _check_times(request, caller.now, faults, judges_deadline=caller.judges_deadline)
    if request.prices is not None:
        check_ladder(request.prices.ladder_bps, limits, faults)
    if caller.wallets and request.wallet not in caller.wallets:
        faults.append(fault(Code.FORBIDDEN, _FOREIGN_WALLET, "walletAddress"))
    if faults or token_in is None or token_out is None or amount is None:
        raise RequestRejected(*faults)
    return Intent(
        kind=request.kind,
        principal=caller.principal,
        pair=Pair(token_in, token_out),
        mode=request.mode,
        amount=amount,
        terms=read_terms(request, Pair(token_in, token_out), limits, slippage),
        quoted=request.quoted,
        client_order_id=caller.key if caller.key is not None else parsed.client_order_id,
        wallet=Address(request.wallet) if request.wallet is not None else None,
        user_id=request.user_id,
    )


def _check_times(
    request: OrderRequest, now: Timestamp, faults: list[Fault], *, judges_deadline: bool
) -> None:
    """Check deadline and start against now; how far ahead, of orders with prices or a start."""
    deadline, prices = request.deadline, request.prices
    if judges_deadline and deadline is not None and deadline <= now:
        faults.append(fault(Code.DEADLINE_PASSED, "", "expiresAt"))
    if prices is not None:
        check_ahead(deadline, "expiresAt", now, faults)
        check_ahead(prices.start_at, "startAt", now, faults)


def check_ahead(at: Timestamp | None, field: str, now: Timestamp, faults: list[Fault]) -> None:
    """Add a fault when an instant is more than `AHEAD_MAX_DAYS` ahead."""
    if at is not None and at > add_ms(now, AHEAD_MAX_MS):
        message = f"{field} is more than {AHEAD_MAX_DAYS} days ahead."
        faults.append(fault(Code.VALUE_OUT_OF_RANGE, message, field))


def check_ladder(ladder_bps: tuple[int, ...], limits: RequestLimits, faults: list[Fault]) -> None:
    """Add a fault when a step of a slippage ladder is above the server's maximum."""
    if ladder_bps and ladder_bps[-1] > limits.slippage_max_bps:
        ceiling = write_percent(limits.slippage_max_bps * 100)
        message = f"A step is above this server's maximum of {ceiling} percent."
        faults.append(fault(Code.SLIPPAGE_OVER_CAP, message, "slippageLadderBps"))


def read_terms(request: OrderRequest, pair: Pair, limits: RequestLimits, slippage: Bps) -> Terms:
    """Return the terms of a request, prices as exact ratios of raw units."""
    prices = request.prices or PriceRequest()
    confirm_slots = STOP_CONFIRM_SLOTS if request.kind == "stop" else 1
    return Terms(
        slippage,
        limits.tries_max,
        request.deadline,
        None if prices.limit is None else read_level(prices.limit, pair, request.quoted),
        None if prices.trigger is None else read_level(prices.trigger, pair, request.quoted),
        tuple(Bps(step) for step in prices.ladder_bps),
        "fok" if prices.fills_at_once else "gtc",
        prices.confirm_slots or confirm_slots,
        prices.start_at,
    )


def read_level(price: str, pair: Pair, quoted: PriceBasis) -> PriceLevel:
    """Return a price in whole tokens as raw units taken for raw units given.

    It is what one whole token given brings; of a buy by symbol, what one whole token taken costs.
    """
    whole, _, fraction = price.partition(".")
    digits, unit = int(whole + fraction), 10 ** len(fraction)
    taken, given = (unit, digits) if quoted == "buy" else (digits, unit)
    return price_level(taken * 10**pair.token_out.decimals, given * 10**pair.token_in.decimals)


def _find(name: str, field: str, find: FindToken, faults: list[Fault]) -> Token | None:
    token = find(name)
    if token is None:
        near = hint(name, [known_token.symbol for known_token in KNOWN])
        message = f"The token {name} is unknown.{near}"
        faults.append(fault(Code.UNKNOWN_TOKEN, message, field))
    return token


def _count(
    request: OrderRequest, field: str, token: Token, faults: list[Fault]
) -> RawAmount | None:
    """Return the amount in base units; whole tokens and base units must agree."""
    try:
        whole = None if request.size is None else parse_amount(request.size, token.decimals)
        raw = None if request.size_raw is None else check_raw(int(request.size_raw))
    except TooManyDigits:
        message = too_many_digits(request.size or "", token)
        faults.append(fault(Code.TOO_MANY_DIGITS, message, field))
        return None
    except OutOfRange:
        faults.append(fault(Code.AMOUNT_OUT_OF_RANGE, "", field))
        return None
    if whole is not None and raw is not None and whole != raw:
        message = "The amounts in whole tokens and in base units differ."
        faults.append(fault(Code.CONFLICTING_FIELDS, message, field))
    return whole if whole is not None else raw


def too_many_digits(size: str, token: Token) -> str:
    """Say that a token has fewer digits, and what to send instead: the next smaller amount."""
    whole, _, fraction = size.partition(".")
    raw = int(whole + fraction[: token.decimals].ljust(token.decimals, "0"))
    instead = write_amount(max(raw, 1), token.decimals)
    places = f"{token.symbol} has {token.decimals} digits after the point, not more"
    return f'{places}: send "{instead}".'


def _slippage(request: OrderRequest, field: str, limits: RequestLimits, faults: list[Fault]) -> Bps:
    if request.slippage_bps is None:
        return limits.slippage_default_bps
    check_slippage(request.slippage_bps, field, limits, faults)
    return Bps(request.slippage_bps)


def check_slippage(
    slippage_bps: int, field: str, limits: RequestLimits, faults: list[Fault]
) -> None:
    """Add a fault when a tolerance is above the server's maximum."""
    if slippage_bps > limits.slippage_max_bps:
        ceiling = write_percent(limits.slippage_max_bps * 100)
        message = f"The slippage is above this server's maximum of {ceiling} percent."
        faults.append(fault(Code.SLIPPAGE_OVER_CAP, message, field))
