"""Shares one running engine among the tests of the scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.process import Process, engine
from tests.architecture.tree import ROOT

WAIT_S = 60
Ended = subprocess.CompletedProcess[str]
Script = Callable[..., Ended]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Run an engine on a paper world without delays."""
    running = engine(tmp_path_factory.mktemp("scripts"), paper_profile="instant").start()
    yield running
    assert running.stop() == 0


def environment(url: str) -> dict[str, str]:
    """Return what a script is started with."""
    paths = [str(Path(path).absolute()) for path in sys.path if path]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CAMBIST_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "CAMBIST_URL": url}


@pytest.fixture
def script(house: Process) -> Script:
    """Run a script against the engine, as a process of its own."""

    def run(name: str, *words: str) -> Ended:
        return subprocess.run(
            [sys.executable, "-m", f"scripts.{name}", *words],
            cwd=ROOT,
            env=environment(house.url),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )

    return run
