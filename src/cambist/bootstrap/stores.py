"""Opens the store and the API keys, and checks a store without opening an engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from cambist.bootstrap.home import CHAIN_FILE, STORE_FILE, ensure_home, opened, process_owner
from cambist.clock import SystemClock
from cambist.config import BadSettings, Settings
from cambist.ports.api_keys import ApiKeyStore
from cambist.ports.clock import Clock
from cambist.ports.store import CommitListener, Halt, Store, UnrecordedTransactions
from cambist.stores.audit import AuditReport
from cambist.stores.sqlite import health
from cambist.stores.sqlite.api_keys import SqliteKeys
from cambist.stores.sqlite.connection import DamagedFile, StoreFileUnusable, opening
from cambist.stores.sqlite.integrity import checked_after_crash, was_shut_down_uncleanly
from cambist.stores.sqlite.maintenance import audit
from cambist.stores.sqlite.store import SqliteStore

Checkup = health.StoreHealth
StoreUnusable = StoreFileUnusable
StoreDamaged = DamagedFile
sqlite_version = health.sqlite_version


class StoreGone(StoreUnusable):
    """The file of the store is gone from a home whose chain is still there."""


def inspect_store(home: Path) -> health.StoreHealth:
    """Read what the store of a home is. Raises StoreUnusable."""
    return health.inspect_file(home / STORE_FILE, SystemClock().monotonic_ms)


async def inspect_halt(
    settings: Settings, limit: int
) -> tuple[Halt | None, UnrecordedTransactions]:
    """Return the halt in force, and what the chain executed that the store does not have.

    Raises StoreUnusable, BadSettings, DatabaseUnusable and PortUnavailable.
    """
    if settings.database_url is None:
        return health.inspect_halt(Path(settings.home) / STORE_FILE, limit)
    found: tuple[Halt | None, UnrecordedTransactions]
    found = await load_postgres().inspect_halt(target_of(settings), limit)
    return found


async def inspect_database(settings: Settings) -> str:
    """Return the version of the database that is named.

    Raises BadSettings, DatabaseUnusable and PortUnavailable.
    """
    return str(await load_postgres().inspect_server(target_of(settings)))


def audit_store(settings: Settings, progress: Callable[[int], None]) -> AuditReport:
    """Check all that is kept, beside whoever writes; `progress` hears how many orders were read.

    Raises StoreDamaged and StoreUnusable, BadSettings, DatabaseUnusable and PortUnavailable.
    """
    if settings.database_url is not None:
        report: AuditReport = asyncio.run(load_postgres().audit(target_of(settings), progress))
        return report
    path = Path(settings.home) / STORE_FILE
    if not path.exists():
        msg = f"{path} is not there; name another folder with --home"
        raise (StoreGone if path.with_name(CHAIN_FILE).exists() else StoreUnusable)(msg)
    with opening(path):
        return audit(path, progress)


def measure_commit(home: Path) -> int:
    """Return what a durable commit beside the store takes, in microseconds.

    Raises StoreUnusable.
    """
    return health.measure_commit_us(home, SystemClock().monotonic_ms)


@asynccontextmanager
async def open_store(
    settings: Settings, news: CommitListener, clock: Clock
) -> AsyncIterator[Store]:
    """Open where orders are kept: the database that is named, or else the file in the home.

    After an end that was not clean the file is looked over beside its use. Raises BadSettings,
    DatabaseUnusable, SchemaTooNew, PortUnavailable, HomeInUse where another process keeps the
    file from
    being written, and StoreUnusable.
    """
    owner = process_owner()
    if settings.database_url is not None:
        shared = load_postgres()
        target = target_of(settings)
        opening = shared.open_postgres(target, news, clock, owner=owner, lease_ms=settings.lease_ms)
        async with opening as store:
            yield store
        return
    path = Path(settings.home) / STORE_FILE
    is_unclean = was_shut_down_uncleanly(path)
    with opened(path):
        embedded = SqliteStore(path, news, owner=owner)
        await embedded.open()
    try:
        async with checked_after_crash(embedded, path, clock, is_needed=is_unclean):
            yield embedded
    finally:
        await embedded.close()


@asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[ApiKeyStore]:
    """Open the API keys of an installation, which other processes may be using.

    Raises what `open_store` raises.
    """
    if settings.database_url is not None:
        shared = load_postgres()
        target = target_of(settings)
        async with shared.open_postgres_keys(target) as found:
            yield found
        return
    path = ensure_home(Path(settings.home)) / STORE_FILE
    keys = SqliteKeys(path)
    try:
        with opened(path):
            await keys.open()
        yield keys
    finally:
        await keys.close()


def target_of(settings: Settings) -> Any:
    """Return where the database is that is named. Raises BadSettings."""
    return load_postgres().Target(settings.database_url, settings.may_lose_acknowledged_orders)


def load_postgres() -> ModuleType:
    """Return the room of the shared store; a base install lacks its driver. Raises BadSettings."""
    try:
        return import_module("cambist.stores.postgres")
    except ModuleNotFoundError as missing:
        if missing.name != "asyncpg":
            raise
        msg = "database_url is set, and its driver is missing: pip install 'cambist[postgres]'"
        raise BadSettings(msg) from None
