"""Cut the power under the embedded store: only what was flushed is there afterwards.

A library that is loaded first copies a file whenever it was flushed. After the kill the store is
put together from those copies; sometimes a file keeps what was not flushed too, since a disk may
have written that by itself. Whatever was acknowledged must be there.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from cambist.stores.sqlite.connection import connect
from cambist.stores.sqlite.maintenance import audit
from tests.architecture.tree import ROOT
from tests.compiling import preload

MEMORY = Path("/dev/shm")  # noqa: S108 -- each run has a folder of its own in it
FIRST_ACK_S_MAX = 60
LIFE_S = (0.05, 0.35)
FILES = ("cambist.db", "cambist.db-wal")
ROUNDS_SHORT, ROUNDS = 6, 200


class Outcome(NamedTuple):
    """What a storm of power cuts did."""

    acknowledged: int
    lost: int


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder in memory, where there is one: it is written to a lot."""
    place = MEMORY if MEMORY.is_dir() else None
    with TemporaryDirectory(prefix="cambist-power-", dir=place) as folder:
        yield Path(folder)


class Machine:
    """A machine whose power fails; `pragmas` are set on the store's connection."""

    def __init__(self, folder: Path, library: Path, pragmas: str) -> None:
        self.disk, self.kept = folder / "disk", folder / "kept"
        self.disk.mkdir()
        self.kept.mkdir()
        self._env = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "POWER_KEPT": str(self.kept),
            "ADDER_PRAGMAS": pragmas,
        }

    def live(self, draw: random.Random) -> list[str]:
        """Add orders for a moment, cut the power, and return what was acknowledged."""
        adder = subprocess.Popen(
            [sys.executable, "-m", "tests.stores.insert_until_killed", str(self.disk / FILES[0])],
            env=self._env,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert adder.stdout is not None
        cut: threading.Timer | None = None
        acknowledged: list[str] = []
        watchdog = threading.Timer(FIRST_ACK_S_MAX, adder.kill)
        watchdog.start()
        for line in adder.stdout:
            if cut is None:
                cut = threading.Timer(draw.uniform(*LIFE_S), adder.kill)
                cut.start()
            if line.endswith("\n"):
                acknowledged.append(line.strip())
        adder.wait()
        adder.stdout.close()
        watchdog.cancel()
        assert acknowledged, "the store took no order"
        return acknowledged

    def lose_power(self, draw: random.Random) -> None:
        """Keep of each file what was flushed, or by luck all that was written."""
        for name in FILES:
            if (self.kept / name).exists() and draw.random() < 0.7:
                shutil.copy(self.kept / name, self.disk / name)
            elif not (self.kept / name).exists():
                (self.disk / name).unlink(missing_ok=True)
        for path in self.disk.iterdir():
            if path.name not in FILES:
                path.unlink()
        for name in FILES:
            if (self.disk / name).exists():
                shutil.copy(self.disk / name, self.kept / name)

    def look(self) -> set[str]:
        """Return the ids of all orders there are, from a copy: who looks also writes."""
        copy = self.disk.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.disk, copy)
        report = audit(copy / FILES[0])
        assert not report.broken, report.breaks
        with closing(connect(copy / FILES[0], read_only=True)) as db:
            return {row[0] for row in db.execute("SELECT id FROM engine_orders")}


def storm(scratch: Path, library: Path, rounds: int, pragmas: str = "") -> Outcome:
    """Cut the power again and again under one store, and count what it forgot."""
    draw = random.Random(f"power {pragmas}")
    machine = Machine(scratch, library, pragmas)
    told: set[str] = set()
    lost = 0
    for _ in range(rounds):
        told |= set(machine.live(draw))
        machine.lose_power(draw)
        if not (machine.disk / FILES[0]).exists():
            return Outcome(len(told), len(told))
        there = machine.look()
        lost += len(told - there)
        told &= there
    return Outcome(len(told) + lost, lost)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return preload(Path(__file__).with_name("power.c"), tmp_path)


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("rounds", [ROUNDS_SHORT, pytest.param(ROUNDS, marks=pytest.mark.proofs)])
@pytest.mark.parametrize("pragmas", ["", "wal_autocheckpoint=60"])
def test_no_acknowledged_order_is_lost_with_the_power(
    scratch: Path, library: Path, rounds: int, pragmas: str
) -> None:
    outcome = storm(scratch, library, rounds, pragmas)
    print(f"{outcome.acknowledged} acknowledged, {rounds} cuts, {outcome.lost} lost")
    assert outcome.lost == 0
    assert outcome.acknowledged > rounds


@pytest.mark.timeout(300)
def test_with_weaker_settings_orders_are_lost_so_the_cut_is_one(
    scratch: Path, library: Path
) -> None:
    outcome = storm(scratch, library, ROUNDS_SHORT, "synchronous=NORMAL")
    print(f"{outcome.acknowledged} acknowledged, {outcome.lost} lost")
    assert outcome.lost > 0, "nothing was lost without flushing: the cut cuts nothing"
