"""Command prove: kills the engine under load, and prints the verdict."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, RenderableType
from rich.live import Live

from cambist.cli import json_output
from cambist.cli.cleanup import CleanupProcess, cleaned_up_folder
from cambist.cli.crash_test.runner import CrashRun, CrashTestPlan
from cambist.cli.crash_test.verdict import Verdict, executed, judge
from cambist.cli.exit_codes import DONE, FAILED, exit_with, unwrap_group
from cambist.cli.json_output import AsJson
from cambist.cli.managed_process import StartFailed
from cambist.cli.order_view import console_out
from cambist.cli.tables import Column, print_sentence, tabulate
from cambist.clock import SystemClock

LOOK_EVERY_MS: Final = 500
BROKEN_SHOWN_MAX: Final = 20
_COUNTS: Final = (Column("what"), Column("count", right=True))
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
    json: AsJson = False,
) -> None:
    """Kill a real engine again and again under load; exit 0 if no order was lost or doubled.

    A home of its own, real processes, SIGKILL. The paper chain, a process of its own that is
    killed too, writes down every execution; its file is the judge.
    """
    plan = CrashTestPlan(seconds, rate, seed, profile)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        with CleanupProcess() as cleanup:
            code = _run(keep, plan, cleanup, json=json)
    else:
        with cleaned_up_folder("cambist-prove-") as (home, cleanup):
            code = _run(home, plan, cleanup, json=json)
    if code:
        raise typer.Exit(code)


def _run(home: Path, plan: CrashTestPlan, cleanup: CleanupProcess, *, json: bool) -> int:
    try:
        return asyncio.run(_prove(home, plan, cleanup, json=json))
    except ExceptionGroup as group:
        error = unwrap_group(group)
        if isinstance(error, StartFailed):
            exit_with(FAILED, f"a process did not start: {error}")
        raise
    except StartFailed as error:
        exit_with(FAILED, f"a process did not start: {error}")
    except TimeoutError:
        exit_with(
            FAILED, "orders are still open long after the last kill; see the logs with --keep"
        )


async def _prove(
    home: Path, plan: CrashTestPlan, cleanup: CleanupProcess | None = None, *, json: bool = False
) -> int:
    console, clock = console_out(), SystemClock()
    storm = CrashRun(home, plan, cleanup)
    if json:
        stored = await storm.run()
    else:
        board = partial(_board, storm, home, console)
        with Live(console=console, get_renderable=board, auto_refresh=False) as live:
            async with asyncio.TaskGroup() as tasks:
                looking = tasks.create_task(_refresh(live, clock))
                stored = await storm.run()
                looking.cancel()
            live.refresh()
    verdict = await asyncio.to_thread(judge, home, storm.accepted, stored)
    if json:
        kills = {"kills": storm.kills, "chainKills": storm.chain_kills}
        json_output.write({**kills, **verdict._asdict()})
    else:
        _tell(console, storm, verdict)
    return FAILED if verdict.broken else DONE


async def _refresh(live: Live, clock: SystemClock) -> None:
    while True:
        live.refresh()
        await clock.sleep(LOOK_EVERY_MS)


def _board(storm: CrashRun, home: Path, console: Console) -> RenderableType:
    moved = executed(home)
    rows = {
        "engine killed": storm.kills,
        "chain killed": storm.chain_kills,
        "orders accepted": len(storm.accepted),
        **storm.counts,
        "executed once": sum(times == 1 for times in moved.values()),
        "executed twice": sum(times > 1 for times in moved.values()),
    }
    cells = [(name, str(value)) for name, value in rows.items()]
    return tabulate(_COUNTS, cells, console.width, heads=False)


def _tell(console: Console, storm: CrashRun, verdict: Verdict) -> None:
    console.print()
    print_sentence(
        console,
        f"{storm.kills} kills of the engine and {storm.chain_kills} of the chain; "
        f"{verdict.orders} orders: {verdict.lost} lost, {verdict.executed_once} executed once, "
        f"{verdict.executed_twice} executed twice.",
    )
    for line in verdict.broken[:BROKEN_SHOWN_MAX]:
        print_sentence(console, line)
    console.print("The promise is broken." if verdict.broken else "The promise is kept.")
