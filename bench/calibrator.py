"""Measures how much the rest of a shared machine inflates CPU time, beside what is benchmarked.

CPU time is no fixed measure on a shared machine: neighbours take cache, memory bandwidth and the
other hyperthread of a core, and the same instructions then need up to three times the CPU time.
One fixed piece of Python, run again and again during a benchmark, needs longer by the same
factor. CPU time divided by that factor is called *norm us* here. Repeats of it agree within some
3 %, where raw CPU time scatters by a factor of two.

The piece runs in a process of its own, so that it does not share a lock with what is measured. It
takes less than 1 % of a core.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import mean
from typing import Final, NamedTuple, cast

from bench.report import CannotMeasure, percentile

SPIN: Final = 400
"""Runs in a row at the start: the quickest of them are those that nothing disturbed."""
PAUSE_S: Final = 0.1
QUIET_PERCENT: Final = 5
_STOP_S_MAX: Final = 5.0


class Inflation(NamedTuple):
    """How many times its quiet CPU time the fixed piece needed: on average, least and most.

    The spread is that of ten parts of the time, so that a single interrupt does not show.
    """

    factor: float
    least: float
    most: float
    quiet_us: float

    def norm(self, cpu_us: float) -> float:
        """Return what so much CPU time would have been on the machine left alone."""
        return cpu_us / self.factor

    def __str__(self) -> str:
        return (
            f"CPU time inflated x{self.factor:.2f} ({self.least:.2f} - {self.most:.2f}); "
            f"the calibrator takes {self.quiet_us:.0f} us when nothing disturbs it"
        )


class Calibrator:
    """The samples so far: when each was taken, and the CPU time it took."""

    def __init__(self) -> None:
        self._quiet_us = 0.0
        self._samples: list[tuple[float, float]] = []

    def add(self, at: float, cpu_us: float) -> None:
        """Take a sample; `at` is in seconds of the monotonic clock."""
        self._samples.append((at, cpu_us))

    def between(self, since: float, until: float) -> Inflation:
        """Return the inflation of that time. Raises CannotMeasure where nothing was sampled."""
        values = [cpu_us for at, cpu_us in self._samples if since <= at <= until]
        if not values:
            raise CannotMeasure("the calibrator took no sample meanwhile")
        quiet = percentile([cpu_us for _, cpu_us in self._samples], QUIET_PERCENT)
        size = max(len(values) // 10, 1)
        parts = [mean(values[at : at + size]) for at in range(0, len(values), size)]
        return Inflation(mean(values) / quiet, min(parts) / quiet, max(parts) / quiet, quiet)


@contextmanager
def calibrating() -> Iterator[Calibrator]:
    """Sample for as long as the block runs; what was sampled can be asked for behind it."""
    taken = Calibrator()
    with subprocess.Popen(
        [sys.executable, "-m", "bench.calibrator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield taken
        finally:
            out, _ = process.communicate("", timeout=_STOP_S_MAX)
            for line in out.splitlines():
                at, cpu_us = line.split()
                taken.add(float(at), float(cpu_us))


def work() -> int:
    """Do the fixed piece: integers beyond 64 bits, attributes, dicts and calls, as the engine."""
    price, seen = 1 << 64, cast("dict[int, int]", {})
    for number in range(1_000):
        price = price * (1_000_003 + number) // 1_000_000
        seen[number & 63] = max(seen.get(number & 63, 0), price >> 32)
        if price.bit_length() > 128:
            price >>= 64
    return sum(seen.values())


def main() -> None:
    """Print the time and the CPU microseconds of each run, until standard input ends."""
    import select

    for _ in range(SPIN):
        _sample()
    while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        _sample()


def _sample() -> None:
    begin = time.thread_time_ns()
    work()
    print(time.monotonic(), (time.thread_time_ns() - begin) / 1e3, flush=True)


if __name__ == "__main__":
    main()
