"""Compares the CPU time of an order in two versions: `python -m bench.compare BASE`.

Both run the same work in virtual time (bench/virtual_time.py), at the same time and pinned to one
core, so that whatever else the machine does hits both alike. Their ratio repeats within a few
parts in a hundred where raw CPU time scatters by a factor of two. BASE is a revision of the
repository, or a folder with a checkout of it.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.host_info import name_machine
from bench.report import CannotMeasure, write_number
from bench.virtual_time import RATES

ROOT: Final = Path(__file__).parents[1]
SECONDS: Final = 40.0
ORDERS: Final = 500
"""Orders of a round, beside those that warm it up."""
_ROUNDS_MIN: Final = 2


class Ratio(NamedTuple):
    """The medians of both versions, in raw microseconds of CPU an order, and how many rounds."""

    base_us: float
    now_us: float
    rounds: int

    @property
    def ratio(self) -> float:
        """What an order costs now, as a part of what it cost before."""
        return self.now_us / self.base_us


def main(words: Sequence[str] | None = None) -> None:
    """Read the options, measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("base", help="a revision, or a folder with a checkout")
    parser.add_argument("--rate", type=int, action="append", help="orders a second (5000, 400)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="at each (%(default)s)")
    given = parser.parse_args(words)
    with ExitStack() as stack:
        base = stack.enter_context(checkout(given.base))
        print(f"{name_machine()}; both versions on one core at the same time.\n")
        print(
            "| orders/s | raw us an order, before | now | ratio | rounds |\n|---|---|---|---|---|"
        )
        for rate in given.rate or RATES:
            found = compare(base, rate, given.seconds)
            before, now = write_number(found.base_us), write_number(found.now_us)
            print(f"| {rate:,} | {before} | {now} | {found.ratio:.3f} | {found.rounds} |")


@contextmanager
def checkout(base: str) -> Iterator[Path]:
    """Unpack the sources of a revision for as long as the context lasts; a folder is taken as is.

    Raises SystemExit for a name that is neither.
    """
    if (Path(base) / "src" / "cambist").is_dir():
        yield Path(base).resolve()
        return
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", base, "src"], capture_output=True, check=False
    )
    if packed.returncode:
        msg = f"{base} is neither a folder with a checkout nor a revision of this repository"
        raise SystemExit(msg)
    with tempfile.TemporaryDirectory(prefix="cambist-base-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
            tar.extractall(folder, filter="data")
        yield Path(folder)


def compare(base: Path, rate: int, seconds: float) -> Ratio:
    """Run both versions side by side for a time. Raises CannotMeasure when it is too short."""
    with ExitStack() as stack:
        runs = [stack.enter_context(_running(sources, rate)) for sources in (base, ROOT)]
        time.sleep(seconds)
        rounds = [[float(line) for line in run.read_text("utf-8").split()] for run in runs]
    # Of both the same number of rounds: what ran alone at the end had a quieter core.
    count = min(map(len, rounds))
    if count < _ROUNDS_MIN:
        raise CannotMeasure(f"{seconds:.0f} s are too few: {count} rounds")
    before, now = (median(of[:count]) for of in rounds)
    return Ratio(before, now, count)


@contextmanager
def _running(sources: Path, rate: int) -> Iterator[Path]:
    """Run rounds of one version on the last core; yield the file that its figures go to."""
    words = ["--rounds", "--rate", str(rate), "--orders", str(ORDERS)]
    env = {**os.environ, "PYTHONPATH": f"{sources / 'src'}:{ROOT}"}
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="cambist-bench-") as folder:
        out = Path(folder) / "rounds"
        with (
            out.open("wb") as figures,
            subprocess.Popen(
                [sys.executable, "-P", "-m", "bench.virtual_time", *words],
                cwd=folder,
                env=env,
                stdout=figures,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            ) as process,
        ):
            try:
                yield out
            finally:
                process.kill()


if __name__ == "__main__":
    main()
