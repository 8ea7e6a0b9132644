"""Backs up, restores and prunes either store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from cambist.bootstrap.home import STORE_FILE, ensure_home, home_lock
from cambist.bootstrap.stores import StoreUnusable, audit_store, load_postgres, target_of
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.engine.reconciler import RESTORED_BY
from cambist.ports.store import Halt
from cambist.stores.archive import Archive, Progress
from cambist.stores.atomic_file import publish, remove, temp_file_for
from cambist.stores.audit import AuditReport
from cambist.stores.errors import InvalidBackup
from cambist.stores.sqlite import backup
from cambist.stores.sqlite.maintenance import audit, prune_file
from cambist.values.time_units import MINUTE, Timestamp
from cambist.wire.rfc3339 import write_moment

RESTORED: Final = "restored from a backup of {}: waits until the chain was compared with it"
PUT_BACK: Final = "put back by other means: waits until the chain was compared with it"
_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_ZIP_MAGIC: Final = b"PK\x03\x04"


class Backup(NamedTuple):
    """A backup that was made, and what an audit of it found."""

    path: Path
    report: AuditReport


def back_up(settings: Settings, where: Path, progress: Callable[[int], None]) -> Backup:
    """Write all that is kept of orders into one file: `where`, or one in that folder.

    Raises StoreUnusable, TargetExists, OSError, DatabaseUnusable and PortUnavailable.
    """
    ending = ".db" if settings.database_url is None else ".zip"
    if where.is_dir():
        now = write_moment(SystemClock().now()).partition(".")[0]
        where /= f"cambist-{now.replace(':', '')}{ending}"
    if settings.database_url is not None:
        return _back_up_shared(settings, where, progress)
    path = Path(settings.home) / STORE_FILE
    if not path.exists():
        msg = f"{path} is not there; name another folder with --home"
        raise StoreUnusable(msg)
    backup.back_up(path, where)
    return Backup(where, audit(where, progress))


def _back_up_shared(settings: Settings, path: Path, progress: Callable[[int], None]) -> Backup:
    room, part = load_postgres(), temp_file_for(path)
    try:
        report = asyncio.run(room.back_up(target_of(settings), part, progress))
        publish(part, path)
    finally:
        remove(part)
    return Backup(path, report)


def restore(settings: Settings, source: Path, progress: Callable[[int], None]) -> AuditReport:
    """Put a backup where no store is yet, halted until an engine has compared it with the chain.

    Returns what an audit of the restored store found. Raises HomeInUse, StoreUnusable,
    TargetExists,
    OSError, DatabaseUnusable, SchemaTooNew, PortUnavailable and InvalidBackup.
    """
    with source.open("rb") as file:
        magic = file.read(len(_SQLITE_MAGIC))
    is_shared = settings.database_url is not None
    if not magic.startswith(_ZIP_MAGIC if is_shared else _SQLITE_MAGIC):
        msg = f"{source} is no backup of a store in {'PostgreSQL' if is_shared else 'a home'}"
        raise InvalidBackup(msg)
    halt = Halt(RESTORED.format(source.name), RESTORED_BY, SystemClock().now())
    if is_shared:
        asyncio.run(load_postgres().restore(target_of(settings), source, halt))
    else:
        home = Path(settings.home)
        with home_lock(home):
            backup.restore(source, home / STORE_FILE, halt)
    return audit_store(settings, progress)


PRUNED_AFTER_DAYS_MIN: Final = 30
"""A key is remembered as long as its order, and nobody repeats a request after so long."""
ARCHIVES: Final = "archive"
_DAY: Final = 24 * 60 * MINUTE


class Pruned(NamedTuple):
    """How many orders were put away, and the file they are in."""

    orders: int
    path: Path | None


def prune(settings: Settings, days: int, progress: Progress, *, keeps: bool) -> Pruned:
    """Put away the orders at rest for so many days; unless one `keeps` nothing, in an archive.

    Raises StoreUnusable, OSError, DatabaseUnusable and PortUnavailable.
    """
    now, home = SystemClock().now(), Path(settings.home)
    before = Timestamp(max(now - days * _DAY, 0))
    path = None
    if keeps:
        name = write_moment(now).partition(".")[0].replace(":", "")
        path = ensure_home(ensure_home(home) / ARCHIVES) / f"orders-{name}Z.jsonl.gz"
    archive = None if path is None else Archive(path)
    if settings.database_url is not None:
        pruning = load_postgres().prune(target_of(settings), before, archive, progress)
        return Pruned(asyncio.run(pruning), path)
    store = home / STORE_FILE
    if not store.exists():
        msg = f"{store} is not there: nobody trades in this home"
        raise StoreUnusable(msg)
    return Pruned(prune_file(store, before, archive, progress), path)
