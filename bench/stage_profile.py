"""Says where an order's microseconds go, stage by stage: `python -m bench.stage_profile`.

With `--profile` or `--threads` the whole engine runs in this process instead, without HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.calibrator import Inflation, calibrating
from bench.in_process import Spent, run
from bench.order_stages import TIMES, Timing, time_all
from bench.report import CannotMeasure, write_number
from cambist import logs
from cambist.engine.engine import CONCURRENCY_DEFAULT


def main(words: Sequence[str] | None = None) -> None:
    """Read the options, measure, and print."""
    given = _options().parse_args(words)
    inside = given.profile or given.threads
    with (
        tempfile.TemporaryDirectory(prefix="cambist-bench-", dir=given.folder) as home,
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        logs.set_up("info", "json", nowhere)
        try:
            if inside:
                with calibrating() as calibrator:
                    spent = runner.run(
                        run(Path(home), given.orders, given.hands, profiled=given.profile)
                    )
                inflation = calibrator.between(*spent.during)
                print(write_spent(spent, inflation, threads=given.threads))
            else:
                print(write_stages(runner.run(time_all(Path(home), given.times))))
        except CannotMeasure as error:
            print(f"not measured: {error}")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.stage_profile", description=__doc__)
    parser.add_argument("--profile", action="store_true", help="print the costliest functions")
    parser.add_argument("--threads", action="store_true", help="print what each thread used")
    parser.add_argument("--orders", type=int, default=2_000, help="orders to run (%(default)s)")
    parser.add_argument(
        "--hands",
        type=int,
        default=CONCURRENCY_DEFAULT,
        help="orders performed at once (%(default)s)",
    )
    parser.add_argument("--times", type=int, default=TIMES, help="repetitions (%(default)s)")
    parser.add_argument("--folder", type=Path, help="make the temporary home here")
    return parser


def write_stages(timings: Sequence[Timing]) -> str:
    """Write the stages as Markdown, with what they come to for one order."""
    lines = ["| stage | us each | times an order | us an order |", "|---|---|---|---|"]
    for name, per_order, us in timings:
        cost = write_number(us * per_order)
        lines.append(f"| {name} | {write_number(us)} | {per_order} | {cost} |")
    total = write_number(sum(timing.us * timing.per_order for timing in timings))
    return "\n".join((*lines, f"| all of these | | | {total} |"))


def write_spent(spent: Spent, inflation: Inflation, *, threads: bool) -> str:
    """Write what a run inside cost, raw and by norm."""
    rate, each = write_number(spent.orders / spent.seconds), spent.cpu_us / spent.orders
    norm = write_number(inflation.norm(each))
    lines = [
        f"{spent.orders} orders, {rate} a second until final, {norm} norm us of CPU each "
        f"({write_number(each)} us)",
        f"{inflation}",
    ]
    if threads:
        lines += ["", "| thread | norm us an order |", "|---|---|"]
        costs = sorted(spent.by_thread.items(), key=lambda one: -one[1])
        lines += [
            f"| {name} | {write_number(inflation.norm(us) / spent.orders)} |" for name, us in costs
        ]
    return "\n".join((*lines, spent.profile)) if spent.profile else "\n".join(lines)


if __name__ == "__main__":
    main()
