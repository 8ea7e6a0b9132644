"""Names the files of a home, and lets one process at a time use it."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from cambist.config import Settings
from cambist.stores import api_key_pepper
from cambist.stores.sqlite.connection import PUT_BACKUP, LockedFile, opening
from cambist.values.file_modes import OWNER_ONLY_FOLDER

STORE_FILE: Final = "cambist.db"
CHAIN_FILE: Final = "paper-chain.db"
CHAIN_SOCKET: Final = "paper-chain.sock"
CHAOS_FILE: Final = "chaos.json"
LOCK_FILE: Final = "cambist.lock"
CHAIN_LOCK: Final = "paper-chain.lock"
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_PID_DIGITS_MAX: Final = 20
_warned: set[Path] = set()
log = structlog.get_logger("cambist.home")


class HomeInUse(RuntimeError):
    """Another process uses this home, or blocks writes to a file of it."""


def ensure_home(home: Path) -> Path:
    """Return a home; a missing one is created with permissions for its owner alone.

    The permissions of an existing home stay; if others can read it, a warning is logged.
    """
    home.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & OTHERS and home not in _warned:
        _warned.add(home)
        todo = f"chmod 700 {home}"
        log.warning("home_readable_by_others", home=str(home), mode=f"{mode:o}", todo=todo)
    return home


def pepper_file(settings: Settings) -> Path:
    """Return where the pepper is kept."""
    named = settings.pepper_file
    return Path(settings.home) / api_key_pepper.FILE if named is None else Path(named)


def process_owner() -> str:
    """Return the name under which this process holds leases: its host and its id."""
    return f"{socket.gethostname()}/{os.getpid()}"


def needs_no_lock(settings: Settings) -> bool:
    """Whether the home holds nothing that one process must have for itself."""
    return settings.database_url is not None and settings.paper_chain != "inside"


@contextmanager
def home_lock(home: Path, name: str = LOCK_FILE) -> Iterator[None]:
    """Hold the lock on a home, so that no other process uses its files. Raises HomeInUse."""
    with (ensure_home(home) / name).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            msg = f"{home} is in use by another cambist; stop it, or set CAMBIST_HOME"
            raise HomeInUse(msg) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def opened(path: Path, todo: str = PUT_BACKUP) -> Iterator[None]:
    """Translate the errors of opening a file of a home. Raises HomeInUse and StoreFileUnusable."""
    try:
        with opening(path, todo):
            yield
    except LockedFile as locked:
        raise HomeInUse(str(locked)) from locked


class LockHolder(NamedTuple):
    """Whether a process uses a home, and its id where the lock file names it."""

    is_held: bool
    pid: int | None = None


def lock_holder(home: Path) -> LockHolder:
    """Return who holds the lock on a home; it takes a shared lock for a moment at most."""
    try:
        with (home / LOCK_FILE).open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                text = lock.read(_PID_DIGITS_MAX).strip()
                return LockHolder(is_held=True, pid=int(text) if text.isdecimal() else None)
    except OSError:
        return LockHolder(is_held=False)
    return LockHolder(is_held=False)
