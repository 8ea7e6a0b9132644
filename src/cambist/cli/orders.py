"""Places orders, shows them, lists them, watches them and cancels them, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, Final

import httpx
import typer
from rich.table import Table

from cambist.cli.exits import DONE, FAILED, INTERRUPTED, USAGE, leave
from cambist.cli.http import DEFAULT_URL, Url, ask, call, connect, events, read, refuse
from cambist.cli.live import CLOSED, Board, Life, console_out

SIDES: Final = frozenset(("buy", "sell"))
WORDS: Final = 3
LISTED_MAX: Final = 500
CONFLICT: Final = 409
ALIASES: Final = frozenset(
    (
        "id", "orderType", "attempts", "dex", "chosen", "rQuote", "mQuote", "txSignature",
        "price", "errorMessage", "lastError", "lastCode", "slippageBps",
    )
)  # fmt: skip
"""Names that repeat another one, for clients that know only them."""

OrderId = Annotated[str, typer.Argument(help="The order's id, as `order` printed it.")]
console = console_out()


def order(
    words: Annotated[
        list[str],
        typer.Argument(help="AMOUNT TOKEN_IN TOKEN_OUT, or buy|sell AMOUNT SYMBOL."),
    ],
    slippage_bps: Annotated[
        int | None, typer.Option(help="How far below the quote is still fine, in basis points.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Your own id: sending it again gives the same order.")
    ] = None,
    wallet: Annotated[str | None, typer.Option(help="The wallet to trade for.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Watch it until it is closed.")
    ] = True,
    url: Url = DEFAULT_URL,
) -> None:
    """Place a market order, and watch it until it is closed."""
    body = _body(words)
    more = {"slippageBps": slippage_bps, "clientOrderId": key, "walletAddress": wallet}
    body.update({name: value for name, value in more.items() if value is not None})
    run(_order(url, body, " ".join(words), follow=follow))


def _body(words: list[str]) -> dict[str, Any]:
    if len(words) != WORDS:
        leave(USAGE, "say AMOUNT TOKEN_IN TOKEN_OUT, or buy|sell AMOUNT SYMBOL")
    first, second, third = words
    if first.lower() in SIDES:
        return {"symbol": third, "side": first.lower(), "quantity": second}
    return {"tokenIn": second, "tokenOut": third, "amount": first}


async def _order(url: str, body: dict[str, Any], title: str, *, follow: bool) -> int:
    async with connect(url) as client:
        taken = await call(client, "POST", "/api/orders/execute", json=body)
        console.print(f"{taken['orderId']}  {taken['summary']}", markup=False, soft_wrap=True)
        for warning in taken.get("warnings") or ():
            console.print(f"note: {warning}", markup=False, soft_wrap=True)
        if not follow:
            return DONE
        return await _watch(client, taken["orderId"], title, 0)


def show(order_id: OrderId, url: Url = DEFAULT_URL) -> None:
    """Show an order and every line of its journal."""
    run(_show(url, order_id))


async def _show(url: str, order_id: str) -> int:
    async with connect(url) as client:
        found = await call(client, "GET", f"/api/orders/{order_id}")
        told = await call(client, "GET", f"/api/orders/{order_id}/events")
    facts = Table(box=None, show_header=False, pad_edge=False)
    for name, value in found.items():
        if name not in ALIASES and value is not None and not isinstance(value, dict | list):
            facts.add_row(name, str(value))
    console.print(facts)
    lines = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("seq", "at", "event", "status", ""):
        lines.add_column(name)
    for one in told["events"]:
        said = one.get("error") or one.get("lastError") or ""
        lines.add_row(str(one["seq"]), one["timestamp"], one["event"], one["status"], str(said))
    console.print()
    console.print(lines)
    return DONE


def list_orders(
    limit: Annotated[int, typer.Option(min=1, max=LISTED_MAX, help="How many.")] = 20,
    status: Annotated[str | None, typer.Option(help="Only orders that stand there.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """List orders, newest first."""
    run(_list(url, limit, status))


async def _list(url: str, limit: int, status: str | None) -> int:
    query: dict[str, Any] = {"limit": limit}
    if status is not None:
        query["status"] = status
    async with connect(url) as client:
        page = await call(client, "GET", "/api/orders", params=query)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("order", "status", "in", "out", "venue", "tries", "created"):
        table.add_column(name)
    for one in page["orders"]:
        table.add_row(
            one["orderId"],
            one["status"],
            f"{one.get('amountIn') or '?'} {one['tokenIn']}",
            f"{one.get('amountOut') or '?'} {one['tokenOut']}",
            one.get("selectedDex") or "-",
            str(one["retryCount"] + 1),
            one["createdAt"],
        )
    console.print(table)
    names = ("waiting", "active", "delayed", "completed", "failed", "cancelled", "total")
    console.print("  ".join(f"{name} {page[name]}" for name in names))
    return DONE


def watch(
    order_id: OrderId,
    from_seq: Annotated[int, typer.Option(min=0, help="Go on after this line.")] = 0,
    url: Url = DEFAULT_URL,
) -> None:
    """Watch an order until it is closed; exits 0 when it is confirmed, 1 otherwise."""
    run(_watch_alone(url, order_id, from_seq))


async def _watch_alone(url: str, order_id: str, from_seq: int) -> int:
    async with connect(url) as client:
        found = await call(client, "GET", f"/api/orders/{order_id}")
        title = f"{found['tokenIn']} → {found['tokenOut']}"
        return await _watch(client, order_id, title, from_seq)


async def _watch(client: httpx.AsyncClient, order_id: str, title: str, from_seq: int) -> int:
    life = Life(order_id, title)
    with Board(console) as board:
        board.add(life)
        async with aclosing(events(client, order_id, from_seq)) as messages:
            async for message in messages:
                board.hear(order_id, message)
                if message["status"] in CLOSED:
                    break
    # Past the end of a closed order's journal there is nothing to hear.
    told = life.newest or await call(client, "GET", f"/api/orders/{order_id}")
    return DONE if told.get("status") == "confirmed" else FAILED


def cancel(order_id: OrderId, url: Url = DEFAULT_URL) -> None:
    """Ask to end an order: cancelled, cancel_pending (it may still land) or too_late."""
    run(_cancel(url, order_id))


async def _cancel(url: str, order_id: str) -> int:
    async with connect(url) as client:
        reply = await ask(client, "DELETE", f"/api/orders/{order_id}")
        answer = read(reply.content)
    if reply.is_error and reply.status_code != CONFLICT:
        refuse(answer, reply.status_code)
    said = answer.get("error") or f"The order is {answer.get('status')}."
    console.print(f"{answer.get('cancel')}: {said}", markup=False, soft_wrap=True)
    return DONE if reply.is_success else FAILED


def seconds_between(first: str, last: str) -> str:
    """Return the time between two timestamps of the wire, as text."""
    if not first or not last:
        return "-"
    passed = datetime.fromisoformat(last) - datetime.fromisoformat(first)
    return f"{passed.total_seconds():.2f} s"


def run(main: Coroutine[Any, Any, int]) -> None:
    """Run a command and end with its exit code; Ctrl-C ends it quietly, and no order with it."""
    try:
        code = asyncio.run(main)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code:
        raise typer.Exit(code)
