"""Describes an order in words: what was asked, its status, and what it gave, got and cost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from cambist.cli.formatting import format_amount, format_bps, format_instant, route_label

if TYPE_CHECKING:
    from cambist.client import Order

_BEFORE_THE_CHAIN_IS_SURE: Final = "confirmed; the chain may still take it back"


def summary_rows(order: Order) -> list[tuple[str, str]]:
    """Return what is known of an order, each with a name a person uses."""
    fields = [
        ("order", order.order_id),
        ("your id", order.client_order_id or ""),
        ("status", status_text(order)),
        ("asked", request_text(order)),
        (
            "gave" if order.status == "confirmed" else "gives",
            _amount(order.amount_in, order.token_in),
        ),
        (
            "got" if order.status == "confirmed" else "gets",
            _amount(order.amount_out, order.token_out),
        ),
        ("at least", _amount(order.min_amount_out, order.token_out)),
        ("at most", _amount(order.max_amount_in, order.token_in)),
        ("price", "" if order.executed_price is None else format_amount(order.executed_price)),
        ("slippage", _slippage(order.realised_slippage)),
        (
            "through",
            route_label(order).replace("-", "", 1)
            if route_label(order) == "-"
            else route_label(order),
        ),
        ("why", "" if order.error else order.reason or ""),
        ("tries", _tries(order)),
        ("transaction", order.tx_hash or ""),
        ("wallet", order.wallet_address or ""),
        ("user", order.user_id or ""),
        ("tokens", "a made-up token of the paper market is in it" if order.synthetic else ""),
        *(("note", warning) for warning in order.warnings),
        ("made", format_instant(order.created_at)),
        ("closed", "" if order.closed_at is None else format_instant(order.closed_at)),
        ("ends by", "" if order.expires_at is None else format_instant(order.expires_at)),
        (
            "cancel asked",
            "" if order.cancel_requested_at is None else format_instant(order.cancel_requested_at),
        ),
    ]
    return [(name, value) for name, value in fields if value]


def status_text(order: Order) -> str:
    """Say where an order stands, and why it failed."""
    if order.status == "confirmed":
        return "confirmed, for good" if order.is_final else _BEFORE_THE_CHAIN_IS_SURE
    return f"{order.status}: {order.error}" if order.error else order.status


def request_text(order: Order) -> str:
    """Say what the user asked for."""
    tolerance = format_bps(order.slippage_bps)
    if order.max_amount_in is not None or (order.side == "buy" and order.symbol):
        what = f"buy {order.token_out} with {order.token_in}"
        amount = _amount(order.amount_out, order.token_out)
        what = f"buy {amount} with {order.token_in}" if amount else what
        return f"{what}, at most {tolerance} above the quote"
    amount = _amount(order.amount_in, order.token_in) or order.token_in
    return f"sell {amount} for {order.token_out}, at most {tolerance} below the quote"


def _amount(amount: Decimal | None, token: str) -> str:
    return "" if amount is None else f"{format_amount(amount)} {token}"


def _slippage(worse: Decimal | None) -> str:
    if worse is None:
        return ""
    if not worse:
        return "none: as quoted"
    return f"{format_amount(abs(worse))} % {'worse' if worse > 0 else 'better'} than quoted"


def _tries(order: Order) -> str:
    if not order.max_attempts:
        return ""
    return f"{order.retry_count + 1} of {order.max_attempts}"
