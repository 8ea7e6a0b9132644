"""Promise that no seed breaks a promise, that a seed is one run, and that all mishaps occur."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from cambist.failpoints import FAILPOINTS
from tests.simulation.fault_dice import THEMES, WORST
from tests.simulation.report import Tally, lines, tally
from tests.simulation.run import run

SEEDS = int(os.environ.get("SEEDS", "500"))
CHUNK_SEEDS = 50
TWICE_SEEDS = 100
HASHED_SEEDS = 6


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK_SEEDS))
def test_no_seed_breaks_a_promise(folder: Path, first: int) -> None:
    total = tally(run(seed, folder) for seed in range(first, first + CHUNK_SEEDS))
    told = "\n\n".join(
        f"seed {result.seed}\n{result.violations}\n{result.story}" for result in total.bad
    )
    assert not total.bad, told


ELSEWHERE = ("chain.", "claims.", "signals.")
"""Points of the paper chain, of the shared store and of signals, for which others stand here."""


@pytest.mark.slow
def test_the_same_seed_is_the_same_run_to_its_last_callback(folder: Path) -> None:
    for seed in range(TWICE_SEEDS):
        assert run(seed, folder).digest == run(seed, folder).digest, seed


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_run_does_not_depend_on_how_strings_hash(folder: Path, hash_seed: str) -> None:
    asked = (sys.executable, "-m", "tests.simulation", "--digests", "--seeds", str(HASHED_SEEDS))
    there = {**os.environ, "PYTHONHASHSEED": hash_seed}
    root = Path(__file__).parents[2]
    said = subprocess.run(
        asked, env=there, cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    here = [f"{seed} {run(seed, folder).digest}" for seed in range(HASHED_SEEDS)]
    assert said.stdout.splitlines() == here


@pytest.mark.slow
def test_every_mishap_and_every_fault_point_strikes(folder: Path) -> None:
    """What never happens proves nothing."""
    struck, themes, kinds = Counter[str](), set[str](), set[str]()
    here = (one for one in FAILPOINTS if not one.startswith(ELSEWHERE))
    wanted = {*WORST, *(f"process killed at {one}" for one in here)}
    for seed in range(1_800, 3_000):
        outcome = run(seed, folder, lambda one: kinds.add(one.kind) or themes.add(one.theme))
        struck += outcome.struck
        if struck.keys() >= wanted:
            break
    assert not wanted - struck.keys()
    assert themes == set(THEMES)
    assert kinds == {"embedded", "shared"}


def test_a_bad_run_is_told_with_its_seed_and_its_order(folder: Path) -> None:
    outcome = run(1, folder)
    outcome.diary.blame("I1", "executed twice", "w0")
    bad = outcome._replace(violations=tuple(outcome.diary.violations))
    total = tally([bad])
    assert isinstance(total, Tally)
    assert total.bad[0].seed == 1
    assert "I1" in total.bad[0].violations[0]
    assert "accepted" in total.bad[0].story
    assert lines(total, 1.0)[-1] == "1 seeds with violations"
