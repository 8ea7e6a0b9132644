"""Proposes words to a shell while a command is typed: quickly, or not at all."""

from __future__ import annotations

import asyncio
import os
from typing import Final

import typer

from cambist.cli.live import plain
from cambist.cli.reach import KEY_NAME
from cambist.client import DEFAULT_URL, CambistError, Client, Order, Patience
from cambist.orders.order import Status
from cambist.paper.tokens import STOCKS
from cambist.values.token import KNOWN

PROPOSED_MAX: Final = 20
HASTE: Final = Patience(tries_max=1, timeout_ms=1_000)
_SIDES: Final = ("buy", "sell")


def statuses(incomplete: str) -> list[str]:
    """Propose where an order may stand; several go with commas between."""
    before, comma, begun = incomplete.rpartition(",")
    return [f"{before}{comma}{one}" for one in Status if one.startswith(begun.lower())]


def order_words(incomplete: str) -> list[str]:
    """Propose the sides and the tokens an order may name."""
    sides = [one for one in _SIDES if one.startswith(incomplete.lower())]
    return sides + token_words(incomplete)


def token_words(incomplete: str) -> list[str]:
    """Propose the tokens that are known."""
    symbols = sorted(token.symbol for token in (*KNOWN, *STOCKS))
    return [one for one in symbols if one.startswith(incomplete.upper())]


def order_ids(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Propose the newest orders of the engine at hand; an engine that is away proposes none."""
    url = str(ctx.params.get("url") or os.environ.get("CAMBIST_URL") or DEFAULT_URL)
    try:
        orders = asyncio.run(_newest(url))
    except (CambistError, ValueError):
        return []
    return [(one.order_id, _told(one)) for one in orders if one.order_id.startswith(incomplete)]


async def _newest(url: str) -> tuple[Order, ...]:
    async with Client(url, os.environ.get(KEY_NAME) or None, patience=HASTE) as cambist:
        return (await cambist.page(limit=PROPOSED_MAX)).orders


def _told(one: Order) -> str:
    """Say which order it is, without a colon: zsh would cut there."""
    given = f"{plain(one.amount_in, '?')} {one.token_in}"
    return f"{one.status}, {given} to {plain(one.amount_out, '?')} {one.token_out}"
