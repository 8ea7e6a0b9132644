"""Checks a store without changing it, and measures how long its disk takes for a commit."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from cambist.ports.store import Halt, UnrecordedTransactions
from cambist.stores.sql import migrations
from cambist.stores.sqlite.connection import (
    LOG_BYTES_MAX,
    NotACambistStore,
    SqliteTooOld,
    StoreFileUnusable,
    connect,
)
from cambist.stores.sqlite.halts import halted
from cambist.stores.sqlite.store import unrecorded_transactions

READS: Final = 2_000
WRITES: Final = 20
LOCK_WITHIN_S: Final = 1.0
TRADING_SINCE_MIGRATION: Final = 4
JOURNAL_MODE: Final = "wal"
_MICROSECONDS: Final = 1_000
_ROW: Final = b"x" * 512


class StoreHealth(msgspec.Struct, frozen=True):
    """What a look at a store showed. `schema` is its newest migration, `newest` ours.

    `log_bytes` is what the write-ahead log holds, beyond `log_bytes_max` only where something keeps
    it from being folded into the file. `is_locked` says that another process keeps the file from
    being written.
    """

    schema: int
    newest: int
    journal_mode: str
    connected_at: str
    read_us: int
    log_bytes: int = 0
    log_bytes_max: int = LOG_BYTES_MAX
    is_locked: bool = False


def sqlite_version() -> str:
    """Return the version of the library."""
    return sqlite3.sqlite_version


def inspect_file(path: Path, elapsed: Callable[[], int]) -> StoreHealth:
    """Read what a store is; `elapsed` counts milliseconds. Raises StoreFileUnusable."""
    try:
        with closing(connect(path, read_only=True)) as db:
            (schema,) = db.execute("PRAGMA user_version").fetchone()
            (mode,) = db.execute("PRAGMA journal_mode").fetchone()
            (at,) = db.execute("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')").fetchone()
            if not schema:
                msg = f"{path} is no store of cambist"
                raise StoreFileUnusable(msg)
            began = elapsed()
            for _ in range(READS):
                db.execute("SELECT id FROM engine_orders ORDER BY id DESC LIMIT 1").fetchone()
            read_us = (elapsed() - began) * _MICROSECONDS // READS
    except (NotACambistStore, SqliteTooOld) as unfit:
        raise StoreFileUnusable(str(unfit)) from None
    except sqlite3.Error as error:
        msg = f"{path} cannot be read: {error}"
        raise StoreFileUnusable(msg) from None
    log = path.with_name(f"{path.name}-wal")
    log_bytes = log.stat().st_size if log.exists() else 0
    newest = migrations("sqlite")[-1][0]
    return StoreHealth(
        schema, newest, mode, at, read_us, log_bytes=log_bytes, is_locked=_is_locked(path)
    )


def _is_locked(path: Path) -> bool:
    """Whether the file's lock cannot be had for longer than an engine of ours would hold it."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=LOCK_WITHIN_S)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        db.execute("ROLLBACK")
        return False


def inspect_halt(path: Path, limit: int) -> tuple[Halt | None, UnrecordedTransactions]:
    """Return the halt in force and what the chain knows more. Raises StoreFileUnusable."""
    try:
        with closing(connect(path, read_only=True)) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] < TRADING_SINCE_MIGRATION:
                return None, UnrecordedTransactions(0)
            return halted(db), unrecorded_transactions(db, limit)
    except (NotACambistStore, SqliteTooOld, sqlite3.Error) as error:
        msg = f"{path} cannot be read: {error}"
        raise StoreFileUnusable(msg) from None


def measure_commit_us(folder: Path, elapsed: Callable[[], int]) -> int:
    """Return what one durable commit takes on this disk, in microseconds, from some of them.

    They go to a file of their own, which is gone afterwards. Raises StoreFileUnusable.
    """
    try:
        with (
            tempfile.TemporaryDirectory(prefix="cambist-checkup-", dir=folder) as place,
            closing(connect(Path(place) / "checkup.db")) as db,
        ):
            db.execute("CREATE TABLE promises (kept BLOB)")
            began = elapsed()
            for _ in range(WRITES):
                db.execute("INSERT INTO promises VALUES (?)", (_ROW,))
            return (elapsed() - began) * _MICROSECONDS // WRITES
    except (OSError, sqlite3.Error) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        msg = f"nothing can be written in {folder}: {reason}"
        raise StoreFileUnusable(msg) from None
