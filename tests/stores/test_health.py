"""Hold the look at a store to reading only, and to a sentence where there is nothing to read."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cambist.stores.sql import migrations
from cambist.stores.sqlite import connection
from cambist.stores.sqlite.health import (
    READS,
    WRITES,
    StoreFileUnusable,
    inspect_file,
    measure_commit_us,
    sqlite_version,
)
from tests.stores.sqlite_stores import sqlite_at


def ticks(step: int) -> itertools.count[int]:
    """Return a clock that goes on by so many milliseconds whenever it is asked."""
    return itertools.count(0, step)


async def a_store(path: Path) -> None:
    async with sqlite_at(path, inline=True)(lambda *_: None):
        pass


async def test_a_store_tells_its_version_mode_and_latency(tmp_path: Path) -> None:
    path = tmp_path / "cambist.db"
    await a_store(path)
    before = path.read_bytes()
    seen = inspect_file(path, ticks(2 * READS).__next__)
    newest = migrations("sqlite")[-1][0]
    assert (seen.schema, seen.newest, seen.journal_mode) == (newest, newest, "wal")
    assert seen.read_us == 2_000
    assert seen.connected_at.endswith("Z")
    assert path.read_bytes() == before
    assert sqlite_version() == sqlite3.sqlite_version


async def test_what_is_no_store_is_said_and_left_alone(tmp_path: Path) -> None:
    diary, other = tmp_path / "diary.db", tmp_path / "other.db"
    diary.write_text("a diary, say, that has its own use\n" * 10, "utf-8")
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")
    for path in (diary, other):
        before = path.read_bytes()
        with pytest.raises(StoreFileUnusable, match="is no store of cambist"):
            inspect_file(path, ticks(1).__next__)
        assert path.read_bytes() == before


async def test_a_store_without_its_tables_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "cambist.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(StoreFileUnusable, match="cannot be read: no such table"):
        inspect_file(path, ticks(1).__next__)


def test_an_old_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.sqlite3, "sqlite_version_info", (3, 36, 9))
    with pytest.raises(StoreFileUnusable, match=r"3\.37"):
        inspect_file(tmp_path / "cambist.db", ticks(1).__next__)


def test_a_timed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    assert measure_commit_us(tmp_path, ticks(3 * WRITES).__next__) == 3_000
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreFileUnusable, match="nothing can be written in"):
        measure_commit_us(tmp_path / "nowhere", ticks(1).__next__)
