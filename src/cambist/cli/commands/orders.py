"""Places orders, shows them, lists them, watches them and cancels them, at any engine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cambist.cli import json_output
from cambist.cli.completion import order_ids, order_words, statuses
from cambist.cli.connect import Url, connect
from cambist.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE, exit_with
from cambist.cli.formatting import format_amount, format_instant, route_label
from cambist.cli.guarded_streams import is_lost
from cambist.cli.json_output import AsJson, AsJsonLines
from cambist.cli.order_ids import OrderId, found_id
from cambist.cli.order_summary import kind_text, summary_rows
from cambist.cli.order_view import (
    LiveTable,
    OrderProgress,
    console_out,
    describe,
    describe_transition,
    line_of,
)
from cambist.cli.tables import Column, print_sentence, print_table
from cambist.client.drafts import buy, sell, swap
from cambist.values.connection_urls import DEFAULT_URL

if TYPE_CHECKING:
    from cambist.client import Client, Draft, Event, Order, Placed
    from cambist.client.drafts import DraftTerms

SIDES: Final = {"buy": buy, "sell": sell}
WORDS: Final = 3
LISTED_MAX: Final = 500
_COUNTED: Final = ("waiting", "active", "delayed", "completed", "failed", "cancelled", "total")
_LISTED: Final = (
    Column("order"),
    Column("status"),
    Column("in", right=True),
    Column("out", right=True),
    Column("venue", rank=3, folds=True),
    Column("tries", rank=1, right=True),
    Column("created", rank=2),
)
_KIND: Final = Column("kind", rank=1)
_KIND_AT: Final = 4
_FACTS: Final = (Column(""), Column("", folds=True))
_JOURNAL: Final = (
    Column("seq", rank=1, right=True),
    Column("at", rank=2),
    Column("event"),
    Column("status", rank=3),
    Column("", folds=True),
)

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
Key = Annotated[
    str | None, typer.Option(help="Your own id: sending it again gives the same order.")
]
Fok = Annotated[
    bool, typer.Option("--fok", help="Fill or kill: all of it in one transaction, or nothing.")
]
console = console_out()


def order(
    words: Words,
    slippage_bps: SlippageBps = None,
    key: Key = None,
    wallet: Wallet = None,
    fok: Fok = False,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Watch it until it is closed.")
    ] = True,
    json: AsJsonLines = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Place a market order, and watch it until it is closed."""
    terms = terms_of(slippage_bps, wallet, key, fok=fok)
    run(_order(url, read_words(words, terms), " ".join(words), follow=follow, json=json))


def terms_of(
    slippage_bps: int | None, wallet: str | None, key: str | None = None, *, fok: bool = False
) -> DraftTerms:
    """Return what was said besides the tokens and the amount."""
    terms: DraftTerms = {}
    if slippage_bps is not None:
        terms["slippage_bps"] = slippage_bps
    if wallet is not None:
        terms["wallet_address"] = wallet
    if key is not None:
        terms["client_order_id"] = key
    if fok:
        terms["time_in_force"] = "fok"
    return terms


def read_words(words: list[str], terms: DraftTerms) -> Draft:
    """Return the order the words ask for; what is no order ends the command."""
    if len(words) != WORDS:
        exit_with(USAGE, "say AMOUNT TOKEN_IN TOKEN_OUT, or buy|sell AMOUNT SYMBOL")
    first, second, third = words
    if first.lower() in SIDES:
        return SIDES[first.lower()](third, second, **terms)
    return swap(second, third, amount_in=first, **terms)


async def _order(url: str, draft: Draft, title: str, *, follow: bool, json: bool) -> int:
    async with connect(url) as cambist:
        placed = await cambist.place(draft)
        print_placed(placed, json=json)
        if not follow:
            return DONE
        return await follow_to_end(cambist, placed.order_id, title, 0, json=json)


def print_placed(placed: Placed, *, json: bool) -> None:
    """Print the answer to an order: its id, what it will do, and what to look at twice."""
    if json:
        json_output.write(placed)
        return
    print_sentence(console, f"{placed.order_id}  {placed.summary}")
    for warning in placed.warnings:
        print_sentence(console, f"note: {warning}")


async def follow_to_end(
    cambist: Client, order_id: str, title: str, from_seq: int, *, json: bool
) -> int:
    """Print an order's events until it is closed; return the exit code of its outcome."""
    if json:
        return await _print_events(cambist, order_id, from_seq)
    return await _watch(cambist, order_id, title, from_seq)


def show(order_id: OrderId, json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Show an order and every line of its journal."""
    run(_show(url, order_id, json=json))


async def _show(url: str, order_id: str, *, json: bool) -> int:
    async with connect(url) as cambist:
        known = await found_id(cambist, order_id)
        found = await cambist.get(known)
        journal = await cambist.history(known)
    if json:
        json_output.write({"order": found, "events": journal})
        return DONE
    print_table(console, _FACTS, summary_rows(found), heads=False)
    console.print()
    print_table(console, _JOURNAL, [_journal_row(order) for order in journal])
    return DONE


def _journal_row(event: Event) -> tuple[str, ...]:
    said = event.error or describe_transition(event) or event.last_error or describe(event)
    return (str(event.seq), format_instant(event.timestamp), event.event, event.status, said)


def list_orders(
    limit: Annotated[int, typer.Option(min=1, max=LISTED_MAX, help="How many.")] = 20,
    status: Annotated[
        str | None,
        typer.Option(help="Only orders that stand there.", autocompletion=statuses),
    ] = None,
    json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List orders, newest first."""
    run(_list(url, limit, status, json=json))


async def _list(url: str, limit: int, status: str | None, *, json: bool) -> int:
    async with connect(url) as cambist:
        asked = (
            cambist.page(limit=limit)
            if status is None
            else cambist.page(limit=limit, status=status)
        )
        page = await asked
    if json:
        json_output.write(page)
        return DONE
    columns, rows = list(_LISTED), [_row(order) for order in page.orders]
    if any(order.type != "market" for order in page.orders):
        columns.insert(_KIND_AT, _KIND)
        for row, order in zip(rows, page.orders, strict=True):
            row.insert(_KIND_AT, kind_text(order))
    print_table(console, columns, rows)
    print_sentence(console, "  ".join(f"{name} {getattr(page, name)}" for name in _COUNTED))
    return DONE


def _row(order: Order) -> list[str]:
    return [
        order.order_id,
        order.status,
        f"{format_amount(order.amount_in, '?')} {order.token_in}",
        f"{format_amount(order.amount_out, '?')} {order.token_out}",
        route_label(order),
        str(order.retry_count + 1),
        format_instant(order.created_at),
    ]


def watch(
    order_id: Annotated[
        str | None,
        typer.Argument(
            help="The order's id, its last 6 letters or more, or `last`; without it, all orders.",
            autocompletion=order_ids,
        ),
    ] = None,
    from_seq: Annotated[int, typer.Option(min=0, help="Go on after this line.")] = 0,
    after: Annotated[
        str | None, typer.Option(help="Of all orders: go on after this cursor of an event.")
    ] = None,
    json: AsJsonLines = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Watch an order until it is closed, or all orders; exits 0 when it is confirmed, else 1."""
    if order_id is None:
        run(_watch_all(url, after, json=json))
    else:
        run(_watch_alone(url, order_id, from_seq, json=json))


async def _watch_all(url: str, after: str | None, *, json: bool) -> int:
    """Print what happens to all orders, until told to stop or until nobody reads it any more."""
    async with connect(url) as cambist, aclosing(cambist.follow_all(after)) as events:
        async for event in events:
            if json:
                json_output.write(event)
            else:
                print_sentence(console, line_of(event))
            if is_lost():
                break
    return DONE


async def _watch_alone(url: str, order_id: str, from_seq: int, *, json: bool) -> int:
    async with connect(url) as cambist:
        known = await found_id(cambist, order_id)
        found = await cambist.get(known)
        title = f"{found.token_in} → {found.token_out}"
        if found.level is not None:
            title += f", {kind_text(found)}"
        return await follow_to_end(cambist, known, title, from_seq, json=json)


async def _print_events(cambist: Client, order_id: str, from_seq: int) -> int:
    status = None
    async with aclosing(cambist.follow(order_id, from_seq)) as events:
        async for event in events:
            json_output.write(event)
            status = event.status
    status = status or (await cambist.get(order_id)).status
    return DONE if status == "confirmed" else FAILED


async def _watch(cambist: Client, order_id: str, title: str, from_seq: int) -> int:
    life = OrderProgress(order_id, title)
    with LiveTable(console) as board:
        board.add(life)
        async with aclosing(cambist.follow(order_id, from_seq)) as events:
            async for event in events:
                board.hear(event)
    # Past the end of a closed order's journal there is nothing to hear.
    order = life.newest or await cambist.get(order_id)
    for warning in order.warnings:
        print_sentence(console, f"note: {warning}")
    return DONE if order.status == "confirmed" else FAILED


def cancel(order_id: OrderId, json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Ask to end an order: cancelled, cancel_pending (it may still land) or too_late."""
    run(_cancel(url, order_id, json=json))


async def _cancel(url: str, order_id: str, *, json: bool) -> int:
    async with connect(url) as cambist:
        answer = await cambist.cancel(await found_id(cambist, order_id))
    if json:
        json_output.write(answer)
    else:
        said = answer.error or f"The order is {answer.status}."
        print_sentence(console, f"{answer.cancel}: {said}")
    return FAILED if answer.cancel == "too_late" else DONE


def run(main: Coroutine[Any, Any, int]) -> None:
    """Run a command and end with its exit code; Ctrl-C ends it quietly, and no order with it."""
    try:
        code = asyncio.run(main)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code:
        raise typer.Exit(code)
