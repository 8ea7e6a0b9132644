"""Hold every command to a sentence and its exit code, whatever a home or an address became."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import typer

from cambist.bootstrap import CHAIN_FILE, STORE_FILE
from cambist.cli.exit_on_error import explain_and_exit
from tests.acceptance.process import Process
from tests.cli.conftest import Cambist
from tests.cli.test_start import run

OFFLINE = {
    "verify": (("verify",), 1),
    "backup": (("backup", "copy.db"), 78),
    "stuck": (("orders", "stuck"), 78),
    "drain": (("drain", "why", "--wait", "0"), 78),
    "halt": (("halt", "why"), 78),
    "resume": (("resume", "why"), 78),
    "prune": (("prune", "--older-than-days", "30"), 78),
    "keys list": (("keys", "list"), 78),
    "keys create": (("keys", "create"), 78),
    "doctor": (("doctor",), 1),
}


@pytest.fixture(scope="session")
def stopped(house: Process, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home as an engine left it, with some orders in it."""
    home = tmp_path_factory.mktemp("stopped")
    for name in (STORE_FILE, CHAIN_FILE):
        with (
            closing(sqlite3.connect(house.home / name)) as from_,
            closing(sqlite3.connect(home / name)) as to,
        ):
            from_.backup(to)
            to.execute("PRAGMA journal_mode = DELETE")
    home.chmod(0o700)
    return home


@pytest.fixture
def home(stopped: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may spoil."""
    return Path(shutil.copytree(stopped, tmp_path / "own"))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def scrambled(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xa5" * (len(whole) - 100))


SPOILT: dict[str, Callable[[Path], None]] = {"cut": cut, "folder": a_folder, "other": scrambled}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize(("words", "code"), OFFLINE.values(), ids=OFFLINE)
def test_a_damaged_store_is_told_in_a_sentence(
    cambist: Cambist, home: Path, spoil: Callable[[Path], None], words: tuple[str, ...], code: int
) -> None:
    spoil(home / STORE_FILE)
    done = cambist(*words, "--home", str(home))
    assert isinstance(done.exception, SystemExit | None), done.exception
    # What needs no more than the pages that are left may do its work.
    assert done.exit_code in {code, 0} if words[0] not in ("verify", "backup") else {code}
    if done.exit_code == 78:
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("cambist: ")


@pytest.mark.parametrize(
    ("name", "spoil"),
    [(STORE_FILE, cut), (STORE_FILE, a_folder), (CHAIN_FILE, scrambled), (CHAIN_FILE, a_folder)],
)
def test_an_engine_does_not_start_on_damage(
    home: Path, spoil: Callable[[Path], None], name: str
) -> None:
    spoil(home / name)
    ended = run(home.parent, "serve", "--port", "0", "--home", str(home))
    assert ended.returncode == 78
    (line,) = ended.stderr.splitlines()
    assert line.startswith("cambist: ")


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_balances_of_a_damaged_chain_are_told_in_a_sentence(
    cambist: Cambist, home: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(home / CHAIN_FILE)
    done = cambist("balances", "--home", str(home))
    assert done.exit_code == 78, done.output
    assert len(done.stderr.splitlines()) == 1


def test_a_store_that_is_gone_from_beside_its_chain_is_damage(cambist: Cambist, home: Path) -> None:
    (home / STORE_FILE).unlink()
    done = cambist("verify", "--home", str(home))
    assert done.exit_code == 1
    assert "is not there" in done.stderr


@pytest.mark.parametrize("place", ["a file", "nowhere"])
def test_a_home_that_is_none_is_told_in_a_sentence(
    cambist: Cambist, tmp_path: Path, place: str
) -> None:
    home = tmp_path / "own"
    if place == "a file":
        home.write_text("no folder", "utf-8")
    for words, _ in OFFLINE.values():
        if place == "nowhere" and words[0] == "keys":
            continue
        done = cambist(*words, "--home", str(home))
        assert isinstance(done.exception, SystemExit | None), (words, done.exception)
        assert done.exit_code in (0, 1, 78)
    if place == "a file":
        ended = run(tmp_path, "serve", "--port", "0", "--home", str(home))
        assert (ended.returncode, len(ended.stderr.splitlines())) == (78, 1)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a database file, as another process does that writes for long."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.parametrize("name", [STORE_FILE, CHAIN_FILE])
def test_a_lock_of_another_process_exits_75(
    home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(home / name), closing(sqlite3.connect(home / name, timeout=0)) as ours:
        with pytest.raises(sqlite3.OperationalError) as error:
            ours.execute("BEGIN IMMEDIATE")
        with pytest.raises(typer.Exit) as end:
            explain_and_exit(ExceptionGroup("", [error.value]))
    assert end.value.exit_code == 75
    (line,) = capsys.readouterr().err.splitlines()
    assert "another process holds the lock" in line


@pytest.mark.parametrize("host", ["::1", "[::1]", "127.0.0.1", "a folder"])
def test_a_database_that_is_away_exits_69(cambist: Cambist, tmp_path: Path, host: str) -> None:
    pytest.importorskip("asyncpg")
    named = {"POSTGRES_HOST": str(tmp_path) if host == "a folder" else host, "POSTGRES_PORT": "1"}
    for words in (("verify",), ("halt", "why")):
        done = cambist(*words, **named)
        assert done.exit_code == 69, done.output
        assert len(done.stderr.splitlines()) == 1


def test_an_engine_whose_database_is_away_exits_69(tmp_path: Path) -> None:
    pytest.importorskip("asyncpg")
    ended = run(tmp_path, "serve", "--port", "0", POSTGRES_HOST="::1", POSTGRES_PORT="1")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (69, 1), ended.stderr
