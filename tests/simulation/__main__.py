"""Runs many seeds: `python -m tests.simulation --seeds 50000 --from 0 --jobs 2`.

`--show` prints one seed's whole story, line by line. Exits with 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.simulation.report import Tally, add, lines, tally
from tests.simulation.run import Outcome, quiet, run
from tests.simulation.sqlite_process import scratch

CHUNK_SEEDS: Final = 100
TELL_EVERY_S: Final = 15
BAD_TOLD_MAX: Final = 5


def some(first: int, seeds: int) -> Tally:
    """Run seeds in this process."""
    quiet()
    with scratch() as folder, without_collection():
        return tally(_each(first, seeds, Path(folder)))


def _each(first: int, seeds: int, folder: Path) -> Iterator[Outcome]:
    for seed in range(first, first + seeds):
        yield run(seed, folder)
        if seed % 25 == 0:
            gc.collect()


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect garbage only between runs: it would take a third of the time."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def many(first: int, seeds: int, jobs: int) -> Tally:
    """Run seeds in several processes, and tell how far they are."""
    began = told = time.monotonic()
    total = some(first, 0)
    with ProcessPoolExecutor(jobs) as pool:
        starts = range(first, first + seeds, CHUNK_SEEDS)
        last = first + seeds
        waiting = [pool.submit(some, at, min(CHUNK_SEEDS, last - at)) for at in starts]
        for done in as_completed(waiting):
            part = done.result()
            total = add(total, part)
            for bad in part.bad:
                print(f"seed {bad.seed}: {bad.violations[0]}", flush=True)
            if time.monotonic() - told > TELL_EVERY_S:
                told = time.monotonic()
                rate = total.seeds / (told - began)
                print(
                    f"{total.seeds:,}/{seeds:,} seeds, {rate:.1f}/s, {len(total.bad)} bad",
                    flush=True,
                )
    return total


def revision() -> str:
    """Name the commit that is run."""
    asked = ("git", "describe", "--always", "--dirty")
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 2))
    parser.add_argument("--show", type=int, metavar="SEED")
    parser.add_argument("--digests", action="store_true", help="print each run's hash, no more")
    asked = parser.parse_args()
    if asked.digests:
        return digests(asked.first, asked.seeds)
    if asked.show is not None:
        return show(asked.show)
    began = time.monotonic()
    total = many(asked.first, asked.seeds, asked.jobs)
    for bad in total.bad[:BAD_TOLD_MAX]:
        print(f"\nseed {bad.seed}", *bad.violations, bad.story, sep="\n")
    last = asked.first + asked.seeds - 1
    print(f"\nrevision {revision()}, seeds {asked.first} to {last}")
    print("\n".join(lines(total, time.monotonic() - began)))
    return 1 if total.bad else 0


def digests(first: int, seeds: int) -> int:
    """Print the hash of each run."""
    quiet()
    with scratch() as folder:
        for seed in range(first, first + seeds):
            print(seed, run(seed, Path(folder)).digest)
    return 0


def show(seed: int) -> int:
    """Print one run."""
    quiet()
    with scratch() as folder:
        outcome = run(seed, Path(folder))
    for who, line in outcome.diary.lines:
        print(f"{who or '-':>6} {line}")
    print(f"digest {outcome.digest}", *outcome.violations, sep="\n")
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
