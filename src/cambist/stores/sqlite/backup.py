"""Copies a store into one file while it is written to, and restores such a copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from cambist.ports.store import Halt
from cambist.stores.atomic_file import publish, remove, temp_file_for
from cambist.stores.errors import TargetExists
from cambist.stores.sqlite import halts
from cambist.stores.sqlite.connection import NotACambistStore, StoreFileUnusable, connect
from cambist.stores.sqlite.migrations import migrate_sqlite


def back_up(source: Path, target: Path) -> None:
    """Copy a store as it is at one moment, whoever writes to it, and look the copy over.

    Nothing is at `target` before the copy is whole and on the disk. Raises TargetExists
    and StoreFileUnusable.
    """
    part = None
    try:
        part = temp_file_for(target)
        _copy(source, part)
        publish(part, target)
    except TargetExists:
        raise
    except (NotACambistStore, OSError, sqlite3.Error) as error:
        msg = f"the backup was not made: {error}"
        raise StoreFileUnusable(msg) from None
    finally:
        if part is not None:
            remove(part)


def restore(source: Path, target: Path, halt: Halt) -> None:
    """Put a copy where a store belongs and none is, halted unless it was when it was made.

    Raises TargetExists, StoreFileUnusable, and SchemaTooNew for a copy of a newer version.
    """
    part = None
    try:
        part = temp_file_for(target)
        _copy(source, part)
        with closing(connect(part)) as store:
            migrate_sqlite(store)
            if halts.halted(store) is None:
                store.execute("BEGIN IMMEDIATE")
                halts.halt(store, halt)
                store.execute("COMMIT")
            store.execute("PRAGMA journal_mode = DELETE")
        publish(part, target)
    except TargetExists:
        raise
    except (NotACambistStore, OSError, sqlite3.Error) as error:
        msg = f"nothing was restored: {error}"
        raise StoreFileUnusable(msg) from None
    finally:
        if part is not None:
            remove(part)


def _copy(source: Path, part: Path) -> None:
    """Copy all pages in one step, which is one moment, and see that they fit together."""
    if not source.exists():
        msg = f"{source} is not there"
        raise FileNotFoundError(msg)
    with (
        closing(connect(source, read_only=True)) as store,
        closing(sqlite3.connect(part, isolation_level=None)) as copy,
    ):
        if not store.execute("PRAGMA user_version").fetchone()[0]:
            msg = f"{source} is no store of cambist"
            raise NotACambistStore(msg)
        store.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        found = [str(row[0]) for row in copy.execute("PRAGMA integrity_check(5)")]
    if found != ["ok"]:
        msg = f"the pages do not fit together: {'; '.join(found)}"
        raise sqlite3.DatabaseError(msg)
