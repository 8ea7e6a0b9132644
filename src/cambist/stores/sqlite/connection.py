"""Opens connections to SQLite, and runs statements of many rows.

Writes many rows in few statements, since each one gives the interpreter away.

While the event loop is busy, a thread that gave it away gets it back a switch interval later.
A batch therefore binds all its rows to a handful of statements: few rows to one of just their
number, many rows in chunks whose sizes are powers of two, so that each size is prepared once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

from cambist.stores.rows import Row
from cambist.stores.sql import queries

SQLITE_MIN: Final = (3, 37, 0)
BUSY_TIMEOUT_MS: Final = 5_000
CACHE_KIB: Final = 32_768
READ_CACHE_KIB: Final = 4_096
"""What a reader keeps for good of what it once read: the system keeps the pages of the file too."""
CHECKPOINT_PAGES: Final = 4_000
"""The write-ahead log is folded into the file once it holds so many pages (16 MB)."""

STATEMENTS_CACHED_MAX: Final = 512
LOG_BYTES_MAX: Final = 64 * 1_024 * 1_024
"""What is left of the write-ahead log once all of it was folded into the file. A reader that stays
for long lets it grow beyond: it is cut to this at the first fold after that one has gone."""
_PRIMARY_CODE: Final = 0xFF
_LOCKED: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


PUT_BACKUP: Final = (
    "Move it away, keep it, and put the newest backup in its place with `cambist restore`"
)
_FREE_IT: Final = (
    "another process keeps {0} from being written. End it, or its transaction, and start again; "
    "`fuser {0}` names it"
)


class StoreFileUnusable(RuntimeError):
    """What keeps a store from being used."""


class DamagedFile(StoreFileUnusable):
    """A file of ours that cannot be read any more as it was written."""


class LockedFile(StoreFileUnusable):
    """A file that another process keeps from being written."""


class SqliteTooOld(RuntimeError):
    """The machine's SQLite lacks what the schema needs."""


class NotACambistStore(ValueError):
    """A file that is there, and is none of ours."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file. A writer is durable at each COMMIT (WAL, synchronous=FULL).

    Raises SqliteTooOld, NotACambistStore and sqlite3.Error.
    """
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        msg = f"SQLite {sqlite3.sqlite_version} is too old; cambist needs 3.37 or newer"
        raise SqliteTooOld(msg)
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
        raise NotACambistStore(msg) from None
    cache_kib = READ_CACHE_KIB if read_only else CACHE_KIB
    connection.execute(f"PRAGMA cache_size = -{cache_kib:d}")
    connection.execute("PRAGMA temp_store = MEMORY")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        connection.text_factory = _read_text
        return connection
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES:d}")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_MAX:d}")
    return connection


def _read_text(data: bytes) -> str:
    """Read a text, whatever its bytes are: one damaged value must not hide all others."""
    return data.decode("utf-8", "surrogateescape")


@contextmanager
def opening(path: Path, todo: str = PUT_BACKUP) -> Iterator[None]:
    """Say in a sentence what keeps a file from being opened, and what to do: `todo` of damage.

    Raises DamagedFile, LockedFile and StoreFileUnusable in place of what the driver raises.
    """
    try:
        yield
    except NotACambistStore as error:
        raise StoreFileUnusable(f"{error}. {todo}") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
        if code in _LOCKED:
            raise LockedFile(_FREE_IT.format(path)) from error
        if code in _DAMAGED or path.is_dir():
            why = f"{path} is {'a folder' if path.is_dir() else f'damaged ({error})'}"
            raise DamagedFile(f"{why}. {todo}") from error
        msg = f"{path} cannot be used: {error}"
        raise StoreFileUnusable(msg) from error


CHUNK_ROWS_MAX: Final = 128
EXACT_ROWS_MAX: Final = 32
SQL: Final = queries("sqlite")


@cache
def _statement(name: str, rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return SQL[name].replace("{rows}", ", ".join([row] * rows))


def write_many(db: sqlite3.Connection, name: str, rows: Sequence[Row]) -> int:
    """Run a named query over all rows in place of its `{rows}`; return how many it changed."""
    changed = start = 0
    while start < len(rows):
        left = len(rows) - start
        few = left <= EXACT_ROWS_MAX
        size = left if few else min(1 << (left.bit_length() - 1), CHUNK_ROWS_MAX)
        chunk = rows[start : start + size]
        statement = _statement(name, size, len(chunk[0]))
        changed += db.execute(statement, tuple(chain.from_iterable(chunk))).rowcount
        start += size
    return changed
