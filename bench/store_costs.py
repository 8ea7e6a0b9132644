"""Measures what each step of an order costs the shared store: log bytes, round trips, time.

`python -m bench.store_costs` leads orders through whole lives on a PostgreSQL of its own, one
alone and many side by side, and reads the write-ahead log's end before and after each step.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import uvloop

from bench.order_lifecycles import Bench, Life, standing
from bench.report import Row, put, write_number
from cambist.clock import SystemClock
from cambist.orders.order import Order
from cambist.ports.store import Store
from cambist.stores.postgres import Target, open_postgres
from cambist.stores.postgres.pool import ConnectionPool
from tests.servers.postgres import own_postgres
from tests.stores.postgres_stores import database, talk

TOGETHER: Final = (1, 64)
ROUNDS: Final = 20
LEASE_MS: Final = 15_000
DAY_S: Final = 86_400
RATES: Final = (1_000, 10_000, 100_000)
_WAL: Final = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
_KEPT: Final = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relname IN ('engine_orders', 'journal', 'attempts', 'fills') ORDER BY 1
"""


class Step(NamedTuple):
    """What one step of so many orders took, all in all."""

    wal_bytes: int
    trips: int
    seconds: float


class Meter:
    """Reads the log's end and counts round trips, around steps."""

    def __init__(self, line: Any) -> None:
        self._line = line
        self.trips = 0
        self.steps: dict[tuple[str, int], list[Step]] = defaultdict(list)

    async def take(self, name: str, many: int, work: Iterable[Awaitable[Any]]) -> list[Any]:
        """Let all of the work be done side by side, and note what it took."""
        before, self.trips = await self._line.fetchval(_WAL), 0
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            done = [tasks.create_task(_wait(piece)) for piece in work]
        took = time.perf_counter() - began
        written = int(await self._line.fetchval(_WAL) - before)
        self.steps[name, many].append(Step(written, self.trips, took))
        return [task.result() for task in done]


async def _wait(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def live(store: Store, meter: Meter, bench: Bench, lives: Sequence[Life]) -> None:
    """Lead orders side by side from birth to finality, each step of all before the next."""
    many = len(lives)
    await meter.take("accepted", many, (store.add(life.new_order) for life in lives))
    claims = (store.claim(life.new_order.event.order.id) for life in lives)
    orders: list[Order] = await meter.take("(claim)", many, claims)
    for nth, moved in enumerate(lives[0].moves):
        name = ", ".join(type(fact).__name__.lower() for fact in moved.change.events) or "(renew)"
        steps = (
            store.commit(order, life.moves[nth].change, bench.clock.now())
            for order, life in zip(orders, lives, strict=True)
        )
        orders = await meter.take(name, many, steps)


async def measure(url: str) -> tuple[Meter, dict[str, int], int]:
    """Return what every step took, the bytes that are kept, and of how many orders."""
    async with database(url) as made, talk(made) as line:
        meter = Meter(line)
        _count_trips(meter)
        opening = open_postgres(
            Target(made), _tell_nobody, SystemClock(), owner="b", lease_ms=15_000
        )
        total = 0
        with tempfile.TemporaryDirectory() as folder:
            async with opening as store, standing(Path(folder)) as bench:
                for many in TOGETHER:
                    for _ in range(ROUNDS):
                        await live(store, meter, bench, await bench.lives(many))
                        total += many
        kept = {row[0]: int(row[1]) for row in await line.fetch(_KEPT)}
    return meter, kept, total


def _count_trips(meter: Meter) -> None:
    """Count each time the store turns to the server."""
    run = ConnectionPool.run

    async def counted(self: ConnectionPool, work: Any) -> Any:
        meter.trips += 1
        return await run(self, work)

    ConnectionPool.run = counted  # type: ignore[method-assign]


def _tell_nobody(*_: Any) -> None:
    """Hear the news."""


def lines(meter: Meter, kept: dict[str, int], total: int) -> list[Row]:
    """Write what was measured, by order; the first rounds met empty tables and are left out."""
    found = []
    for (name, many), steps in meter.steps.items():
        settled = steps[ROUNDS // 4 :]
        wal = median(trip.wal_bytes for trip in settled) / many
        trips = median(trip.trips for trip in settled) / many
        us = median(trip.seconds for trip in settled) / many * 1e6
        found.append(
            Row(f"{name}, {many} at once", " | ".join(map(write_number, (wal, trips, us))))
        )
    for many in TOGETHER:
        whole = [steps[ROUNDS // 4 :] for (_, count), steps in meter.steps.items() if count == many]
        wal = sum(median(step.wal_bytes for step in steps) for steps in whole) / many
        trips = sum(median(step.trips for step in steps) for steps in whole) / many
        us = sum(median(step.seconds for step in steps) for steps in whole) / many * 1e6
        figures = " | ".join(map(write_number, (wal, trips, us)))
        found.append(Row(f"all of them, {many} at once", figures))
    size = sum(kept.values()) / total
    tables = ", ".join(f"{name} {write_number(n / total)}" for name, n in kept.items())
    found.append(Row(f"bytes kept of a whole life ({tables})", f"{write_number(size)} | | "))
    return found


def makes(meter: Meter, kept: dict[str, int], total: int) -> list[str]:
    """Write what these figures come to at rates that nobody measured here."""
    many = TOGETHER[-1]
    mine = [steps[ROUNDS // 4 :] for (_, count), steps in meter.steps.items() if count == many]
    wal = sum(median(step.wal_bytes for step in steps) for steps in mine) / many
    us = sum(median(step.seconds for step in steps) for steps in mine) / many * 1e6
    size = sum(kept.values()) / total
    return [
        "| orders/s | log, MB/s | one writer is busy, s/s | statements/s | kept, GB a day |",
        "|---|---|---|---|---|",
        *(
            f"| {rate:,} | {write_number(rate * wal / 1e6)} | {write_number(rate * us / 1e6)} "
            f"| {write_number(rate * len(mine) / many)} "
            f"| {write_number(rate * size * DAY_S / 1e9)} |"
            for rate in RATES
        ),
    ]


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench.store_costs", description=__doc__)
    parser.add_argument("--markdown", type=Path, help="also write the table into this page")
    given = parser.parse_args()
    with own_postgres() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(measure(server.url))
    text = "\n".join(
        (
            f"PostgreSQL, fsync on; medians of {ROUNDS - ROUNDS // 4} rounds, by order.",
            "",
            "| step | log bytes | round trips | us |",
            "|---|---|---|---|",
            *(f"| {label} | {figures} |" for label, figures in lines(*measured)),
            "",
            f"What that makes, {TOGETHER[-1]} at once; the rates themselves were not measured:",
            "",
            *makes(*measured),
            "",
        )
    )
    print(text)
    if given.markdown is not None:
        put(given.markdown, text, "transitions")


if __name__ == "__main__":
    main()
