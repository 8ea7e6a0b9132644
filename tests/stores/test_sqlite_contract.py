"""Hold the SQLite store to the contract, with its thread and without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts.store import StoreContract
from tests.contracts.store_harness import Shelf
from tests.stores.sqlite_stores import sqlite_at


@pytest.fixture(params=["threaded", "inline"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    opening = sqlite_at(tmp_path / "orders.db", inline=request.param == "inline")
    async with Shelf(opening) as opened:
        yield opened


class TestSqliteStore(StoreContract):
    """Inherits every promise."""
