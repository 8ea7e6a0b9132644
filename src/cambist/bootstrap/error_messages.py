"""Says in a sentence what kept a command from its work, and which kind of failure that is."""

from __future__ import annotations

import sqlite3
from typing import Final, Literal, NamedTuple

from cambist.bootstrap.home import HomeInUse
from cambist.bootstrap.http_server import UnsafeBind
from cambist.bootstrap.stores import StoreGone
from cambist.config import BadSettings
from cambist.failpoints import InvalidFailpointPlan
from cambist.paper.chain_ledger import WrongSeed
from cambist.ports.errors import PortUnavailable
from cambist.server.runner import PortInUse
from cambist.stores.api_key_pepper import InvalidPepper
from cambist.stores.errors import (
    CorruptRow,
    DatabaseUnusable,
    InvalidBackup,
    SchemaTooNew,
    TargetExists,
)
from cambist.stores.sqlite.connection import (
    DamagedFile,
    LockedFile,
    NotACambistStore,
    SqliteTooOld,
    StoreFileUnusable,
)

Kind = Literal["in_use", "away", "unfit", "damaged"]

_LOCKED: Final = (
    "another process holds the lock of a database file in the home ({message}): "
    "end it, or wait for it"
)
_DAMAGED: Final = (
    "a database file in the home cannot be used ({message}); `cambist doctor` looks closer, and "
    "`cambist restore` puts a backup into an empty home"
)
_UNFIT: Final = (
    StoreFileUnusable, NotACambistStore, SqliteTooOld, SchemaTooNew, DatabaseUnusable,
    InvalidPepper, InvalidBackup, TargetExists,
    UnsafeBind, InvalidFailpointPlan, WrongSeed, BadSettings,
)  # fmt: skip


class ErrorMessage(NamedTuple):
    """What went wrong.

    `in_use`: another process has what is needed; `away`: a server does not answer; `damaged`: a
    file is not what it was; `unfit`: something else that has to be mended first.
    """

    kind: Kind
    sentence: str


def describe(error: BaseException) -> ErrorMessage | None:
    """Return what an error means to who runs a command; None for what is a mistake of ours."""
    match error:
        case HomeInUse() | PortInUse() | LockedFile():
            return ErrorMessage("in_use", str(error))
        case PortUnavailable():
            return ErrorMessage("away", str(error))
        case sqlite3.Error():
            return _of_sqlite(error)
        case CorruptRow():
            return ErrorMessage("damaged", _DAMAGED.format(message=error))
        case StoreGone() | DamagedFile():
            return ErrorMessage("damaged", str(error))
        case _ if isinstance(error, _UNFIT):
            return ErrorMessage("unfit", str(error))
        case OSError(filename=str(name) | bytes(name), strerror=str(reason)):
            shown = name if isinstance(name, str) else name.decode("utf-8", "replace")
            return ErrorMessage("unfit", f"{shown}: {reason}")
        case OSError():
            return ErrorMessage("unfit", error.strerror or str(error) or type(error).__name__)
        case _ if type(error).__module__.partition(".")[0] == "asyncpg":
            # A driver's own text may repeat an address with its password.
            message = f"the database cannot be used as it is named ({type(error).__name__})"
            return ErrorMessage("unfit", message)
    return None


def _of_sqlite(error: sqlite3.Error) -> ErrorMessage:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ErrorMessage("in_use", _LOCKED.format(message=error))
    if code == sqlite3.SQLITE_FULL:
        return ErrorMessage("unfit", "the disk is full: make room, then start again")
    return ErrorMessage("damaged", _DAMAGED.format(message=error))
