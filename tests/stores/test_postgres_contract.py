"""Hold the PostgreSQL store to the contract of all stores, alone and beside another process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contracts.store import StoreContract
from tests.contracts.store_harness import Shelf
from tests.stores.postgres_stores import postgres_at, still_database

pytestmark = pytest.mark.postgres


@pytest.fixture(params=["alone", "in company"])
async def shelf(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[Shelf]:
    async with still_database(postgres_url) as url:
        if request.param == "alone":
            async with Shelf(postgres_at(url)) as opened:
                yield opened
        else:
            async with Shelf(postgres_at(url, owner="other")), Shelf(postgres_at(url)) as opened:
                yield opened


class TestPostgresStore(StoreContract):
    """Inherits every promise."""
