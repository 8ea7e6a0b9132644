"""Hold the PostgreSQL keys to the contract of all keys."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from cambist.stores.postgres.api_keys import open_postgres_keys
from cambist.stores.postgres.pool import Target
from tests.contracts.api_keys import PLAIN, KeysContract, Opening
from tests.stores.postgres_stores import database, talk

pytestmark = pytest.mark.postgres


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    async with database(postgres_url) as made:
        yield made


@pytest.fixture
def opening(url: str) -> Opening:
    return lambda: open_postgres_keys(Target(url))


class TestPostgresKeys(KeysContract):
    """Inherits every promise."""


async def test_a_key_cannot_be_deleted(url: str, opening: Opening) -> None:
    async with opening() as keys:
        await keys.add(PLAIN)
    async with talk(url) as line:
        with pytest.raises(asyncpg.RaiseError, match="never deleted"):
            await line.execute("DELETE FROM api_keys")
