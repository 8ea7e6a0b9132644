"""Prove that orders long closed are put away whole, and that nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cambist.cli.main import app
from cambist.clock import SystemClock
from cambist.stores.archive import Archive
from cambist.stores.postgres import Target, prune
from cambist.stores.sqlite.maintenance import audit, prune_file
from cambist.values.time_units import Timestamp
from cambist.wire.cursors import write_cursor
from tests.contracts.store_harness import Shelf
from tests.server.app_harness import ORDER, in_process, until_closed
from tests.stores.postgres_stores import postgres_at, still_database
from tests.stores.pruning import DAY, Prune, prune_beside_writers, put_away
from tests.stores.sqlite_stores import sqlite_at


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    async with still_database(postgres_url) as made:
        yield made


def from_file(path: Path) -> Prune:
    async def act(before: Timestamp, archive: Archive | None) -> int:
        return await asyncio.to_thread(prune_file, path, before, archive, lambda _: None)

    return act


def from_database(url: str) -> Prune:
    async def act(before: Timestamp, archive: Archive | None) -> int:
        return await prune(Target(url), before, archive, lambda _: None)

    return act


async def test_a_file_gives_up_what_is_long_closed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    async with Shelf(sqlite_at(path, inline=False)) as shelf:
        await put_away(shelf, from_file(path), tmp_path / "old.gz")
    assert not audit(path).breaks


async def test_a_file_is_pruned_beside_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    async with Shelf(sqlite_at(path, inline=False)) as shelf:
        await prune_beside_writers(shelf, from_file(path))


@pytest.mark.postgres
async def test_a_database_gives_up_what_is_long_closed_and_nothing_else(
    url: str, tmp_path: Path
) -> None:
    async with Shelf(postgres_at(url)) as shelf:
        await put_away(shelf, from_database(url), tmp_path / "old.gz")


@pytest.mark.postgres
async def test_a_database_is_pruned_beside_its_writers(url: str) -> None:
    async with Shelf(postgres_at(url)) as shelf:
        await prune_beside_writers(shelf, from_database(url))


def run(home: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["prune", *words, "--home", str(home)])
    return result.exit_code, result.output


async def test_the_command_keeps_what_is_young(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        placed = (await client.post("/api/orders", json=ORDER)).json()
        await until_closed(client, placed["orderId"])
        code, said = await asyncio.to_thread(run, tmp_path, "--older-than-days", "30")
        assert (code, "0 orders put away" in said) == (0, True)
    assert run(tmp_path, "--older-than-days", "29")[0] == 2
    assert run(tmp_path / "nowhere", "--older-than-days", "30")[0] == 78
    assert not list((tmp_path / "archive").glob("*"))


async def test_a_stream_that_cannot_be_whole_is_refused(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        for _ in range(2):
            placed = (await client.post("/api/orders", json=ORDER)).json()
            await until_closed(client, placed["orderId"])
        await in_future(tmp_path / "cambist.db")
        answer = await client.get("/api/events", params={"cursor": write_cursor(1)})
        assert (answer.status_code, answer.json()["code"]) == (410, "cursor_too_old")
        listed = (await client.get("/api/orders")).json()
        assert listed["total"] == len(listed["orders"]) == 1, listed.keys()


async def in_future(path: Path) -> None:
    """Prune as if a year had gone by, once everything is at rest."""
    later = Timestamp(SystemClock().now() + 365 * DAY)
    for _ in range(100):
        if await from_file(path)(later, None):
            return
        await asyncio.sleep(0.05)
    raise AssertionError
