"""Make a disk fail at a chosen moment, under a store that does not know."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from cambist.stores.sqlite.connection import connect
from cambist.stores.sqlite.store import SqliteStore


class Disk:
    """Opens connections; one statement that begins with `fails_at` breaks while it is set."""

    def __init__(self) -> None:
        self.fails_at: str | None = None
        self.after = False
        self.opened = 0
        self.full = False

    def open(self, path: Path) -> Sick:
        """Open a connection of this disk."""
        self.opened += 1
        return Sick(self, connect(path))

    def under(self, store: SqliteStore) -> None:
        """Lay this disk under a store's writer."""
        batches = store._batches
        batches.close()
        batches._open = self.open  # type: ignore[assignment]
        batches._connection = self.open(batches._path)  # type: ignore[assignment]

    def breaks(self, fails_at: str, *, after: bool = False) -> None:
        """Break at the next statement of this kind, once; `after` it was carried out or before."""
        self.fails_at, self.after = fails_at, after


class Sick:
    """A connection on such a disk."""

    def __init__(self, disk: Disk, real: sqlite3.Connection) -> None:
        self._disk = disk
        self._real = real

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        """Carry a statement out, or not."""
        disk = self._disk
        if disk.full:
            (pages,) = self._real.execute("PRAGMA page_count").fetchone()
            self._real.execute(f"PRAGMA max_page_count = {pages}")
        fails = disk.fails_at is not None and sql.startswith(disk.fails_at)
        if fails and not disk.after:
            self._break()
        done = self._real.execute(sql, *args)
        if fails:
            self._break()
        return done

    def _break(self) -> None:
        self._disk.fails_at = None
        raise sqlite3.OperationalError("disk I/O error")

    def close(self) -> None:
        """Close the real connection."""
        self._real.close()
