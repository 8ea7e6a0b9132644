"""Hold the key commands to showing a key once, and to working beside an engine and without."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cambist.stores.api_key_pepper import FILE, read_pepper
from cambist.values.api_key import digest, read_key_id
from tests.acceptance.process import engine
from tests.cli.conftest import Cambist

WALLET = "So11111111111111111111111111111111111111112"
Keys = Callable[..., Any]


@pytest.fixture
def keys(cambist: Cambist, tmp_path: Path) -> Keys:
    """Run a key command on a home of the test's own."""
    return lambda *words: cambist("keys", *words, "--home", str(tmp_path / "own"))


def rows(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path / "cambist.db")) as db:
        return db.execute("SELECT * FROM api_keys").fetchall()


def made(keys: Keys, *words: str) -> str:
    done = keys("create", *words)
    assert done.exit_code == 0, done.stderr
    return done.stdout.removesuffix("\n")


def test_a_key_is_shown_once_and_kept_as_a_digest(keys: Keys, tmp_path: Path) -> None:
    done = keys("create", "--name", "a bot")
    text = done.stdout.strip()
    assert done.stdout == f"{text}\n"
    assert text not in done.stderr
    assert text.rpartition("_")[2] not in done.stderr
    assert "only time the key is shown" in done.stderr
    assert "first key" in done.stderr
    home = tmp_path / "own"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / FILE).stat().st_mode) == 0o600
    ((key_id, kept, principal, name, scopes, *_),) = rows(home)
    assert (key_id, principal, name) == (read_key_id(text), "local", "a bot")
    assert scopes.split() == ["cancel", "read", "trade"]
    assert kept == digest(read_pepper(home / FILE), text)
    secret = text.rpartition("_")[2].encode()
    assert all(secret not in file.read_bytes() for file in home.iterdir())
    listed = keys("list").stdout
    assert key_id in listed
    assert secret.decode() not in listed
    assert "first key" not in keys("create").stderr


def test_what_a_key_may_do_is_as_it_was_asked(keys: Keys, tmp_path: Path) -> None:
    made(
        keys, "--scope", "Read, admin", "--account", "desk-2", "--wallet", WALLET,
        "--wallet", WALLET, "--orders-per-minute", "7", "--expires", "90d",
    )  # fmt: skip
    (row,) = rows(tmp_path / "own")
    principal, _, scopes, wallets, per_minute, born, end, revoked, used = row[2:]
    assert (principal, scopes, wallets, per_minute) == ("desk-2", "admin read", WALLET, 7)
    assert end - born == 90 * 86_400_000
    assert revoked is used is None
    listed = keys("list").stdout
    assert all(word in listed for word in ("desk-2", "read,admin", "7 orders/min", "1 wallet"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--scope", "everything"), "one of read, trade, cancel, admin"),
        (("--scope", ""), "one of read, trade, cancel, admin"),
        (("--wallet", "me"), "base58 of 32 bytes"),
        (("--account", "a b"), "no blanks"),
        (("--account", ""), "no blanks"),
        (("--name", "a\nb"), "printable"),
        (("--name", "x" * 65), "printable"),
        (("--expires", "soon"), "is no end of a key"),
        (("--expires", "0d"), "is no end of a key"),
        (("--expires", "2020-01-31T12:00:00Z"), "is over already"),
        (("--orders-per-minute", "0"), "Error"),
    ],
)
def test_a_key_nobody_can_mean_is_not_made(
    keys: Keys, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    done = keys("create", *words)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert not (tmp_path / "own").exists()


def test_a_revoked_key_stays_in_the_list(keys: Keys) -> None:
    text = made(keys)
    key_id = read_key_id(text) or ""
    done = keys("revoke", text)
    assert (done.exit_code, done.stdout) == (0, f"{key_id} is revoked\n")
    assert "revoked" in keys("list").stdout
    again = keys("revoke", key_id)
    assert (again.exit_code, again.stderr) == (1, f"cambist: {key_id} was revoked before\n")
    unknown = keys("revoke", "nobody00")
    assert unknown.exit_code == 1
    assert "there is no key nobody00" in unknown.stderr


def test_a_list_of_nothing_makes_nothing(keys: Keys, tmp_path: Path) -> None:
    assert "everyone on this machine may trade" in keys("list").stdout
    assert not (tmp_path / "own").exists()


def test_a_lost_pepper_is_not_made_anew_under_living_keys(keys: Keys, tmp_path: Path) -> None:
    text = made(keys)
    pepper = tmp_path / "own" / FILE
    before = pepper.read_bytes()
    pepper.unlink()
    done = keys("create")
    assert done.exit_code == 78
    assert "put its copy back" in done.stderr
    assert keys("revoke", text).exit_code == 0
    assert keys("create").exit_code == 0
    assert pepper.read_bytes() != before


def test_a_pepper_others_can_read_stops_the_making(keys: Keys, tmp_path: Path) -> None:
    made(keys)
    (tmp_path / "own" / FILE).chmod(0o644)
    done = keys("create")
    assert done.exit_code == 78
    assert "chmod 600" in done.stderr


def test_keys_are_made_beside_an_engine(keys: Keys, tmp_path: Path) -> None:
    running = engine(tmp_path / "own", paper_profile="instant").start()
    try:
        key_id = read_key_id(made(keys))
        assert key_id in keys("list").stdout
        assert keys("revoke", key_id).exit_code == 0
    finally:
        assert running.stop() == 0
    assert len(rows(tmp_path / "own")) == 1


def test_the_pepper_may_lie_where_every_machine_has_it(cambist: Cambist, tmp_path: Path) -> None:
    elsewhere, home = tmp_path / "secrets" / "shared", tmp_path / "own"
    elsewhere.parent.mkdir()
    named = {"CAMBIST_PEPPER_FILE": str(elsewhere), "CAMBIST_HOME": str(home)}
    text = cambist("keys", "create", **named).stdout.strip()
    assert rows(home)[0][1] == digest(read_pepper(elsewhere), text)
    assert not (home / FILE).exists()
