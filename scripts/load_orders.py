"""Places many orders at once, watches each to its end, and prints what became of them.

`python -m scripts.load_orders [--orders N] [--parallel N] [--url URL] [--amount A] [--pair X/Y]`.
The key, where one is needed, is read from CAMBIST_API_KEY. Exits 0 when every order is confirmed.
It runs on the engine's machine as a rule, so its figures are of both; `make bench` measures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cambist.client import (
    DEFAULT_URL,
    CambistError,
    Client,
    ConnectionFailed,
    Draft,
    RequestRejected,
    RetryPolicy,
    swap,
)

ALL_CONFIRMED, NOT_ALL, USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 69, 130
PATIENCE: Final = RetryPolicy(tries_max=4)
ORDERS_MAX: Final = 100_000
PARALLEL_MAX: Final = 1_000
SHARES: Final = (50, 90, 99, 100)
WIDTH: Final = 100


class Tally:
    """What became of the orders so far. Times are milliseconds."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.accept_ms: list[float] = []
        self.confirm_ms: list[float] = []

    @property
    def accepted(self) -> int:
        """How many orders were taken."""
        return len(self.accept_ms)


async def one(cambist: Client, draft: Draft, tally: Tally) -> None:
    """Place one order and watch it to its end."""
    try:
        await follow(cambist, draft, tally)
    except RequestRejected as refused:
        tally.ends["refused"] += 1
        tally.reasons[refused.code] += 1
    except CambistError as error:
        tally.ends["unanswered"] += 1
        tally.reasons[type(error).__name__.lower()] += 1


async def follow(cambist: Client, draft: Draft, tally: Tally) -> None:
    """Place one order, and count how it ends."""
    began = time.perf_counter()
    placed = await cambist.place(draft)
    tally.accept_ms.append((time.perf_counter() - began) * 1_000)
    async with aclosing(cambist.follow(placed.order_id)) as events:
        async for event in events:
            if not event.is_closed:
                continue
            tally.ends[event.status] += 1
            if event.status == "confirmed":
                tally.confirm_ms.append((time.perf_counter() - began) * 1_000)
            else:
                tally.reasons[event.code or event.status] += 1


async def load(cambist: Client, drafts: Sequence[Draft], parallel: int, console: Console) -> Tally:
    """Place the drafts, so many at once, and show how far it is."""
    tally, waiting = Tally(), iter(drafts)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        taken = progress.add_task("accepted", total=len(drafts))
        ended = progress.add_task("ended", total=len(drafts))

        async def work() -> None:
            for draft in waiting:
                await one(cambist, draft, tally)
                progress.update(taken, completed=tally.accepted)
                progress.update(ended, completed=tally.ends.total())

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(parallel, len(drafts))):
                tasks.create_task(work())
    return tally


def outcome(tally: Tally, seconds: float) -> Iterator[Table]:
    """Draw what became of the orders, and how long it took."""
    counts = Table(title="Orders", title_justify="left", box=None, pad_edge=False)
    for name in ("accepted", "confirmed", "failed", "refused", "unanswered", "ended a second"):
        counts.add_column(name, justify="right")
    ends = tally.ends
    failed = ends.total() - ends["confirmed"] - ends["refused"] - ends["unanswered"]
    rate = f"{ends.total() / seconds:.0f}"
    row = (tally.accepted, ends["confirmed"], failed, ends["refused"], ends["unanswered"], rate)
    counts.add_row(*map(str, row))
    yield counts
    times = Table(title="Milliseconds", title_justify="left", box=None, pad_edge=False)
    times.add_column("until")
    for share in SHARES:
        times.add_column(f"p{share}" if share < max(SHARES) else "max", justify="right")
    for name, kept in (("accepted", tally.accept_ms), ("confirmed", tally.confirm_ms)):
        times.add_row(name, *(percentile(kept, share) for share in SHARES))
    yield times
    if tally.reasons:
        reasons = Table(title="Why not", title_justify="left", box=None, pad_edge=False)
        for name in ("code", "orders"):
            reasons.add_column(name, justify="left" if name == "code" else "right")
        for code, count in tally.reasons.most_common():
            reasons.add_row(code, str(count))
        yield reasons


def percentile(kept: Sequence[float], share: int) -> str:
    """Return the least of the values that this many in a hundred do not exceed."""
    if not kept:
        return "-"
    return f"{sorted(kept)[max(-(-len(kept) * share // 100) - 1, 0)]:.1f}"


async def run(asked: argparse.Namespace) -> int:
    """Load one engine as asked."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    token_in, _, token_out = asked.pair.partition("/")
    drafts = [swap(token_in, token_out, amount_in=asked.amount)] * asked.orders
    async with Client(
        asked.url, os.environ.get("CAMBIST_API_KEY") or None, patience=PATIENCE
    ) as cambist:
        await cambist.health()
        began = time.perf_counter()
        tally = await load(cambist, drafts, asked.parallel, console)
        seconds = time.perf_counter() - began
    for table in outcome(tally, seconds):
        console.print()
        console.print(table)
    return ALL_CONFIRMED if tally.ends["confirmed"] == asked.orders else NOT_ALL


def up_to(most: int) -> Callable[[str], int]:
    """Return what reads a number from 1 to `most`."""

    def number(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is no number from 1 to {most}")
        return int(text)

    return number


def main(words: Sequence[str]) -> int:
    """Load what the words say, and return the exit code."""
    parser = argparse.ArgumentParser(prog="load_orders", description="Place many orders at once.")
    parser.add_argument("--orders", type=up_to(ORDERS_MAX), default=100)
    parser.add_argument("--parallel", type=up_to(PARALLEL_MAX), default=20)
    parser.add_argument("--amount", default="0.1", help="whole tokens an order gives")
    parser.add_argument("--pair", default="SOL/USDC", help="the token given / the token got")
    parser.add_argument("--url", default=os.environ.get("CAMBIST_URL") or DEFAULT_URL)
    asked = parser.parse_args(words)
    try:
        return asyncio.run(run(asked))
    except KeyboardInterrupt:
        return INTERRUPTED
    except (CambistError, ValueError) as error:
        print(f"load_orders: {error}", file=sys.stderr)
        return UNREACHABLE if isinstance(error, ConnectionFailed) else USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
