"""Shares one running engine among the tests of the command line."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cambist.cli.main import app
from tests.acceptance.process import Process, engine

Cambist = Callable[..., Any]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Run an engine on a paper world without delays."""
    running = engine(tmp_path_factory.mktemp("house"), paper_profile="instant").start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def cambist(house: Process, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cambist:
    """Run a command against the engine, from an empty folder."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def run(*words: str, **environment: str) -> Any:
        env = {"CAMBIST_URL": house.url, "COLUMNS": "200", "NO_COLOR": "1", **environment}
        return runner.invoke(app, list(words), env=env)

    return run


@pytest.fixture
def placed(cambist: Cambist) -> str:
    """Place an order, see it confirmed, and return its id."""
    done = cambist("order", "1", "SOL", "USDC")
    assert done.exit_code == 0, done.stderr
    return done.stdout.split()[0]


def events_of(cambist: Cambist, order_id: str) -> list[str]:
    """Return what `watch` tells of an order, event by event."""
    return [line.split()[2] for line in cambist("watch", order_id).stdout.splitlines()]
