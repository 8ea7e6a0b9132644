"""Breaks the engine on purpose, and looks for the seed at which the simulation notices.

`python -m tests.simulation.mutants` searches anew for all of them, or for those named.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from tests.simulation import wrong_decisions, wrong_records, wrong_triggers
from tests.simulation.run import Run, quiet, run
from tests.simulation.sqlite_process import scratch
from tests.simulation.trace_log import Violation

SEEDS_MAX: Final = 8_000
Mutation = Callable[[ExitStack], None]
MUTANTS: Final[dict[str, Mutation]] = {
    mutation.__name__: mutation
    for mutation in (*wrong_decisions.ALL, *wrong_records.ALL, *wrong_triggers.ALL)
}


class Kill(NamedTuple):
    """Where the simulation noticed."""

    seed: int
    violation: Violation


HONEST: Final = frozenset(("asks_two_and_couples_nothing",))
"""Mutants that must be caught although every endpoint tells the truth, only late."""


def blind(run: Run) -> None:
    """Let nobody read the recorded evidence: a mutant must do harm that the chain shows."""
    run.place.judge.reads_evidence = False


def honest(run: Run) -> None:
    """Let no endpoint lie."""
    blind(run)
    run.nemesis.makes_liars = False
    for endpoint in run.place.endpoints:
        endpoint.lie = None


def attack(name: str, folder: Path, first: int = 0, seeds: int = SEEDS_MAX) -> Kill | None:
    """Return the first seed at which a mutant breaks a promise, or None when it survives."""
    tune = honest if name in HONEST else blind
    with ExitStack() as stack:
        MUTANTS[name](stack)
        for seed in range(first, first + seeds):
            outcome = run(seed, folder, tune)
            if outcome.violations:
                return Kill(seed, outcome.violations[0])
    return None


def main() -> None:
    """Print where each mutant is noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *MUTANTS], default=[])
    names = parser.parse_args().names or list(MUTANTS)
    quiet()
    with scratch() as folder:
        for name in names:
            began = time.perf_counter()
            kill = attack(name, Path(folder))
            found = "SURVIVES" if kill is None else f"seed {kill.seed:>4}: {kill.violation}"
            print(f"{name:50} {time.perf_counter() - began:>6.1f} s  {found}", flush=True)


if __name__ == "__main__":
    main()
