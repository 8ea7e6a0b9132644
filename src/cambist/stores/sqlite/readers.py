"""Runs reads beside the event loop, each thread on a connection of its own.

What the engine needs to move orders has threads of its own: however much clients ask for, it does
not wait behind them. What clients ask for ends when they have left, or when it takes too long.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from cambist.ports.errors import PortDown, ReadInterrupted
from cambist.stores.records import CorruptRow
from cambist.stores.sqlite.connection import connect

T = TypeVar("T")
Read = Callable[[sqlite3.Connection, Any], T]

READERS: Final = 2
ASKED_READERS: Final = 2
READ_WITHIN_S: Final = 1.0
"""How long a client's read may take, the wait for a thread included."""
INSTRUCTIONS_BETWEEN_LOOKS: Final = 50_000
"""After how many steps of SQLite a read looks whether anybody still waits for it: some 2 ms."""


class AskedRead:
    """A read that somebody waits for, until it is abandoned."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: sqlite3.Connection | None = None
        self._is_abandoned = False

    def run(self, db: sqlite3.Connection, read: Read[T], key: object) -> T:
        """Carry the read out, in a thread. Raises ReadInterrupted once it is abandoned."""
        with self._lock:
            if self._is_abandoned:
                raise ReadInterrupted("nobody waits for this read")
            self._running = db
        db.set_progress_handler(self._is_over, INSTRUCTIONS_BETWEEN_LOOKS)
        try:
            return read(db, key)
        except sqlite3.OperationalError as error:
            if self._is_abandoned:
                raise ReadInterrupted("the read was interrupted") from error
            raise
        finally:
            with self._lock:
                self._running = None
            db.set_progress_handler(None, 0)

    def _is_over(self) -> bool:
        return self._is_abandoned

    def abandon(self) -> None:
        """End the read, wherever it is; call it on the event loop."""
        with self._lock:
            self._is_abandoned = True
            if self._running is not None:
                self._running.interrupt()


class Readers:
    """A few threads that only read. Inline, reads happen on the calling thread."""

    def __init__(self, path: Path, *, inline: bool = False) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._pool = None if inline else ThreadPoolExecutor(READERS, "cambist-reader")
        self._asked = None if inline else ThreadPoolExecutor(ASKED_READERS, "cambist-asked")

    async def run(self, read: Read[T], key: object = None) -> T:
        """Return what `read` finds. Raises PortDown when the file cannot be read."""
        try:
            if self._pool is None:
                return read(self._connection(), key)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._read, read, key)
        except (sqlite3.Error, CorruptRow) as error:
            raise _down(error) from error

    async def ask(self, read: Read[T], key: object = None) -> T:
        """Return what a client's `read` finds.

        It is interrupted when the task that waits for it is cancelled, and after
        `READ_WITHIN_S`: then it raises ReadInterrupted. Raises PortDown as `run` does.
        """
        if self._asked is None:
            return await self.run(read, key)
        asked, loop = AskedRead(), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                return await loop.run_in_executor(self._asked, self._ask, asked, read, key)
        except TimeoutError:
            msg = f"the read took longer than {READ_WITHIN_S:g} s; ask for less, or later"
            raise ReadInterrupted(msg) from None
        except (sqlite3.Error, CorruptRow) as error:
            raise _down(error) from error
        finally:
            asked.abandon()

    def _read(self, read: Read[T], key: object) -> T:
        return read(self._connection(), key)

    def _ask(self, asked: AskedRead, read: Read[T], key: object) -> T:
        return asked.run(self._connection(), read, key)

    def _connection(self) -> sqlite3.Connection:
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is None:
            held = connect(self._path, read_only=True)
            self._local.connection = held
            self._opened.append(held)
        return held

    def close(self) -> None:
        """Let every connection go."""
        for pool in (self._pool, self._asked):
            if pool is not None:
                pool.shutdown()
        for connection in self._opened:
            connection.close()


def _down(error: Exception) -> PortDown:
    return PortDown(f"the store cannot be read: {error}")
