"""Opens connections to the SQLite file with the settings durability rests on."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

SQLITE_MIN: Final = (3, 37, 0)
BUSY_TIMEOUT_MS: Final = 5_000
CACHE_KIB: Final = 32_768
CHECKPOINT_PAGES: Final = 4_000
"""The write-ahead log is folded into the file once it holds so many pages (16 MB)."""

STATEMENTS_CACHED_MAX: Final = 512


class OldSqlite(RuntimeError):
    """The machine's SQLite lacks what the schema needs."""


class NotAStore(ValueError):
    """A file that is there, and is none of ours."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file. A writer is durable at each COMMIT (WAL, synchronous=FULL).

    Raises OldSqlite, NotAStore and sqlite3.Error.
    """
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        msg = f"SQLite {sqlite3.sqlite_version} is too old; cambist needs 3.37 or newer"
        raise OldSqlite(msg)
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_MS / 1_000,
        cached_statements=STATEMENTS_CACHED_MAX,
    )
    try:
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        msg = f"{path} is no store of cambist"
        raise NotAStore(msg) from None
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB:d}")
    connection.execute("PRAGMA temp_store = MEMORY")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        connection.text_factory = _read_text
        return connection
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES:d}")
    return connection


def _read_text(data: bytes) -> str:
    """Read a text, whatever its bytes are: one damaged value must not hide all others."""
    return data.decode("utf-8", "surrogateescape")
