"""Backs a store up and restores one, in whichever of the two places it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from cambist.bootstrap.home import STORE_FILE, held
from cambist.bootstrap.stores import StoreSick, audit_store, shared_room, target_of
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.engine.reconciler import RESTORED_BY
from cambist.ports.store import Halt
from cambist.stores.atomic_file import UnfitBackup, part_of, remove, settle
from cambist.stores.audit import Report
from cambist.stores.sqlite import backup
from cambist.stores.sqlite.audit import audit
from cambist.wire.rfc3339 import write_moment

RESTORED: Final = "restored from a backup of {}: waits until the chain was compared with it"
PUT_BACK: Final = "put back by other means: waits until the chain was compared with it"
_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_ZIP_MAGIC: Final = b"PK\x03\x04"


class Backup(NamedTuple):
    """A backup that was made, and what an audit of it found."""

    path: Path
    report: Report


def back_up(settings: Settings, where: Path, progress: Callable[[int], None]) -> Backup:
    """Write all that is kept of orders into one file: `where`, or one in that folder.

    Raises StoreSick, NameTaken, OSError, UnfitDatabase and PortDown.
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
        raise StoreSick(msg)
    backup.back_up(path, where)
    return Backup(where, audit(where, progress))


def _back_up_shared(settings: Settings, path: Path, progress: Callable[[int], None]) -> Backup:
    room, part = shared_room(), part_of(path)
    try:
        report = asyncio.run(room.back_up(target_of(settings), part, progress))
        settle(part, path)
    finally:
        remove(part)
    return Backup(path, report)


def restore(settings: Settings, source: Path, progress: Callable[[int], None]) -> Report:
    """Put a backup where no store is yet, halted until an engine has compared it with the chain.

    Returns what an audit of the restored store found. Raises HomeInUse, StoreSick, NameTaken,
    OSError, UnfitDatabase, NewerDatabase, PortDown and UnfitBackup.
    """
    with source.open("rb") as file:
        magic = file.read(len(_SQLITE_MAGIC))
    is_shared = settings.database_url is not None
    if not magic.startswith(_ZIP_MAGIC if is_shared else _SQLITE_MAGIC):
        msg = f"{source} is no backup of a store in {'PostgreSQL' if is_shared else 'a home'}"
        raise UnfitBackup(msg)
    halt = Halt(RESTORED.format(source.name), RESTORED_BY, SystemClock().now())
    if is_shared:
        asyncio.run(shared_room().restore(target_of(settings), source, halt))
    else:
        home = Path(settings.home)
        with held(home):
            backup.restore(source, home / STORE_FILE, halt)
    return audit_store(settings, progress)
