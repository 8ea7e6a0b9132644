"""Writes down an order before it is sent: what to trade, how much, and within which bounds."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeAlias, TypedDict, Unpack

import msgspec

Amount: TypeAlias = str | int | Decimal
"""Whole tokens, exactly. A float is refused: it would not be the number that was typed."""


class Draft(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An order that is not sent yet. Amounts are whole tokens, as text."""

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


class DraftTerms(TypedDict, total=False):
    """What else an order may say. An order with a `client_order_id` it had before is that order."""

    slippage_bps: int
    wallet_address: str
    user_id: str
    client_order_id: str
    time_in_force: str
    expires_at: datetime


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


def exact(amount: Amount) -> str:
    """Write an amount in plain digits. Raises TypeError for a float, and what is no amount."""
    if isinstance(amount, bool) or not isinstance(amount, str | int | Decimal):
        msg = f"an amount is a str, an int or a Decimal, not a {type(amount).__name__}"
        raise TypeError(msg)
    return format(amount, "f") if isinstance(amount, Decimal) else str(amount)
