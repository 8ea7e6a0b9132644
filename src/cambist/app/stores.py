"""Opens what is kept: orders, and keys beside an engine; takes a look at the store itself."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from cambist.app.homes import STORE_FILE, made
from cambist.clock import SystemClock
from cambist.config import BadSettings, Settings
from cambist.ports.clock import Clock
from cambist.ports.keys import Keys
from cambist.ports.store import News, Store
from cambist.stores.sqlite import checkup
from cambist.stores.sqlite.keys import SqliteKeys
from cambist.stores.sqlite.store import SqliteStore

StoreSick = checkup.Sick
sqlite_version = checkup.sqlite_version


def look_at_store(home: Path) -> checkup.Checkup:
    """Read what the store of a home is. Raises StoreSick."""
    return checkup.look(home / STORE_FILE, SystemClock().elapsed)


async def look_at_database(settings: Settings) -> str:
    """Return the version of the database that is named.

    Raises BadSettings, UnfitDatabase and PortDown.
    """
    shared = _shared()
    target = shared.Target(settings.database_url, settings.may_lose_acknowledged_orders)
    return str(await shared.look(target))


def time_a_write(home: Path) -> int:
    """Return what a durable commit beside the store takes, in microseconds. Raises StoreSick."""
    return checkup.write_us(home, SystemClock().elapsed)


@asynccontextmanager
async def open_store(settings: Settings, news: News, clock: Clock) -> AsyncIterator[Store]:
    """Open where orders are kept: the database that is named, or else the file in the home.

    Raises BadSettings, UnfitDatabase, NewerDatabase, PortDown and what opening the file raises.
    """
    owner = f"{socket.gethostname()}/{os.getpid()}"
    if settings.database_url is not None:
        shared = _shared()
        target = shared.Target(settings.database_url, settings.may_lose_acknowledged_orders)
        opening = shared.open_postgres(target, news, clock, owner=owner, lease_ms=settings.lease_ms)
        async with opening as store:
            yield store
        return
    embedded = SqliteStore(Path(settings.home) / STORE_FILE, news, owner=owner)
    await embedded.open()
    try:
        yield embedded
    finally:
        await embedded.close()


@asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[Keys]:
    """Open the API keys of an installation, which other processes may be using.

    Raises what `open_store` raises.
    """
    if settings.database_url is not None:
        shared = _shared()
        target = shared.Target(settings.database_url, settings.may_lose_acknowledged_orders)
        async with shared.open_postgres_keys(target) as found:
            yield found
        return
    keys = SqliteKeys(made(Path(settings.home)) / STORE_FILE)
    try:
        await keys.open()
        yield keys
    finally:
        await keys.close()


def _shared() -> ModuleType:
    """Return the room of the shared store; a base install lacks its driver. Raises BadSettings."""
    try:
        return import_module("cambist.stores.postgres")
    except ModuleNotFoundError as missing:
        if missing.name != "asyncpg":
            raise
        msg = "database_url is set, and its driver is missing: pip install 'cambist[postgres]'"
        raise BadSettings(msg) from None
