"""Prove that a connection has the settings durability rests on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cambist.stores.sqlite import connection
from cambist.stores.sqlite.connection import SqliteTooOld, connect

FULL = 2


def test_a_commit_is_a_write_ahead_log_synced_to_disk(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "orders.db")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (FULL,)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    with closing(connect(path)) as writer, closing(connect(path, read_only=True)) as reader:
        writer.execute("CREATE TABLE one (n INTEGER)")
        assert reader.execute("SELECT * FROM one").fetchall() == []
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("INSERT INTO one VALUES (1)")


def test_an_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.sqlite3, "sqlite_version_info", (3, 36, 9))
    with pytest.raises(SqliteTooOld, match=r"3\.37"):
        connect(tmp_path / "orders.db")
