"""Keeps API keys in the PostgreSQL database, where every process sees at once what one does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from cambist.ports.api_keys import ApiKey
from cambist.ports.errors import PortUnavailable
from cambist.stores.postgres import reader
from cambist.stores.postgres.migrations import migrate
from cambist.stores.postgres.pool import ConnectionPool, Target
from cambist.stores.rows import key_row, read_key
from cambist.values.time_units import Timestamp

KEY_CONNECTIONS_MAX: Final = 2
log = structlog.get_logger("cambist.store")


class PostgresKeys:
    """The keys of one database."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    async def has_ever_issued(self) -> bool:
        """Return whether a key was ever made."""
        return bool((await reader.fetch(self._pool, "any_key"))[0][0])

    async def find(self, key_id: str) -> ApiKey | None:
        """Return a key."""
        rows = await reader.fetch(self._pool, "key_by_id", key_id)
        return read_key(tuple(rows[0])) if rows else None

    async def list(self) -> tuple[ApiKey, ...]:
        """Return all keys, oldest first."""
        return tuple(read_key(tuple(row)) for row in await reader.fetch(self._pool, "all_keys"))

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""
        await reader.fetch(self._pool, "add_key", *key_row(key))

    async def revoke(self, key_id: str, now: Timestamp) -> bool:
        """End a key's life now."""
        return bool(await reader.fetch(self._pool, "revoke_key", now, key_id))

    async def record_use(self, key_id: str, now: Timestamp) -> None:
        """Note when a key was last used; what cannot be noted is not missed."""
        try:
            await reader.fetch(self._pool, "note_key_use", now, key_id)
        except PortUnavailable as down:
            log.warning("key_use_not_recorded", error=str(down))


@asynccontextmanager
async def open_postgres_keys(target: Target) -> AsyncIterator[PostgresKeys]:
    """Open the keys of a database. Raises DatabaseUnusable, SchemaTooNew and PortUnavailable."""
    pool = ConnectionPool(target, KEY_CONNECTIONS_MAX)
    try:
        await pool.open()
        await migrate(pool)
        yield PostgresKeys(pool)
    finally:
        await pool.close()
