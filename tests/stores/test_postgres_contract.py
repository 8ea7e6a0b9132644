"""Hold the PostgreSQL store to the contract of all stores, alone and beside another process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contracts.shelf import Shelf
from tests.contracts.store import StoreContract
from tests.stores.postgres_shelves import database, postgres_at

pytestmark = pytest.mark.postgres


@pytest.fixture(params=["alone", "in company"])
async def shelf(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[Shelf]:
    async with database(postgres_url, still=True) as url:
        if request.param == "alone":
            async with Shelf(postgres_at(url)) as opened:
                yield opened
        else:
            async with Shelf(postgres_at(url, owner="other")), Shelf(postgres_at(url)) as opened:
                yield opened


class TestPostgresStore(StoreContract):
    """Inherits every promise."""
