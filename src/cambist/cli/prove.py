"""Shows the promise kept: kills the engine under load, and lets the chain's own file judge."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from cambist.cli.exits import DONE, FAILED, leave, sole
from cambist.cli.live import console_out
from cambist.cli.proving.processes import NotStarted
from cambist.cli.proving.storm import Plan, Storm
from cambist.cli.proving.verdict import Verdict, executed, judge
from cambist.clock import SystemClock

LOOK_EVERY_MS: Final = 500
BROKEN_SHOWN_MAX: Final = 20
SECONDS_MAX: Final = 86_400
PER_SECOND_MAX: Final = 500


def prove(
    seconds: Annotated[int, typer.Option(min=1, max=SECONDS_MAX, help="How long to kill.")] = 30,
    rate: Annotated[
        int, typer.Option(min=1, max=PER_SECOND_MAX, help="Orders sent a second.")
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, help="What the storm is drawn from.")] = 1,
    profile: Annotated[
        str, typer.Option(help="The paper world: realistic or instant.")
    ] = "realistic",
    keep: Annotated[
        Path | None, typer.Option(help="Work in this folder, and leave it there.")
    ] = None,
) -> None:
    """Kill a real engine again and again under load; exit 0 if no order was lost or doubled.

    A home of its own, real processes, SIGKILL. The paper chain, a process of its own that is
    killed too, writes down every execution; its file is the judge.
    """
    plan = Plan(seconds, rate, seed, profile)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        code = _run(keep, plan)
    else:
        with tempfile.TemporaryDirectory(prefix="cambist-prove-") as home:
            code = _run(Path(home), plan)
    if code:
        raise typer.Exit(code)


def _run(home: Path, plan: Plan) -> int:
    try:
        return asyncio.run(_prove(home, plan))
    except ExceptionGroup as group:
        error = sole(group)
        if isinstance(error, NotStarted):
            leave(FAILED, f"a process did not start: {error}")
        raise
    except NotStarted as error:
        leave(FAILED, f"a process did not start: {error}")
    except TimeoutError:
        leave(FAILED, "orders are still open long after the last kill; see the logs with --keep")


async def _prove(home: Path, plan: Plan) -> int:
    console, storm, clock = console_out(), Storm(home, plan), SystemClock()

    def board() -> Table:
        return _board(storm, home)

    with Live(console=console, get_renderable=board, auto_refresh=False) as live:
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(_refresh(live, clock))
            stored = await storm.run()
            looking.cancel()
        live.refresh()
    verdict = await asyncio.to_thread(judge, home, storm.accepted, stored)
    _tell(console, storm, verdict)
    return FAILED if verdict.broken else DONE


async def _refresh(live: Live, clock: SystemClock) -> None:
    while True:
        live.refresh()
        await clock.sleep(LOOK_EVERY_MS)


def _board(storm: Storm, home: Path) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    moved = executed(home)
    rows = {
        "engine killed": storm.kills,
        "chain killed": storm.chain_kills,
        "orders accepted": len(storm.accepted),
        **storm.counts,
        "executed once": sum(times == 1 for times in moved.values()),
        "executed twice": sum(times > 1 for times in moved.values()),
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _tell(console: Console, storm: Storm, verdict: Verdict) -> None:
    console.print()
    console.print(
        f"{storm.kills} kills of the engine and {storm.chain_kills} of the chain; "
        f"{verdict.orders} orders: {verdict.lost} lost, {verdict.executed_once} executed once, "
        f"{verdict.executed_twice} executed twice."
    )
    for line in verdict.broken[:BROKEN_SHOWN_MAX]:
        console.print(line, markup=False, soft_wrap=True)
    console.print("The promise is broken." if verdict.broken else "The promise is kept.")
