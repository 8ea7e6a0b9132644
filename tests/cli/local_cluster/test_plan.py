"""Prove that an installation is planned from what there is, and refused with what to install."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Never

import pytest
from typer.testing import CliRunner

from cambist.cli.local_cluster import server_programs
from cambist.cli.local_cluster.host import ServerNotAvailable
from cambist.cli.local_cluster.plan import ProcessPlan, Topology, plan
from cambist.cli.main import app
from cambist.config import Settings

DATABASE = "postgresql://me@127.0.0.1:1/orders"
REDIS = "redis://127.0.0.1:1/0"
SHAPE = Topology((3000, 3001), (4000, 4001, 4002))


def planned(home: Path, **settings: str) -> ProcessPlan:
    with ExitStack() as opened:
        return plan(Settings(database_url=DATABASE, **settings), home, SHAPE, opened)


def names(made: ProcessPlan) -> list[list[str]]:
    return [[part.name for part in stage] for stage in made.stages]


@pytest.fixture(autouse=True)
def _mask() -> Iterator[None]:
    """Give back what the command changes of the process it runs in."""
    mask = os.umask(0o022)
    yield
    os.umask(mask)


def test_servers_that_are_named_are_not_started(tmp_path: Path) -> None:
    made = planned(tmp_path, redis_url=REDIS)
    workers, apis = ["worker-1", "worker-2", "worker-3"], ["api-1", "api-2"]
    assert names(made) == [["paper-chain"], workers, apis]
    for part in made.stages[-1]:
        assert part.environment["CAMBIST_DATABASE_URL"] == DATABASE
        assert part.environment["CAMBIST_REDIS_URL"] == REDIS
        assert part.environment["CAMBIST_API_PROCESSES"] == "2"


def test_without_a_redis_signals_go_through_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find() -> Never:
        raise ServerNotAvailable("there is none")

    monkeypatch.setattr(server_programs, "find_valkey", find)
    made = planned(tmp_path)
    assert "CAMBIST_REDIS_URL" not in made.environment
    assert "signals go through PostgreSQL's NOTIFY, for there is none" in made.notes
    assert ["valkey"] not in names(made)


def test_where_no_postgres_can_be_had_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_programs, "_programs", lambda: iter(()))
    done = CliRunner().invoke(app, ["up", "--port", "0", "--home", str(tmp_path)])
    assert done.exit_code == 78
    for way in ("apt-get install postgresql", "cambist[cluster]", "CAMBIST_DATABASE_URL"):
        assert way in done.output


def test_a_database_of_another_version_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("9\n", "ascii")
    done = CliRunner().invoke(app, ["up", "--port", "0", "--home", str(tmp_path)])
    assert done.exit_code == 78
    assert "made by PostgreSQL 9" in done.output or "no PostgreSQL to be had" in done.output


def test_a_home_too_deep_for_a_socket_is_refused_before_anything_starts(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    done = CliRunner().invoke(app, ["up", "--port", "0", "--home", str(deep)])
    assert done.exit_code == 78
    assert "too long for the sockets" in done.output
    assert not (deep / "postgres").exists()
