"""Says in a sentence what kept a command from its work, and which kind of failure that is."""

from __future__ import annotations

import sqlite3
from typing import Final, Literal, NamedTuple

from cambist.bootstrap.home import HomeInUse
from cambist.bootstrap.server import UnsafeBind
from cambist.bootstrap.stores import StoreGone
from cambist.config import BadSettings
from cambist.failpoints import BadPlan
from cambist.paper.ledger import WrongSeed
from cambist.ports.errors import PortDown
from cambist.server.runner import PortInUse
from cambist.stores.api_key_pepper import UnfitPepper
from cambist.stores.errors import CorruptRow, NameTaken, NewerDatabase, UnfitBackup, UnfitDatabase
from cambist.stores.sqlite.connection import DamagedFile, LockedFile, NotAStore, OldSqlite, Sick

Kind = Literal["in_use", "away", "unfit", "damaged"]

_LOCKED: Final = (
    "another process holds the lock of a database file in the home ({told}): end it, or wait for it"
)
_DAMAGED: Final = (
    "a database file in the home cannot be used ({told}); `cambist doctor` looks closer, and "
    "`cambist restore` puts a backup into an empty home"
)
_UNFIT: Final = (
    Sick, NotAStore, OldSqlite, NewerDatabase, UnfitDatabase, UnfitPepper, UnfitBackup, NameTaken,
    UnsafeBind, BadPlan, WrongSeed, BadSettings,
)  # fmt: skip


class Failure(NamedTuple):
    """What went wrong.

    `in_use`: another process has what is needed; `away`: a server does not answer; `damaged`: a
    file is not what it was; `unfit`: something else that has to be mended first.
    """

    kind: Kind
    sentence: str


def describe(error: BaseException) -> Failure | None:
    """Return what an error means to who runs a command; None for what is a mistake of ours."""
    match error:
        case HomeInUse() | PortInUse() | LockedFile():
            return Failure("in_use", str(error))
        case PortDown():
            return Failure("away", str(error))
        case sqlite3.Error():
            return _of_sqlite(error)
        case CorruptRow():
            return Failure("damaged", _DAMAGED.format(told=error))
        case StoreGone() | DamagedFile():
            return Failure("damaged", str(error))
        case _ if isinstance(error, _UNFIT):
            return Failure("unfit", str(error))
        case OSError(filename=str(name) | bytes(name), strerror=str(reason)):
            shown = name if isinstance(name, str) else name.decode("utf-8", "replace")
            return Failure("unfit", f"{shown}: {reason}")
        case OSError():
            return Failure("unfit", error.strerror or str(error) or type(error).__name__)
        case _ if type(error).__module__.partition(".")[0] == "asyncpg":
            # A driver's own text may repeat an address with its password.
            told = f"the database cannot be used as it is named ({type(error).__name__})"
            return Failure("unfit", told)
    return None


def _of_sqlite(error: sqlite3.Error) -> Failure:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Failure("in_use", _LOCKED.format(told=error))
    if code == sqlite3.SQLITE_FULL:
        return Failure("unfit", "the disk is full: make room, then start again")
    return Failure("damaged", _DAMAGED.format(told=error))
