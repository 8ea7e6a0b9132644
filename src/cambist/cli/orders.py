"""Places orders, shows them, lists them, watches them and cancels them, at any engine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.table import Table

from cambist.cli.complete import order_ids, order_words, statuses
from cambist.cli.exits import DONE, FAILED, INTERRUPTED, USAGE, leave
from cambist.cli.live import Board, Life, console_out, instant, plain, way_of
from cambist.cli.reach import Url, reach
from cambist.client import DEFAULT_URL, Client, Draft, Order, buy, sell, swap
from cambist.client.drafts import Terms

SIDES: Final = {"buy": buy, "sell": sell}
WORDS: Final = 3
LISTED_MAX: Final = 500

OrderId = Annotated[
    str, typer.Argument(help="The order's id, as `order` printed it.", autocompletion=order_ids)
]
Words = Annotated[
    list[str],
    typer.Argument(
        help="AMOUNT TOKEN_IN TOKEN_OUT, or buy|sell AMOUNT SYMBOL.", autocompletion=order_words
    ),
]
SlippageBps = Annotated[
    int | None, typer.Option(help="How far below the quote is still fine, in basis points.")
]
Wallet = Annotated[str | None, typer.Option(help="The wallet to trade for.")]
console = console_out()


def order(
    words: Words,
    slippage_bps: SlippageBps = None,
    key: Annotated[
        str | None, typer.Option(help="Your own id: sending it again gives the same order.")
    ] = None,
    wallet: Wallet = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Watch it until it is closed.")
    ] = True,
    url: Url = DEFAULT_URL,
) -> None:
    """Place a market order, and watch it until it is closed."""
    terms = terms_of(slippage_bps, wallet)
    if key is not None:
        terms["client_order_id"] = key
    run(_order(url, read_words(words, terms), " ".join(words), follow=follow))


def terms_of(slippage_bps: int | None, wallet: str | None) -> Terms:
    """Return what was said besides the tokens and the amount."""
    terms: Terms = {}
    if slippage_bps is not None:
        terms["slippage_bps"] = slippage_bps
    if wallet is not None:
        terms["wallet_address"] = wallet
    return terms


def read_words(words: list[str], terms: Terms) -> Draft:
    """Return the order the words ask for; what is no order ends the command."""
    if len(words) != WORDS:
        leave(USAGE, "say AMOUNT TOKEN_IN TOKEN_OUT, or buy|sell AMOUNT SYMBOL")
    first, second, third = words
    if first.lower() in SIDES:
        return SIDES[first.lower()](third, second, **terms)
    return swap(second, third, amount_in=first, **terms)


async def _order(url: str, draft: Draft, title: str, *, follow: bool) -> int:
    async with reach(url) as cambist:
        placed = await cambist.place(draft)
        console.print(f"{placed.order_id}  {placed.summary}", markup=False, soft_wrap=True)
        for warning in placed.warnings:
            console.print(f"note: {warning}", markup=False, soft_wrap=True)
        if not follow:
            return DONE
        return await _watch(cambist, placed.order_id, title, 0)


def show(order_id: OrderId, url: Url = DEFAULT_URL) -> None:
    """Show an order and every line of its journal."""
    run(_show(url, order_id))


async def _show(url: str, order_id: str) -> int:
    async with reach(url) as cambist:
        found = await cambist.get(order_id)
        journal = await cambist.history(order_id)
    facts = Table(box=None, show_header=False, pad_edge=False)
    for field in msgspec.structs.fields(found):
        value = getattr(found, field.name)
        if value not in (None, "") and not isinstance(value, tuple | msgspec.Struct):
            facts.add_row(field.encode_name, _shown(value))
    console.print(facts)
    lines = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("seq", "at", "event", "status", ""):
        lines.add_column(name)
    for one in journal:
        said = one.error or one.last_error or ""
        lines.add_row(str(one.seq), instant(one.timestamp), one.event, one.status, said)
    console.print()
    console.print(lines)
    return DONE


def _shown(value: object) -> str:
    match value:
        case Decimal():
            return plain(value)
        case datetime():
            return instant(value)
        case _:
            return str(value)


def list_orders(
    limit: Annotated[int, typer.Option(min=1, max=LISTED_MAX, help="How many.")] = 20,
    status: Annotated[
        str | None,
        typer.Option(help="Only orders that stand there.", autocompletion=statuses),
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """List orders, newest first."""
    run(_list(url, limit, status))


async def _list(url: str, limit: int, status: str | None) -> int:
    async with reach(url) as cambist:
        asked = (
            cambist.page(limit=limit)
            if status is None
            else cambist.page(limit=limit, status=status)
        )
        page = await asked
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("order", "status", "in", "out", "venue", "tries", "created"):
        table.add_column(name)
    for one in page.orders:
        table.add_row(*_row(one))
    console.print(table)
    names = ("waiting", "active", "delayed", "completed", "failed", "cancelled", "total")
    console.print("  ".join(f"{name} {getattr(page, name)}" for name in names))
    return DONE


def _row(one: Order) -> tuple[str, ...]:
    return (
        one.order_id,
        one.status,
        f"{plain(one.amount_in, '?')} {one.token_in}",
        f"{plain(one.amount_out, '?')} {one.token_out}",
        way_of(one),
        str(one.retry_count + 1),
        instant(one.created_at),
    )


def watch(
    order_id: OrderId,
    from_seq: Annotated[int, typer.Option(min=0, help="Go on after this line.")] = 0,
    url: Url = DEFAULT_URL,
) -> None:
    """Watch an order until it is closed; exits 0 when it is confirmed, 1 otherwise."""
    run(_watch_alone(url, order_id, from_seq))


async def _watch_alone(url: str, order_id: str, from_seq: int) -> int:
    async with reach(url) as cambist:
        found = await cambist.get(order_id)
        title = f"{found.token_in} → {found.token_out}"
        return await _watch(cambist, order_id, title, from_seq)


async def _watch(cambist: Client, order_id: str, title: str, from_seq: int) -> int:
    life = Life(order_id, title)
    with Board(console) as board:
        board.add(life)
        async with aclosing(cambist.follow(order_id, from_seq)) as events:
            async for event in events:
                board.hear(event)
    # Past the end of a closed order's journal there is nothing to hear.
    told = life.newest or await cambist.get(order_id)
    return DONE if told.status == "confirmed" else FAILED


def cancel(order_id: OrderId, url: Url = DEFAULT_URL) -> None:
    """Ask to end an order: cancelled, cancel_pending (it may still land) or too_late."""
    run(_cancel(url, order_id))


async def _cancel(url: str, order_id: str) -> int:
    async with reach(url) as cambist:
        answer = await cambist.cancel(order_id)
    said = answer.error or f"The order is {answer.status}."
    console.print(f"{answer.cancel}: {said}", markup=False, soft_wrap=True)
    return FAILED if answer.cancel == "too_late" else DONE


def run(main: Coroutine[Any, Any, int]) -> None:
    """Run a command and end with its exit code; Ctrl-C ends it quietly, and no order with it."""
    try:
        code = asyncio.run(main)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code:
        raise typer.Exit(code)
