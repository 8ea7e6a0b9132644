"""Hold both stores that last to being held against the chain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts.store_harness import Shelf
from tests.contracts.store_reconciliation import RecallContract
from tests.stores.postgres_stores import postgres_at, still_database
from tests.stores.sqlite_stores import sqlite_at


class TestSqliteRecalls(RecallContract):
    """The embedded store."""

    @pytest.fixture
    async def shelf(self, tmp_path: Path) -> AsyncIterator[Shelf]:
        async with Shelf(sqlite_at(tmp_path / "orders.db", inline=False)) as opened:
            yield opened


@pytest.mark.postgres
class TestPostgresRecalls(RecallContract):
    """The shared store."""

    @pytest.fixture
    async def shelf(self, postgres_url: str) -> AsyncIterator[Shelf]:
        async with still_database(postgres_url) as url, Shelf(postgres_at(url)) as opened:
            yield opened
