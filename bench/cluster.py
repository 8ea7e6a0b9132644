"""Measures installations side by side: one process, and several over PostgreSQL and Redis.

`python -m bench.cluster` starts its own servers and ends them. All kinds are measured once, then
all again, so that what the machine does meanwhile hits all alike; a figure is the median.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import uvloop

from bench.deployments import LEASE_MS, Installation, Kind, Servers, installed, servers
from bench.host_info import describe
from bench.http_load import Crowd, orders
from bench.open_loop_load import Pace, lags_ms
from bench.report import CannotMeasure, Reading, percentile, put, rows
from bench.scenarios import (
    CONFIRM_S_MAX,
    LOOK_EVERY_S,
    Plan,
    read_census,
    run_all,
    undisturbed,
    until_confirmed,
)

KINDS: Final = (Kind("embedded"), Kind("1 API, 1 worker", 1), Kind("1 API, 2 workers", 2))
QUIET: Final = (
    Kind("1 API, 2 workers, NOTIFY", 2, "notify"),
    Kind("1 API, 2 workers, the sweep alone", 2, "nothing"),
)
CROWD: Final = 64
ACCEPTING: Final = 32
PER_SECOND: Final = 100
FINISH_S: Final = 1.0
KILL_ORDERS: Final = 400
BEGUN: Final = 200
LOOK_CLOSELY_S: Final = 0.005
PLAN: Final = Plan(seconds=2.0, orders=3_000, warm_up=300)
QUICK: Final = Plan(seconds=0.5, orders=300, warm_up=50)


def main(words: Sequence[str] | None = None) -> None:
    """Read the options, measure, and print one table."""
    given = _options().parse_args(words)
    for name in [name for name in os.environ if name.startswith("CAMBIST_")]:
        del os.environ[name]
    times = 1 if given.quick else given.times
    plan = (QUICK if given.quick else PLAN)._replace(folder=given.folder)
    if given.orders is not None:
        plan = plan._replace(orders=given.orders)
    kinds = [kind for kind in (*KINDS, *QUIET) if given.only is None or kind.name in given.only]
    with servers() as shared, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        readings = runner.run(_repeat(kinds, times, plan, shared))
    head = describe(given.folder, times)
    text = compare(f"{head} A lease is {LEASE_MS:,} ms.", kinds, readings)
    print(text)
    if given.markdown is not None:
        put(given.markdown, text, "cluster")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short repetition")
    names = ", ".join(kind.name for kind in (*KINDS, *QUIET))
    parser.add_argument("--only", action="append", metavar="KIND", help=names)
    parser.add_argument("--times", type=int, default=3, help="repetitions (%(default)s)")
    parser.add_argument("--orders", type=int, help="how many orders are completed (3000)")
    parser.add_argument("--folder", type=Path, help="make the temporary homes here")
    parser.add_argument("--markdown", type=Path, help="also write the table into this page")
    return parser


async def _repeat(
    kinds: Sequence[Kind], times: int, plan: Plan, shared: Servers
) -> dict[str, list[Reading]]:
    readings: dict[str, list[Reading]] = {kind.name: [] for kind in kinds}
    for number in range(times):
        for kind in kinds:
            print(f"bench: {kind.name}, {number + 1} of {times}", file=sys.stderr)
            async with installed(kind, shared, plan.folder) as one:
                await Crowd(orders(plan.warm_up)).run(one.port, ACCEPTING, CONFIRM_S_MAX)
                await until_confirmed(one, plan.warm_up)
                found = readings[kind.name]
                if kind not in QUIET:
                    found += await complete(one, plan)
                found += await hear(one, plan)
                if kind not in QUIET:
                    found += await recover(one)
                    found += await accept(one, plan)
    return readings


async def complete(installation: Installation, plan: Plan) -> list[Reading]:
    """Measure whole lives: their rate, what they cost each process, how often one is claimed."""
    used, claimed, own = (
        installation.cpu_us(),
        await installation.house.claims(),
        time.process_time(),
    )
    with undisturbed():
        tally, census, seconds = await run_all(installation, plan)
    own = time.process_time() - own
    # The last are confirmed and not final yet; that costs something as well.
    await asyncio.sleep(FINISH_S)
    now, many = installation.cpu_us(), plan.orders
    readings = [
        Reading("completed orders/s", many / seconds),
        Reading("orders not confirmed", plan.warm_up + many - census.completed),
        Reading("answers other than 202", tally.not_taken),
        *(
            Reading(f"CPU per order, us: {name}", (total - used[name]) / many)
            for name, total in now.items()
        ),
        Reading("CPU per order, us: all", (sum(now.values()) - sum(used.values())) / many),
        Reading("CPU per order, us: the client that measures", own * 1e6 / many),
    ]
    claims = await installation.house.claims()
    if claims is not None and claimed is not None:
        readings.append(
            Reading("claims per order (1: none was handed on)", (claims - claimed) / many)
        )
    return readings


async def hear(installation: Installation, plan: Plan) -> list[Reading]:
    """Measure how soon an order is begun, and how soon listeners hear of each step."""
    with undisturbed():
        heard = await Pace(PER_SECOND, max(plan.seconds, 1.0)).run(installation.port)
    await until_confirmed(installation, (await read_census(installation)).total)
    waits, lags = await installation.house.first_moves_ms(), lags_ms(heard.events)
    return [
        Reading(f"{what}, p{percent} ms", percentile(values, percent))
        for what, values in (
            (f"accepted to begun, at {PER_SECOND} orders/s", waits),
            (f"written to heard over SSE, at {PER_SECOND} orders/s", lags),
        )
        for percent in (50, 99)
    ]


async def accept(installation: Installation, plan: Plan) -> list[Reading]:
    """Measure acceptance alone; orders are performed meanwhile, as in life."""
    with undisturbed():
        tally = await Crowd(orders()).run(installation.port, ACCEPTING, plan.seconds)
    return [
        Reading(f"durable accepts/s ({ACCEPTING} connections)", tally.taken / tally.seconds),
        *(
            Reading(f"POST to 202, p{percent} ms", percentile(tally.waits_ns, percent) / 1e6)
            for percent in (50, 99)
        ),
    ]


async def recover(installation: Installation) -> list[Reading]:
    """Kill under load: whoever performs orders, then whoever takes them."""
    readings = []
    worker, has_another = "worker-1", installation.kind.workers > 1
    async with _loaded(installation):
        began = time.perf_counter()
        await installation.house.kill(worker)
        if not has_another:
            installation.port = await installation.house.revive(worker)
    what = "kill -9 of who performs, to all accepted orders confirmed, ms"
    readings.append(Reading(what, await _settled_since(installation, began)))
    if has_another:
        await installation.house.revive(worker)
    began = time.perf_counter()
    await installation.house.kill("api-1")
    installation.port = await installation.house.revive("api-1")
    sent = await Crowd(orders(1)).run(installation.port, 1, CONFIRM_S_MAX)
    what = "kill -9 of who takes orders, to the next 202, ms"
    took = (time.perf_counter() - began) * 1e3
    readings.append(Reading(what, took if sent.taken else None, "the order was not taken"))
    return readings


@asynccontextmanager
async def _loaded(installation: Installation) -> AsyncIterator[None]:
    """Send orders, and begin when some of them are taken; on the way out all are sent."""
    before = (await read_census(installation)).total
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            Crowd(orders(KILL_ORDERS)).run(installation.port, ACCEPTING, CONFIRM_S_MAX)
        )
        await _until_taken(installation, before + BEGUN)
        yield


async def _until_taken(installation: Installation, total: int) -> None:
    while True:
        if (await read_census(installation)).total >= total:
            return
        await asyncio.sleep(LOOK_CLOSELY_S)


async def _settled_since(installation: Installation, began: float) -> float:
    """Return the milliseconds until every order is confirmed. Raises CannotMeasure."""
    while time.perf_counter() - began < CONFIRM_S_MAX:
        census = await read_census(installation)
        if census.completed == census.total:
            return (time.perf_counter() - began) * 1e3
        await asyncio.sleep(LOOK_EVERY_S)
    raise CannotMeasure("orders stayed open")


def compare(heading: str, kinds: Sequence[Kind], readings: dict[str, list[Reading]]) -> str:
    """Write one table with a column for each kind."""
    columns = {kind.name: dict(rows(readings[kind.name])) for kind in kinds}
    fullest = sorted(columns.values(), key=len, reverse=True)
    labels = dict.fromkeys(label for column in fullest for label in column)
    lines = [
        _line("measure, median (min - max)", *columns),
        "|" + "---|" * (len(columns) + 1),
        *(
            "| "
            + " | ".join((label, *(column.get(label, "") for column in columns.values())))
            + " |"
            for label in labels
        ),
    ]
    return "\n".join((heading, "", *lines, ""))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
