"""Runs reads beside the event loop, each thread on a connection of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from cambist.ports.failures import PortDown
from cambist.stores.records import CorruptRow
from cambist.stores.sqlite.connection import connect

T = TypeVar("T")

READERS: Final = 2


class Readers:
    """A few threads that only read. Inline, reads happen on the calling thread."""

    def __init__(self, path: Path, *, inline: bool = False) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._pool = None if inline else ThreadPoolExecutor(READERS, "cambist-reader")

    async def run(self, read: Callable[[sqlite3.Connection, Any], T], key: object = None) -> T:
        """Return what `read` finds. Raises PortDown when the file cannot be read."""
        try:
            if self._pool is None:
                return read(self._connection(), key)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._read, read, key)
        except (sqlite3.Error, CorruptRow) as error:
            msg = f"the store cannot be read: {error}"
            raise PortDown(msg) from error

    def _read(self, read: Callable[[sqlite3.Connection, Any], T], key: object) -> T:
        return read(self._connection(), key)

    def _connection(self) -> sqlite3.Connection:
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is None:
            held = connect(self._path, read_only=True)
            self._local.connection = held
            self._opened.append(held)
        return held

    def close(self) -> None:
        """Let every connection go."""
        if self._pool is not None:
            self._pool.shutdown()
        for connection in self._opened:
            connection.close()
