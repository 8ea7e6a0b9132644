"""Describes an order in words: what was asked, its status, and what it gave, got and cost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from cambist.cli.formatting import (
    format_amount,
    format_bps,
    format_instant,
    format_price,
    route_label,
)

if TYPE_CHECKING:
    from cambist.client import Order

_BEFORE_THE_CHAIN_IS_SURE: Final = "confirmed; the chain may still take it back"


def summary_rows(order: Order) -> list[tuple[str, str]]:
    """Return what is known of an order, each with a name a person uses."""
    fields = [
        ("order", order.order_id),
        ("your id", order.client_order_id or ""),
        ("status", status_text(order)),
        ("asked", order.summary or request_text(order)),
        ("kind", "" if order.type == "market" else kind_text(order)),
        ("limit", _extra_limit(order)),
        ("confirmed by", _confirm_text(order)),
        ("ladder", ", ".join(format_bps(bps) for bps in order.slippage_ladder_bps)),
        ("in force", _force_text(order)),
        ("starts", "" if order.start_at is None else format_instant(order.start_at)),
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


def kind_text(order: Order) -> str:
    """Write an order's kind, with the price that it waits for."""
    kind = order.type.replace("_", "-")
    return kind if order.level is None else f"{kind} {format_price(order.level)}"


def _extra_limit(order: Order) -> str:
    """Write the limit price of an order that waits for another price."""
    if order.trigger_price is None or order.limit_price is None:
        return ""
    return f"never worse than {format_amount(order.limit_price)}"


def _confirm_text(order: Order) -> str:
    count = order.confirm_slots
    return "" if count is None else f"{count} slot{'' if count == 1 else 's in a row'}"


def _force_text(order: Order) -> str:
    if order.time_in_force != "fok":
        return ""
    return "fill or kill: all of it in one transaction, or nothing"


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
    if order.confirm_slots is not None:
        # An order that waits for a price has no greatest number of tries.
        return str(order.retry_count + 1)
    return f"{order.retry_count + 1} of {order.max_attempts}"
