"""Times `find` over many pools, beside another checkout: `python -m bench.find --base FOLDER`.

Both sides get the same accounts and the same tasks in turn, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from bench.host_info import name_machine
from bench.report import Reading, put, rows, write_number
from bench.sample_pools import NOW, market
from cambist.venues.registry import PROGRAMS

ROOT: Final = Path(__file__).parents[1]
WORKER: Final = ROOT / "bench" / "find_worker.py"
ROUNDS: Final = 5
MARKETS: Final = (1, 2)
"""Seeds of the markets of mixed pools."""
POOLS: Final = (6, 20, 500)
ORDERS_SOL: Final = (1, 10, 1_000)
KINDS: Final = ("known", "fresh", "next slot")
CHANGED: Final = 25
"""Pools of the largest set that one slot changes."""
AIMS_US: Final = {(500, 1): 5_000, (500, 1_000): 8_000}
"""By pools and order: what a route over pools that were just decoded may take."""


class Task(NamedTuple):
    """What is measured: of which pools, and for how many SOL."""

    what: str
    market: int
    pools: int
    sol: int = 0

    @property
    def row(self) -> str:
        """The row it stands in."""
        order = f", {self.sol:,} SOL" if self.sol else ""
        return f"{self.pools} pools{order}, market {self.market + 1}"

    def line(self) -> str:
        """Write it for the worker."""
        return json.dumps({**self._asdict(), "changed": min(CHANGED, self.pools)})


class Side:
    """A checkout's worker, and what it told so far by task."""

    def __init__(self, worker: subprocess.Popen[str], accounts: Path, checkout: Path) -> None:
        self._worker = worker
        self.told: dict[Task, list[Reading]] = {}
        sources = self._ask(str(accounts)).get("sources", "")
        if Path(sources) != (checkout / "src").resolve():
            msg = f"{checkout} was to be measured, and {sources or 'nothing'} was found"
            raise SystemExit(msg)

    def measure(self, task: Task) -> None:
        """Have a task done once."""
        told = self._ask(task.line())
        self.told.setdefault(task, []).append(Reading(task.row, told["us"], told.get("why", "")))

    def text(self, task: Task) -> str:
        """Write what a task took."""
        return rows(self.told[task])[0].text

    def middle(self, task: Task) -> float | None:
        """Return the median of what a task took."""
        known = [event.value for event in self.told[task] if event.value is not None]
        return median(known) if known else None

    def _ask(self, line: str) -> Any:
        if self._worker.stdin is None or self._worker.stdout is None:
            msg = "a worker without pipes"
            raise ValueError(msg)
        self._worker.stdin.write(f"{line}\n")
        self._worker.stdin.flush()
        return json.loads(self._worker.stdout.readline() or "{}")


def main(words: Sequence[str] | None = None) -> None:
    """Read the options, measure, and print the tables."""
    given = _options().parse_args(words)
    rounds, sizes = (1, POOLS[:2]) if given.quick else (given.rounds, POOLS)
    checkouts = [ROOT] if given.base is None else [ROOT, given.base.resolve()]
    todo = list(tasks(sizes))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        accounts = folder / "accounts.json"
        accounts.write_text(json.dumps(written(sizes[-1])), "utf-8")
        sides = [stack.enter_context(side(checkout, accounts)) for checkout in checkouts]
        for number in range(rounds):
            print(f"bench: find, {number + 1} of {rounds}", file=sys.stderr)
            for task in todo:
                # In turn, and each of them first in every other round.
                for one in sides if number % 2 else sides[::-1]:
                    one.measure(task)
    text = f"{heading(rounds, given.base is not None)}\n\n{write(todo, sides)}"
    print(text)
    if given.markdown is not None:
        put(given.markdown, text, "find" if given.markdown.exists() else "")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.find", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, of few pools")
    parser.add_argument("--base", type=Path, help="a checkout to compare with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds (%(default)s)")
    parser.add_argument("--markdown", type=Path, help="also write the tables into this file")
    return parser


def tasks(sizes: Sequence[int]) -> Iterator[Task]:
    """Yield what is measured, in the order of the tables."""
    for count in sizes:
        for sol in ORDERS_SOL:
            for number in range(len(MARKETS)):
                for what in KINDS:
                    yield Task(what, number, count, sol)
    for number in range(len(MARKETS)):
        for what in ("decode", "decode next slot"):
            yield Task(what, number, sizes[-1])


def written(count: int) -> dict[str, Any]:
    """Return the accounts of so many pools of each market, for the workers."""
    return {
        "time": [NOW.slot, NOW.unix_s, NOW.epoch],
        "markets": [
            [
                [
                    pool.program,
                    pool.address,
                    [
                        [one.address, one.owner, b64encode(one.data).decode()]
                        for one in PROGRAMS[pool.program].encode(pool)
                    ],
                ]
                for pool in market(count, seed)
            ]
            for seed in MARKETS
        ],
    }


@contextmanager
def side(checkout: Path, accounts: Path) -> Iterator[Side]:
    """Run a worker over a checkout's sources, by its own interpreter where it has one."""
    own = checkout / ".venv" / "bin" / "python"
    command = [str(own if own.exists() else sys.executable), "-P", str(WORKER)]
    sources = {"PYTHONPATH": str(checkout / "src")}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=sources) as worker:
        try:
            yield Side(worker, accounts, checkout)
        finally:
            worker.kill()


def heading(rounds: int, compared: bool) -> str:  # noqa: FBT001
    """Return the line above the tables."""
    said = f"{name_machine()}; {rounds} {'round' if rounds == 1 else 'rounds'}."
    return f"{said} Before: the other checkout, in the same rounds." if compared else said


def write(todo: Sequence[Task], sides: Sequence[Side]) -> str:
    """Write both tables: routes, and decoding."""
    routes = [task for task in todo if task.sol]
    rest = [task for task in todo if not task.sol]
    return "\n".join((*_table(routes, sides, KINDS), "", *_table(rest, sides, ()), ""))


def _table(todo: Sequence[Task], sides: Sequence[Side], kinds: Sequence[str]) -> Iterator[str]:
    columns = list(kinds) or list(dict.fromkeys(task.what for task in todo))
    cells = [cell for what in columns for cell in _heads(what, len(sides))]
    cells += ["aim, fresh"] if kinds else []
    yield f"| microseconds of CPU, median (min - max) | {' | '.join(cells)} |"
    yield f"|---|{'---|' * len(cells)}"
    for row in dict.fromkeys(task.row for task in todo):
        tasks_of = [task for task in todo if task.row == row]
        cells = [cell for task in tasks_of for cell in _cells(task, sides)]
        if kinds:
            fresh = next(task for task in tasks_of if task.what == "fresh")
            cells.append(_verdict(fresh, sides[0]))
        yield f"| {row} | {' | '.join(cells)} |"


def _heads(what: str, sides: int) -> list[str]:
    return [what] if sides == 1 else [f"{what}: before", "now", "ratio"]


def _cells(task: Task, sides: Sequence[Side]) -> list[str]:
    now = sides[0]
    if len(sides) == 1:
        return [now.text(task)]
    before = sides[1]
    new, old = now.middle(task), before.middle(task)
    ratio = f"{new / old:.2f}" if new and old else ""
    return [before.text(task), now.text(task), ratio]


def _verdict(fresh: Task, now: Side) -> str:
    aim, took = AIMS_US.get((fresh.pools, fresh.sol)), now.middle(fresh)
    if aim is None or took is None:
        return ""
    return f"under {write_number(aim)}: {'met' if took < aim else 'MISSED'}"


if __name__ == "__main__":
    main()
