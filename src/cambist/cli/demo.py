"""Shows the engine at work: its own server, five orders at once, their lives and their outcome."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import aclosing
from typing import Annotated, Any, Final

import httpx
import typer

from cambist import app as house
from cambist.cli.http import call, connect, events
from cambist.cli.live import Board, Life, outcome
from cambist.cli.orders import console, seconds_between
from cambist.cli.serve import run, settle
from cambist.config import Settings

ORDERS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("sell 10 SOL for USDC", {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 10}),
    ("buy 5 AAPL", {"symbol": "AAPL", "side": "buy", "quantity": 5}),
    ("sell 250 RAY for USDC", {"tokenIn": "RAY", "tokenOut": "USDC", "amountIn": "250"}),
    ("sell 1000 USDC for JUP", {"tokenIn": "USDC", "tokenOut": "JUP", "amountIn": 1000}),
    ("sell 900000 BONK for SOL", {"tokenIn": "BONK", "tokenOut": "SOL", "amountIn": "900000"}),
)


def demo(
    profile: Annotated[
        str, typer.Option(help="The paper world: realistic or instant.")
    ] = "realistic",
    seed: Annotated[int, typer.Option(min=0, help="What the paper world is drawn from.")] = 1,
) -> None:
    """Start an engine of its own, send it five market orders at once, and show their lives."""
    with tempfile.TemporaryDirectory(prefix="cambist-demo-") as home:
        settings = settle(
            {
                "home": home,
                "host": "127.0.0.1",
                "port": 0,
                "paper_profile": profile,
                "paper_seed": seed,
                "paper_chain": "inside",
                "log_level": "warning",
            }
        )
        run(lambda: _demo(settings))


async def _demo(settings: Settings) -> None:
    async with (
        house.open_engine(settings) as engine,
        house.serving(engine, settings) as (port, _),
        connect(f"http://127.0.0.1:{port}") as client,
    ):
        console.print(f"The engine listens on port {port}; five orders go in at once.\n")
        lives = await _trade(client)
    took = {one.order_id: seconds_between(one.first_at, one.closed_at) for one in lives}
    console.print()
    outcome(console, lives, took)


async def _trade(client: httpx.AsyncClient) -> list[Life]:
    with Board(console) as board:
        async with asyncio.TaskGroup() as trading:
            tasks = [
                trading.create_task(_live(client, board, number, title, body))
                for number, (title, body) in enumerate(ORDERS)
            ]
    return [task.result() for task in tasks]


async def _live(
    client: httpx.AsyncClient, board: Board, number: int, title: str, body: dict[str, Any]
) -> Life:
    keyed = {**body, "clientOrderId": f"demo-{number + 1}"}
    taken = await call(client, "POST", "/api/orders/execute", json=keyed)
    life = Life(taken["orderId"], title)
    board.add(life)
    async with aclosing(events(client, life.order_id)) as messages:
        async for message in messages:
            board.hear(life.order_id, message)
            if life.is_closed:
                break
    return life
