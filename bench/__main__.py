"""Measures a real server: `python -m bench`, or `make bench`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from bench.host_info import describe
from bench.report import CannotMeasure, Reading, put, rows, table
from bench.scenarios import MEASURES, QUICK, Measure, Plan

TIMES: Final = 5


def main(words: Sequence[str] | None = None) -> None:
    """Read the options, measure, and print one table."""
    given = _options().parse_args(words)
    names = given.only or list(MEASURES)
    times = 1 if given.quick else given.times
    plan = (QUICK if given.quick else Plan())._replace(folder=given.folder)
    if given.orders is not None:
        plan = plan._replace(orders=given.orders)
    if given.seconds is not None:
        plan = plan._replace(seconds=given.seconds)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        readings = runner.run(_repeat(names, times, plan))
    text = table(describe(given.folder, times), rows(readings))
    print(text)
    if given.markdown is not None:
        put(given.markdown, text)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short repetition")
    parser.add_argument(
        "--only", action="append", choices=list(MEASURES), metavar="NAME", help=", ".join(MEASURES)
    )
    parser.add_argument("--times", type=int, default=TIMES, help="repetitions (%(default)s)")
    parser.add_argument("--seconds", type=float, help="how long each loop runs (5)")
    parser.add_argument("--orders", type=int, help="how many orders are completed (10000)")
    parser.add_argument("--folder", type=Path, help="make the temporary homes here")
    parser.add_argument("--markdown", type=Path, help="also write the table into this file")
    return parser


async def _repeat(names: Sequence[str], times: int, plan: Plan) -> list[Reading]:
    """Make every measure once, then all again: what the machine does meanwhile hits all alike."""
    readings: list[Reading] = []
    for number in range(times):
        for name in names:
            print(f"bench: {name}, {number + 1} of {times}", file=sys.stderr)
            readings += await attempt(name, MEASURES[name], plan)
    return readings


async def attempt(name: str, measure: Measure, plan: Plan) -> list[Reading]:
    """Make one measure; what kept it from being made stands in place of its figures."""
    try:
        return await measure(plan)
    except (CannotMeasure, OSError, TimeoutError) as error:
        return [Reading(name, None, str(error) or type(error).__name__)]


if __name__ == "__main__":
    main()
