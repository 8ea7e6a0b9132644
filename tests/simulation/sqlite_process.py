"""Puts the real SQLite store, inline, on a disk that refuses, stalls and loses its word.

The file lies in memory where the machine has a file system for that: power loss is not what is
simulated here. What a COMMIT made durable is read back from the file and handed to the judge,
whatever the store was told.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cambist.orders.journal import JournalEntry
from cambist.orders.order import Order
from cambist.ports.errors import PortUnavailable
from cambist.ports.store import CommitListener
from cambist.stores.rows import read_entry
from cambist.stores.sqlite import reader
from cambist.stores.sqlite.connection import connect
from cambist.stores.sqlite.maintenance import audit
from cambist.stores.sqlite.migrations import migrate_sqlite
from cambist.stores.sqlite.reader import Readers
from cambist.stores.sqlite.store import SqliteStore
from tests.simulation.fault_dice import Dice
from tests.simulation.loop import VirtualLoop

MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- each run has a folder of its own in it
STALL_S: Final = (0.1, 20.0)
FLUSH_S: Final = (0.0, 0.01)
NEWER: Final = "SELECT order_id, seq, at, kind, payload, hash FROM journal WHERE n > ? ORDER BY n"


def scratch() -> TemporaryDirectory[str]:
    """Make a folder for the files of many runs, in memory where that is possible."""
    return TemporaryDirectory(prefix="cambist-", dir=MEMORY if MEMORY.is_dir() else None)


class File:
    """The database file of one run, and what became durable in it."""

    def __init__(
        self, folder: Path, dice: Dice, on_lines: Callable[[list[JournalEntry]], None]
    ) -> None:
        template = folder / "template.db"
        if not template.exists():
            made = connect(template)
            migrate_sqlite(made)
            made.close()
        self.path = folder / "orders.db"
        for old in folder.glob("orders.db*"):
            old.unlink()
        shutil.copy(template, self.path)
        self.dice = dice
        self.is_full = False
        self._on_lines = on_lines
        self._seen = 0
        self._eyes = connect(self.path, read_only=True)

    def look(self) -> None:
        """Hand on the lines that became durable since the last look."""
        rows = self._eyes.execute(NEWER, (self._seen,)).fetchall()
        self._seen += len(rows)
        self._on_lines([read_entry(row) for row in rows])

    def rows(self) -> list[Order]:
        """Return every order as its row stands."""
        ids = self._eyes.execute("SELECT id FROM engine_orders ORDER BY id").fetchall()
        found = reader.by_ids(self._eyes, [name for (name,) in ids])
        return sorted(found.orders, key=lambda order: order.id)

    def breaks(self) -> list[str]:
        """Tell where the house's own audit finds rows and journals apart."""
        return [f"{one.order_id}: {one.reason}" for one in audit(self.path).breaks]

    def close(self) -> None:
        """Look no more."""
        self._eyes.close()


class SickConnection:
    """A connection whose COMMIT may fail before it is done, or after."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._real = connect(file.path)

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if self._file.is_full and sql.startswith(("INSERT", "UPDATE")):
            raise sqlite3.OperationalError("database or disk is full")
        if sql != "COMMIT":
            return self._real.execute(sql, *args)
        if self._file.dice.hit("store refuses before the commit"):
            raise sqlite3.OperationalError("disk I/O error")
        done = self._real.execute(sql)
        self._file.look()
        if self._file.dice.hit("store loses the word after the commit"):
            raise sqlite3.OperationalError("disk I/O error, too late")
        return done

    def close(self) -> None:
        self._real.close()


class SlowTurn:
    """Stands where the writer calls its loop: a flush takes time, and sometimes very long."""

    def __init__(self, loop: VirtualLoop, dice: Dice) -> None:
        self._loop, self._dice = loop, dice

    def call_soon(self, drain: Callable[[], None]) -> None:
        stalls = self._dice.hit("store stalls")
        self._loop.call_later(self._dice.between(*(STALL_S if stalls else FLUSH_S)), drain)


class SickReaders:
    """Reads that take a moment, and may fail."""

    def __init__(self, real: Readers, dice: Dice) -> None:
        self._real, self._dice = real, dice
        self.calls = 0

    async def run(self, read: Any, key: object = None) -> Any:
        self.calls += 1
        await asyncio.sleep(self._dice.between(0, 0.002))
        if self._dice.hit("store cannot be read"):
            raise PortUnavailable("the store cannot be read")
        return await self._real.run(read, key)

    async def ask(self, read: Any, key: object = None) -> Any:
        return await self.run(read, key)

    def close(self) -> None:
        self._real.close()


async def open_sqlite(file: File, news: CommitListener, loop: VirtualLoop) -> SqliteStore:
    """Open the real store on a run's file."""
    store = SqliteStore(file.path, news, owner="embedded", inline=True)
    await store.open()
    batches = store._batches
    batches.close()
    batches._open = lambda _: SickConnection(file)  # type: ignore[assignment,return-value]
    batches._connection = SickConnection(file)  # type: ignore[assignment]
    store._writer._loop = SlowTurn(loop, file.dice)  # type: ignore[assignment]
    store._readers = SickReaders(store._readers, file.dice)  # type: ignore[assignment]
    return store


def drop(store: SqliteStore) -> None:
    """Let the files of a dead process go, as the kernel does: what was not committed is gone."""
    store._batches.close()
    store._readers.close()
