"""Runs a demonstration: its own server, five orders at once, and a table of their outcomes."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import aclosing
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from cambist import bootstrap
from cambist.cli.commands.orders import console
from cambist.cli.connect import exit_on_error
from cambist.cli.order_view import LiveTable, OrderProgress, outcome
from cambist.cli.settings import load_settings, run_loop
from cambist.client import Client, Draft, buy, swap
from cambist.config import Settings

ORDERS: Final[tuple[tuple[str, Draft], ...]] = (
    ("sell 10 SOL for USDC", swap("SOL", "USDC", amount_in=10)),
    ("buy 5 AAPL", buy("AAPL", 5)),
    ("sell 10000 RAY for USDC", swap("RAY", "USDC", amount_in=10_000)),
    ("sell 20000 USDC for JUP", swap("USDC", "JUP", amount_in=20_000)),
    ("sell 900000 BONK for SOL", swap("BONK", "SOL", amount_in=900_000)),
)
"""In the world of seed 1 they meet all six programs, alone and in splits."""


def demo(
    profile: Annotated[
        str, typer.Option(help="The paper world: realistic or instant.")
    ] = "realistic",
    seed: Annotated[int, typer.Option(min=0, help="What the paper world is drawn from.")] = 1,
) -> None:
    """Start an engine of its own, send it five market orders at once, and show their lives."""
    with tempfile.TemporaryDirectory(prefix="cambist-demo-") as home:
        settings = load_settings(
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
        run_loop(lambda: _demo(settings))


async def _demo(settings: Settings) -> None:
    async with (
        bootstrap.run_engine(settings) as opened,
        bootstrap.serve_http(opened, settings) as (port, _),
        # The key in the environment is for another engine than this one.
        Client(f"http://127.0.0.1:{port}") as cambist,
        exit_on_error(),
    ):
        console.print(f"The engine listens on port {port}; five orders go in at once.\n")
        lives = await _trade(cambist)
    console.print()
    outcome(console, lives)


async def _trade(cambist: Client) -> list[OrderProgress]:
    with LiveTable(console) as board:
        async with asyncio.TaskGroup() as trading:
            tasks = [
                trading.create_task(_live(cambist, board, number)) for number in range(len(ORDERS))
            ]
    return [task.result() for task in tasks]


async def _live(cambist: Client, board: LiveTable, number: int) -> OrderProgress:
    title, draft = ORDERS[number]
    placed = await cambist.place(replace(draft, client_order_id=f"demo-{number + 1}"))
    life = OrderProgress(placed.order_id, title)
    board.add(life)
    async with aclosing(cambist.follow(life.order_id)) as events:
        async for event in events:
            board.hear(event)
    return life
