"""Writes down an order before it is sent: what to trade, how much, when, and at which price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias, TypedDict, Unpack

import msgspec
from msgspec.structs import replace

Amount: TypeAlias = str | int | Decimal
"""Whole tokens, exactly. A float is refused: it would not be the number that was typed."""

Price: TypeAlias = str | int | Decimal
"""What one whole token given brings; with a symbol, the quote token for one whole base token."""

TimeInForce: TypeAlias = Literal["gtc", "gtd", "fok"]
OnMet: TypeAlias = Literal["fire"]


class Draft(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An order that is not sent yet. Amounts are whole tokens and prices exact, as text."""

    token_in: str | None = None
    token_out: str | None = None
    amount_in: str | None = None
    amount_out: str | None = None
    symbol: str | None = None
    side: str | None = None
    quantity: str | None = None
    slippage_bps: int | None = None
    wallet_address: str | None = None
    user_id: str | None = None
    client_order_id: str | None = None
    time_in_force: str | None = None
    expires_at: datetime | None = None
    type: str | None = None
    limit_price: str | None = None
    trigger_price: str | None = None
    confirm_slots: int | None = None
    slippage_ladder_bps: tuple[int, ...] = ()
    start_at: datetime | None = None
    on_met: str | None = None
    accept_far_price: bool = False


class DraftTerms(TypedDict, total=False):
    """What else an order may say. An order with a `client_order_id` it had before is that order.

    `fok` (fill or kill) trades the whole amount in one transaction, or nothing. Before `start_at`
    nothing is observed or traded, and past `expires_at` nothing is signed; both need a time zone.
    """

    slippage_bps: int
    wallet_address: str
    user_id: str
    client_order_id: str
    time_in_force: TimeInForce
    expires_at: datetime
    start_at: datetime


def buy(symbol: str, quantity: Amount, **more: Unpack[DraftTerms]) -> Draft:
    """Get so many of a token, paid in USDC, or in what stands after the slash."""
    return Draft(symbol=symbol, side="buy", quantity=exact(quantity), **more)


def sell(symbol: str, quantity: Amount, **more: Unpack[DraftTerms]) -> Draft:
    """Give so many of a token, for USDC, or for what stands after the slash."""
    return Draft(symbol=symbol, side="sell", quantity=exact(quantity), **more)


def swap(
    token_in: str,
    token_out: str,
    *,
    amount_in: Amount | None = None,
    amount_out: Amount | None = None,
    **more: Unpack[DraftTerms],
) -> Draft:
    """Give `amount_in` of one token, or get `amount_out` of the other.

    Raises ValueError unless one of the two is said.
    """
    if (amount_in is None) == (amount_out is None):
        msg = "say either amount_in or amount_out"
        raise ValueError(msg)
    return Draft(
        token_in=token_in,
        token_out=token_out,
        amount_in=exact(amount_in) if amount_in is not None else None,
        amount_out=exact(amount_out) if amount_out is not None else None,
        **more,
    )


def limit(draft: Draft, price: Price, *, accept_far_price: bool = False) -> Draft:
    """Let an order wait until its whole amount gets `price`; it never trades at a worse one.

    `accept_far_price` takes a price that looks inverted as it is.
    """
    return replace(
        draft, type="limit", limit_price=exact(price, "a price"), accept_far_price=accept_far_price
    )


def stop(
    draft: Draft,
    price: Price,
    *,
    limit_price: Price | None = None,
    confirm_slots: int | None = None,
    slippage_ladder_bps: Sequence[int] = (),
    on_met: OnMet | None = None,
    accept_far_price: bool = False,
) -> Draft:
    """Let an order wait until the price of its whole amount falls to `price`; it trades then.

    An order that buys waits until its token costs at least so much. The price has to be met in
    `confirm_slots` slots in a row (1 to 20; the server's default is 2). It never trades at a worse
    price than `limit_price`. Each revert because of the bound moves the tolerance one step along
    the rising `slippage_ladder_bps` (basis points). `on_met="fire"` takes a price that is met
    already, and `accept_far_price` one that looks inverted.
    """
    return replace(
        take_profit(
            draft,
            price,
            limit_price=limit_price,
            confirm_slots=confirm_slots,
            on_met=on_met,
            accept_far_price=accept_far_price,
        ),
        type="stop",
        slippage_ladder_bps=tuple(slippage_ladder_bps),
    )


def take_profit(
    draft: Draft,
    price: Price,
    *,
    limit_price: Price | None = None,
    confirm_slots: int | None = None,
    on_met: OnMet | None = None,
    accept_far_price: bool = False,
) -> Draft:
    """Let an order wait until its whole amount gets `price`; it trades at the quote then.

    Unlike a limit order it may trade at a worse price than that, within its tolerance, but never
    at a worse one than `limit_price`. The other arguments are those of `stop`; `confirm_slots` is
    1 by default.
    """
    return replace(
        draft,
        type="take_profit",
        trigger_price=exact(price, "a price"),
        limit_price=None if limit_price is None else exact(limit_price, "a price"),
        confirm_slots=confirm_slots,
        on_met=on_met,
        accept_far_price=accept_far_price,
    )


def exact(amount: Amount, name: str = "an amount") -> str:
    """Write an amount in plain digits. Raises TypeError for a float, and what is no amount."""
    if isinstance(amount, bool) or not isinstance(amount, str | int | Decimal):
        msg = f"{name} is a str, an int or a Decimal, not a {type(amount).__name__}"
        raise TypeError(msg)
    return format(amount, "f") if isinstance(amount, Decimal) else str(amount)
