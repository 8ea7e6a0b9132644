"""Hold the SQLite keys to the contract, and to what a shared file may do to them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from cambist.ports.errors import PortUnavailable
from cambist.stores.sql import migrations
from cambist.stores.sqlite.api_keys import SqliteKeys
from cambist.stores.sqlite.connection import connect
from cambist.stores.sqlite.migrations import migrate_sqlite
from tests.contracts.api_keys import BORN, LATER, PLAIN, KeysContract, Opening

MIGRATE = """
import sys
from pathlib import Path
from cambist.stores.sqlite.migrations import migrate_sqlite
from cambist.stores.sqlite.connection import connect
db = connect(Path(sys.argv[1]))
sys.stdin.readline()
print(migrate_sqlite(db))
"""


def keys_of(path: Path) -> Opening:
    @asynccontextmanager
    async def opening() -> AsyncIterator[SqliteKeys]:
        keys = SqliteKeys(path)
        await keys.open()
        try:
            yield keys
        finally:
            await keys.close()

    return opening


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cambist.db"


@pytest.fixture
def opening(path: Path) -> Opening:
    return keys_of(path)


class TestSqliteKeys(KeysContract):
    """Inherits every promise."""


async def test_a_key_cannot_be_deleted(path: Path, opening: Opening) -> None:
    async with opening() as keys:
        await keys.add(PLAIN)
        with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.Error, match="revoked"):
            db.execute("DELETE FROM api_keys")
        assert await keys.has_ever_issued()


async def test_a_key_nobody_can_read_lets_nobody_in(path: Path, opening: Opening) -> None:
    async with opening() as keys:
        await keys.add(PLAIN)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("UPDATE api_keys SET scopes = 'everything'")
        with pytest.raises(PortUnavailable):
            await keys.find(PLAIN.id)


async def test_reads_wait_for_no_writer(path: Path, opening: Opening) -> None:
    async with opening() as keys:
        await keys.add(PLAIN)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            assert await keys.has_ever_issued()
            assert await keys.find(PLAIN.id) == PLAIN
            await keys.record_use(PLAIN.id, LATER)
            db.execute("ROLLBACK")
    async with opening() as keys:
        (kept,) = await keys.list()
        assert kept.last_used_at == LATER


async def test_a_file_without_keys_table_is_told_apart_from_one_without_keys(path: Path) -> None:
    with closing(connect(path)) as db:
        db.execute("CREATE TABLE other (n INTEGER)")
    keys = SqliteKeys(path)
    with pytest.raises(PortUnavailable):
        await keys.has_ever_issued()
    with pytest.raises(PortUnavailable):
        await keys.revoke(PLAIN.id, BORN)
    await keys.record_use(PLAIN.id, BORN)
    await keys.close()


def test_a_file_from_before_keys_gains_them(path: Path) -> None:
    with closing(connect(path)) as db:
        db.executescript(migrations("sqlite")[0][1])
        db.execute("PRAGMA user_version = 1")
        migrate_sqlite(db)
        assert db.execute("SELECT count(*) FROM api_keys").fetchone() == (0,)


def test_two_processes_may_bring_one_file_up_to_date(path: Path) -> None:
    with closing(connect(path)):
        both = [
            subprocess.Popen(
                [sys.executable, "-c", MIGRATE, str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for one in both:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        answers = [one.communicate(timeout=30)[0] for one in both]
    assert answers[0] == answers[1] != ""
