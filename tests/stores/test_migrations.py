"""Prove that a database is brought up to date once, and a newer one is left alone."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cambist.stores.errors import SchemaTooNew
from cambist.stores.sql import migrations, queries
from cambist.stores.sqlite.connection import _statement, connect
from cambist.stores.sqlite.migrations import migrate_sqlite
from cambist.stores.sqlite.store import SqliteStore

NEWEST = migrations("sqlite")[-1][0]
NAMES = "SELECT type, name, sql FROM sqlite_schema ORDER BY name"


def test_an_empty_file_becomes_the_newest(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "orders.db")) as db:
        assert migrate_sqlite(db) == NEWEST
        assert db.execute("PRAGMA user_version").fetchone() == (NEWEST,)
        names = {name for _, name, _ in db.execute(NAMES)}
        wanted = {"engine_orders", "journal", "attempts", "fills", "orders", "order_events"}
        assert wanted <= names


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "orders.db")) as db:
        migrate_sqlite(db)
        before = db.execute(NAMES).fetchall()
        assert migrate_sqlite(db) == NEWEST
        assert db.execute(NAMES).fetchall() == before


def test_a_newer_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    with closing(connect(path)) as db:
        migrate_sqlite(db)
        db.execute(f"PRAGMA user_version = {NEWEST + 1}")
        before = db.execute(NAMES).fetchall()
        with pytest.raises(SchemaTooNew, match="upgrade cambist"):
            migrate_sqlite(db)
        assert db.execute(NAMES).fetchall() == before
    with pytest.raises(SchemaTooNew):
        SqliteStore(path, print, owner="me")


def test_a_migration_that_breaks_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ((1, "CREATE TABLE one (n INTEGER); CREATE TABLE one (n INTEGER);"),)
    monkeypatch.setattr("cambist.stores.sqlite.migrations.migrations", lambda _: broken)
    path = tmp_path / "orders.db"
    with closing(connect(path)) as db, pytest.raises(sqlite3.OperationalError):
        migrate_sqlite(db)
    with closing(connect(path)) as db:
        assert db.execute(NAMES).fetchall() == []
        assert db.execute("PRAGMA user_version").fetchone() == (0,)


def test_migrations_are_numbered_from_one_without_a_gap() -> None:
    assert [number for number, _ in migrations("sqlite")] == list(range(1, NEWEST + 1))


def test_every_query_can_be_prepared(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "orders.db")) as db:
        migrate_sqlite(db)
        for name, sql in queries("sqlite").items():
            if "{rows}" not in sql:
                numbered = [int(number) for number in re.findall(r"\?(\d+)", sql)]
                count = max(numbered) if numbered else sql.count("?")
                db.execute(f"EXPLAIN {sql}", [None] * count)
                continue
            for columns in range(1, 20):
                try:
                    db.execute(f"EXPLAIN {_statement(name, 3, columns)}", [None] * columns * 3)
                except sqlite3.OperationalError:
                    continue
                break
            else:
                raise AssertionError(name)
