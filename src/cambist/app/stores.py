"""Opens what is kept: keys and the switch beside an engine, and a look at the store itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cambist.app.homes import STORE_FILE, made
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.ports.store import Halt
from cambist.stores.sqlite import checkup
from cambist.stores.sqlite.halts import halt_file, resume_file
from cambist.stores.sqlite.keys import SqliteKeys

StoreSick = checkup.Sick
sqlite_version = checkup.sqlite_version


def look_at_store(home: Path) -> checkup.Checkup:
    """Read what the store of a home is. Raises StoreSick."""
    return checkup.look(home / STORE_FILE, SystemClock().elapsed)


def time_a_write(home: Path) -> int:
    """Return what a durable commit beside the store takes, in microseconds. Raises StoreSick."""
    return checkup.write_us(home, SystemClock().elapsed)


def move_switch(settings: Settings, by: str, reason: str, *, halts: bool) -> None:
    """Stop trading or let it go on, beside an engine that runs or does not. Raises StoreSick."""
    path, now = Path(settings.home) / STORE_FILE, SystemClock().now()
    if not path.exists():
        msg = f"{path} is not there: nobody trades in this home"
        raise StoreSick(msg)
    if halts:
        halt_file(path, Halt(reason, by, now))
    else:
        resume_file(path, by, reason, now)


@asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[SqliteKeys]:
    """Open the API keys of a home, which another process may be using.

    Raises what opening the file raises.
    """
    keys = SqliteKeys(made(Path(settings.home)) / STORE_FILE)
    try:
        await keys.open()
        yield keys
    finally:
        await keys.close()
