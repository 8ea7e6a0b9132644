"""Proposes words to a shell while a command is typed: quickly, or not at all."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

import typer

from cambist.cli.connect import KEY_NAME, with_scheme
from cambist.cli.formatting import format_amount
from cambist.values.connection_urls import DEFAULT_URL

if TYPE_CHECKING:
    from cambist.client import Order

PROPOSED_MAX: Final = 20
WAIT_MS: Final = 1_000
_SIDES: Final = ("buy", "sell")


def statuses(incomplete: str) -> list[str]:
    """Propose where an order may stand; several go with commas between."""
    from cambist.orders.order import Status

    before, comma, begun = incomplete.rpartition(",")
    return [f"{before}{comma}{Statu}" for Statu in Status if Statu.startswith(begun.lower())]


def order_words(incomplete: str) -> list[str]:
    """Propose the sides and the tokens an order may name."""
    sides = [side for side in _SIDES if side.startswith(incomplete.lower())]
    return sides + token_words(incomplete)


def fire_words(incomplete: str) -> list[str]:
    """Propose what an order may do whose price is met already."""
    return [word for word in ("fire",) if word.startswith(incomplete.lower())]


def token_words(incomplete: str) -> list[str]:
    """Propose the tokens that are known."""
    from cambist.paper.tokens import STOCKS
    from cambist.values.token import KNOWN

    symbols = sorted(token.symbol for token in (*KNOWN, *STOCKS))
    return [symbol for symbol in symbols if symbol.startswith(incomplete.upper())]


def order_ids(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Propose the newest orders of the engine at hand; an engine that is away proposes none."""
    from cambist.client import CambistError

    url = str(ctx.params.get("url") or os.environ.get("CAMBIST_URL") or DEFAULT_URL)
    try:
        orders = asyncio.run(_newest(url))
    except (CambistError, ValueError):
        return []
    return [
        (order.order_id, _told(order)) for order in orders if order.order_id.startswith(incomplete)
    ]


async def _newest(url: str) -> tuple[Order, ...]:
    from cambist.client import Client, RetryPolicy

    haste = RetryPolicy(tries_max=1, timeout_ms=WAIT_MS)
    key = os.environ.get(KEY_NAME) or None
    async with Client(with_scheme(url), key, patience=haste) as cambist:
        return (await cambist.page(limit=PROPOSED_MAX)).orders


def _told(order: Order) -> str:
    """Say which order it is, without a colon: zsh would cut there."""
    given = f"{format_amount(order.amount_in, '?')} {order.token_in}"
    return f"{order.status}, {given} to {format_amount(order.amount_out, '?')} {order.token_out}"
