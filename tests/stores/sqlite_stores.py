"""Open SQLite stores for tests, with the writer in a thread or on the loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cambist.ports.store import CommitListener
from cambist.stores.sqlite.store import SqliteStore
from tests.contracts.store_harness import Opening


def sqlite_at(path: Path, *, inline: bool) -> Opening:
    """Return how to open the store of a file."""

    @asynccontextmanager
    async def opening(news: CommitListener) -> AsyncIterator[SqliteStore]:
        store = SqliteStore(path, news, owner="me", inline=inline)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return opening
