"""Keeps API keys in the SQLite file: read on the calling thread, written on one of its own.

A key is asked for with every request, and by its id: that read costs less than a change of
thread. Writes wait for the disk, and for other writers of the file, where nobody waits for them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from cambist.ports.api_keys import ApiKey
from cambist.ports.errors import PortUnavailable
from cambist.stores.rows import key_row, read_key
from cambist.stores.sqlite.connection import SQL, connect
from cambist.stores.sqlite.migrations import migrate_sqlite
from cambist.values.time_units import Timestamp

T = TypeVar("T")

READ_TIMEOUT_MS: Final = 100
"""How long a read may wait for the file; readers wait for nobody while the file is well."""

READ_CACHE_KIB: Final = 1_024
log = structlog.get_logger("cambist.store")


class SqliteKeys:
    """The keys of one file, which other processes may read and write too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writes = ThreadPoolExecutor(1, "cambist-keys")
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Bring the file up to date. Raises what opening and migrating a file raises."""
        await asyncio.get_running_loop().run_in_executor(self._writes, self._open)

    def _open(self) -> None:
        self._writer = connect(self._path)
        migrate_sqlite(self._writer)

    async def close(self) -> None:
        """Write what waits, and let the file go."""
        await asyncio.get_running_loop().run_in_executor(None, self._writes.shutdown)
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None

    # ------------------------------------------------------------------------------- reads

    async def has_ever_issued(self) -> bool:
        """Return whether a key was ever made."""
        return bool(self._ask("any_key")[0][0])

    async def find(self, key_id: str) -> ApiKey | None:
        """Return a key."""
        rows = self._ask("key_by_id", key_id)
        return read_key(rows[0]) if rows else None

    async def list(self) -> tuple[ApiKey, ...]:
        """Return all keys, oldest first."""
        return tuple(read_key(row) for row in self._ask("all_keys"))

    def _ask(self, name: str, *values: object) -> Sequence[tuple[Any, ...]]:
        try:
            if self._reader is None:
                self._reader = connect(self._path, read_only=True)
                self._reader.execute(f"PRAGMA busy_timeout = {READ_TIMEOUT_MS:d}")
                self._reader.execute(f"PRAGMA cache_size = -{READ_CACHE_KIB:d}")
            return self._reader.execute(SQL[name], values).fetchall()
        except sqlite3.Error as error:
            msg = f"the keys cannot be read: {error}"
            raise PortUnavailable(msg) from error

    # ------------------------------------------------------------------------------ writes

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""
        await self._write(lambda db: db.execute(SQL["add_key"], key_row(key)))

    async def revoke(self, key_id: str, now: Timestamp) -> bool:
        """End a key's life now."""
        done = await self._write(lambda db: db.execute(SQL["revoke_key"], (now, key_id)))
        return done.rowcount == 1

    async def record_use(self, key_id: str, now: Timestamp) -> None:
        """Have it noted, without waiting for it."""
        self._submit(lambda db: db.execute(SQL["note_key_use"], (now, key_id))).add_done_callback(
            _tell_failure
        )

    async def _write(self, write: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.wrap_future(self._submit(write))
        except sqlite3.Error as error:
            msg = f"the keys cannot be written: {error}"
            raise PortUnavailable(msg) from error

    def _submit(self, write: Callable[[sqlite3.Connection], T]) -> Future[T]:
        return self._writes.submit(lambda: write(self._opened()))

    def _opened(self) -> sqlite3.Connection:
        if self._writer is None:
            self._writer = connect(self._path)
        return self._writer


def _tell_failure(done: Future[sqlite3.Cursor]) -> None:
    error = done.exception()
    if error is not None:
        log.warning("key_use_not_recorded", error=str(error))
