"""Measures the CPU time of an order's whole life in PostgreSQL: of the server, and of the client.

`python -m bench.postgres_cpu` starts a server of its own. With `--base FOLDER` it measures another
checkout in turn with this one, and prints ratios; these repeat where CPU times do not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.order_lifecycles import Bench, standing
from bench.report import write_number
from bench.store_costs import live
from cambist.clock import SystemClock
from cambist.stores.postgres import Target, open_postgres
from tests.servers.postgres import own_postgres
from tests.stores.postgres_stores import database, talk

TOGETHER: Final = (64, 4)
ORDERS: Final = 640
WARM_ORDERS: Final = 256
"""Orders of the first lives, which meet empty tables and statements that are not planned yet."""
_COUNTERS: Final = """
SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn, xact_commit
FROM pg_stat_database WHERE datname = current_database()
"""
_FIGURES: Final = ("server us", "client us", "log bytes", "transactions")


class CpuMeter:
    """Adds up the CPU time that steps take: of the server's processes, and of this one."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = postmaster
        self.server_ns = self.client_ns = 0

    async def take(self, _name: str, _many: int, work: Iterable[Awaitable[Any]]) -> list[Any]:
        """Let all of the work be done side by side, and note what it took."""
        server, client = self._server_ns(), time.process_time_ns()
        done = list(await asyncio.gather(*work))
        self.client_ns += time.process_time_ns() - client
        self.server_ns += self._server_ns() - server
        return done

    def _server_ns(self) -> int:
        return sum(_cpu_ns(pid) for pid in _children(self._postmaster))


def _children(parent: int) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = (folder / "stat").read_text("utf-8")
            except OSError:
                continue
            if int(status.rpartition(")")[2].split()[1]) == parent:
                yield int(folder.name)


def _cpu_ns(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0])
    except OSError:
        return 0


async def measure(url: str, postmaster: int, together: int) -> list[float]:
    """Return the figures of one order's life, with so many orders in each batch."""
    async with database(url) as made, talk(made) as line:
        opening = open_postgres(Target(made), lambda *_: None, SystemClock(), owner="bench")
        with tempfile.TemporaryDirectory() as folder:
            async with opening as store, standing(Path(folder)) as bench:
                await _live(store, CpuMeter(postmaster), bench, together, WARM_ORDERS)
                meter = CpuMeter(postmaster)
                before = await line.fetchrow(_COUNTERS)
                await _live(store, meter, bench, together, ORDERS)
                await asyncio.sleep(1.5)  # a server writes its counters down once a second
                after = await line.fetchrow(_COUNTERS)
    counted = [float(until - since) for since, until in zip(before, after, strict=True)]
    figures = [meter.server_ns / 1e3, meter.client_ns / 1e3, *counted]
    return [figure / ORDERS for figure in figures]


async def _live(store: Any, meter: Any, bench: Bench, together: int, orders: int) -> None:
    for _ in range(orders // together):
        await live(store, meter, bench, await bench.lives(together))


def _worker(url: str, postmaster: int) -> None:
    for together in TOGETHER:
        figures = asyncio.run(measure(url, postmaster, together))
        print(json.dumps([together, figures]), flush=True)


def _run(tree: Path, url: str, postmaster: int) -> dict[int, list[float]]:
    """Measure a checkout in a process of its own: its `cambist`, and the bench that is here."""
    here = str(Path(__file__).parents[1])
    words = ["-m", "bench.postgres_cpu", "--worker", url, str(postmaster)]
    environment = os.environ | {"PYTHONPATH": f"{tree}/src:{here}"}
    out = subprocess.run(
        [sys.executable, *words], env=environment, check=True, stdout=subprocess.PIPE, cwd=here
    ).stdout
    return dict(map(json.loads, out.splitlines()))


def _compare(trees: dict[str, Path], rounds: int) -> None:
    found: dict[str, list[dict[int, list[float]]]] = {name: [] for name in trees}
    with own_postgres() as server:
        for _ in range(rounds):
            for name, tree in trees.items():
                found[name].append(_run(tree, server.url, server.pid or 0))
    for together in TOGETHER:
        print(f"\n{together} orders a batch; medians of {rounds} rounds, an order")
        print("| |", " | ".join(_FIGURES), "|")
        rows = {
            name: [median(column) for column in zip(*(run[together] for run in runs), strict=True)]
            for name, runs in found.items()
        }
        for name, row in rows.items():
            print(f"| {name} |", " | ".join(map(write_number, row)), "|")
        if "base" in rows:
            pairs = [
                [new / old for new, old in zip(here[together], base[together], strict=True)]
                for here, base in zip(found["this"], found["base"], strict=True)
            ]
            ratios = [f"{median(column):.2f} ({min(column):.2f}-{max(column):.2f})"
                      for column in zip(*pairs, strict=True)]  # fmt: skip
            print("| ratio |", " | ".join(ratios), "|")


def main() -> None:
    """Measure one checkout or two, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.postgres_cpu", description=__doc__)
    parser.add_argument("--base", type=Path, help="another checkout to compare with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        _worker(given.worker[0], int(given.worker[1]))
        return
    trees = {} if given.base is None else {"base": given.base.resolve()}
    _compare(trees | {"this": Path(__file__).parents[1]}, given.rounds)


if __name__ == "__main__":
    main()
