"""Prove that the whole house works the same on PostgreSQL, and says so when it cannot."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from cambist.bootstrap import open_engine, open_keys
from cambist.config import BadSettings, Settings
from cambist.server.app import create_app
from tests.server.app_harness import DEFAULTS, ORDER, client_of, until_closed
from tests.servers.postgres import Postgres
from tests.stores.postgres_stores import database, talk

# A connection that is broken off while it is being made leaves a socket for the collector.
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@asynccontextmanager
async def house_on(url: str, home: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(home=str(home), paper_profile="instant", database_url=url)
    async with open_engine(settings) as engine, client_of(create_app(engine, DEFAULTS)) as client:
        yield client


async def test_an_order_is_executed_and_read_by_strangers(
    postgres_url: str, tmp_path: Path
) -> None:
    async with database(postgres_url) as url:
        async with house_on(url, tmp_path) as client:
            placed = await client.post("/api/orders/execute", json=ORDER)
            assert placed.status_code == 202
            order = await until_closed(client, placed.json()["orderId"])
            assert order["status"] == "confirmed"
        async with talk(url) as line:
            row = await line.fetchrow("SELECT * FROM orders WHERE id = $1", order["orderId"])
        assert (row["status"], row["tx_hash"]) == ("confirmed", order["txHash"])
        assert not (tmp_path / "cambist.db").exists()


async def test_an_engine_outlives_its_database(
    breakable_postgres: Postgres, tmp_path: Path
) -> None:
    server = breakable_postgres
    async with house_on(server.url, tmp_path) as client:
        placed = [await client.post("/api/orders/execute", json=ORDER) for _ in range(20)]
        await asyncio.to_thread(server.restart, signal.SIGQUIT)
        await asyncio.to_thread(server.stop)
        refused = await client.post("/api/orders/execute", json=ORDER)
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert (await client.get("/health")).json()["database"] == "down"
        await asyncio.to_thread(server.start)
        for one in placed:
            for _ in range(200):
                found = await client.get(f"/api/orders/{one.json()['orderId']}")
                if found.status_code == 200 and found.json()["status"] == "confirmed":
                    break
                await asyncio.sleep(0.1)
            else:
                raise AssertionError(found.text)


async def test_keys_are_where_the_orders_are(postgres_url: str, tmp_path: Path) -> None:
    async with database(postgres_url) as url:
        settings = Settings(home=str(tmp_path), database_url=url)
        async with open_keys(settings) as keys:
            assert not await keys.has_ever_issued()
    assert not (tmp_path / "cambist.db").exists()


async def test_a_driver_that_is_missing_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def import_module(_: str) -> None:
        raise ModuleNotFoundError(name="asyncpg")

    monkeypatch.setattr("cambist.bootstrap.stores.import_module", import_module)
    with pytest.raises(BadSettings, match=r"pip install 'cambist\[postgres\]'"):
        async with house_on("postgresql://127.0.0.1:1/x", tmp_path):
            pass
