"""Prove that a shared database is brought up to date once, in halves, with its rows kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from cambist.clock import SystemClock
from cambist.stores.errors import SchemaTooNew
from cambist.stores.postgres import Target, migrations, open_postgres
from cambist.stores.postgres.migrations import SchemaVersion, migrate
from cambist.stores.postgres.pool import ConnectionPool
from cambist.stores.sql import TwoPhaseMigration, halves, queries
from tests import order_factory
from tests.stores.postgres_stores import database, talk

pytestmark = pytest.mark.postgres
KNOWN = halves("postgres")
SECOND = TwoPhaseMigration(
    len(KNOWN) + 1,
    "ALTER TABLE engine_orders ADD COLUMN extra bigint NOT NULL DEFAULT 7;",
    "ALTER TABLE engine_orders ADD COLUMN done bigint;",
)
THIRD = TwoPhaseMigration(len(KNOWN) + 2, "CREATE TABLE third (n int);", "DROP TABLE third;")


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    async with database(postgres_url) as made:
        yield made


async def bring(url: str) -> SchemaVersion:
    """Bring a database up to date, as a process that starts does."""
    pool = ConnectionPool(Target(url), 1)
    await pool.open()
    try:
        return await migrate(pool)
    finally:
        await pool.close()


def knows(monkeypatch: pytest.MonkeyPatch, *more: TwoPhaseMigration) -> None:
    """Let the program know these migrations besides its own."""
    monkeypatch.setattr(migrations, "halves", lambda _: (*KNOWN, *more))


async def columns(url: str) -> set[str]:
    """List the columns of the orders."""
    async with talk(url) as line:
        rows = await line.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'engine_orders'"
        )
    return {row[0] for row in rows}


async def an_order(url: str) -> Any:
    """Write an order and read it back."""
    birth = order_factory.birth()
    async with open_postgres(Target(url), lambda *_: None, SystemClock(), owner="me") as store:
        await store.add(birth)
        return birth.event.order.id


async def test_an_empty_database_becomes_the_newest_and_a_second_time_changes_nothing(
    url: str,
) -> None:
    newest = KNOWN[-1].number
    assert await bring(url) == SchemaVersion(newest, newest)
    assert await bring(url) == SchemaVersion(newest, newest)


async def test_those_who_start_at_once_wait_for_the_first(url: str) -> None:
    standings = await asyncio.gather(*(bring(url) for _ in range(6)))
    assert set(standings) == {SchemaVersion(KNOWN[-1].number, KNOWN[-1].number)}


async def test_a_first_half_runs_at_the_start_and_its_second_with_the_migration_after(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await an_order(url)
    knows(monkeypatch, SECOND)
    assert await bring(url) == SchemaVersion(SECOND.number, KNOWN[-1].number)
    assert await bring(url) == SchemaVersion(SECOND.number, KNOWN[-1].number)
    assert "extra" in await columns(url)
    assert "done" not in await columns(url)
    knows(monkeypatch, SECOND, THIRD)
    assert await bring(url) == SchemaVersion(THIRD.number, SECOND.number)
    assert "done" in await columns(url)
    async with talk(url) as line:
        row = await line.fetchrow("SELECT extra FROM engine_orders WHERE id = $1", order_id)
    assert tuple(row) == (7,)


async def test_the_version_before_runs_on_until_the_second_half(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await an_order(url)
    knows(monkeypatch, SECOND)
    await bring(url)
    monkeypatch.undo()
    assert (await bring(url)).newest == SECOND.number
    knows(monkeypatch, SECOND, THIRD)
    await bring(url)
    monkeypatch.undo()
    with pytest.raises(SchemaTooNew, match="upgrade cambist"):
        await bring(url)
    with pytest.raises(SchemaTooNew):
        await an_order(url)


async def test_a_migration_that_breaks_leaves_nothing_behind(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await an_order(url)
    knows(monkeypatch, SECOND._replace(pre=f"{SECOND.pre} SELECT 1 / 0;"))
    with pytest.raises(Exception, match="division by zero"):
        await bring(url)
    assert "extra" not in await columns(url)
    monkeypatch.undo()
    assert (await bring(url)).newest == KNOWN[-1].number


async def test_every_query_can_be_prepared(url: str) -> None:
    await bring(url)
    async with talk(url) as line:
        for name, sql in queries("postgres").items():
            try:
                await line.prepare(sql)
            except asyncpg.PostgresError as error:
                raise AssertionError(name) from error


def test_migrations_are_numbered_from_one_without_a_gap() -> None:
    assert [one.number for one in KNOWN] == list(range(1, len(KNOWN) + 1))
