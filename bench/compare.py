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
ROUNDS: Final = 7
ORDERS: Final = 500
"""Orders of a round, beside those that warm it up."""
LOOK_EVERY_S: Final = 0.2
WITHIN_S: Final = 600.0


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
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="at each (%(default)s)")
    given = parser.parse_args(words)
    with ExitStack() as stack:
        base = stack.enter_context(checkout(given.base))
        print(f"{name_machine()}; both versions on one core at the same time.\n")
        print(
            "| orders/s | raw us an order, before | now | ratio | rounds |\n|---|---|---|---|---|"
        )
        for rate in given.rate or RATES:
            found = compare(base, rate, given.rounds)
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


def compare(base: Path, rate: int, rounds: int) -> Ratio:
    """Run both versions side by side until each made so many rounds.

    Raises CannotMeasure when one of them ends or takes too long.
    """
    until = time.monotonic() + WITHIN_S
    with ExitStack() as stack:
        runs = [stack.enter_context(_running(sources, rate)) for sources in (base, ROOT)]
        while True:
            figures = [run.figures() for run in runs]
            # Of both the same number: what runs alone at the end would have a quieter core.
            if min(map(len, figures)) >= rounds:
                break
            if time.monotonic() > until:
                raise CannotMeasure(f"{rounds} rounds took more than {WITHIN_S:.0f} s")
            time.sleep(LOOK_EVERY_S)
    before, now = (median(of[:rounds]) for of in figures)
    return Ratio(before, now, rounds)


class _Rounds(NamedTuple):
    process: subprocess.Popen[bytes]
    out: Path

    def figures(self) -> list[float]:
        """Return the microseconds an order of each round so far."""
        *lines, _ = self.out.read_text("utf-8").split("\n")
        if self.process.poll() is not None:
            raise CannotMeasure("a version ended: run it alone with `python -m bench.virtual_time`")
        return [float(line) for line in lines]


@contextmanager
def _running(sources: Path, rate: int) -> Iterator[_Rounds]:
    """Run rounds of one version on the last core."""
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
                yield _Rounds(process, out)
            finally:
                process.kill()


if __name__ == "__main__":
    main()
