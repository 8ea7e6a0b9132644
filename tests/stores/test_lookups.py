"""Prove that a store made before the lookups opens and lists, and that long reads end."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cambist.clock import SystemClock
from cambist.orders.order import Status
from cambist.ports.errors import PortUnavailable, ReadInterrupted
from cambist.stores.postgres import Target, open_postgres, pool
from cambist.stores.postgres import migrations as room
from cambist.stores.postgres.pool import ConnectionPool
from cambist.stores.sql import halves, migrations
from cambist.stores.sqlite import migrations as migrate
from cambist.stores.sqlite import reader
from cambist.stores.sqlite.connection import connect
from cambist.stores.sqlite.maintenance import audit
from cambist.stores.sqlite.reader import Readers
from cambist.values.ids import LOCAL, Address
from cambist.values.token import BONK, RAY, SOL, Pair
from tests import order_factory
from tests.contracts.store_harness import Opening, Shelf
from tests.stores.postgres_stores import database, still_database, talk
from tests.stores.sqlite_stores import sqlite_at

BEFORE_SQLITE, BEFORE_POSTGRES = 5, 3
BATCHES_POSTGRES = 5
TAKE_BATCHES_BACK = """
DROP TYPE batch_order, batch_move, batch_entry, batch_closing, batch_attempt, batch_fill,
    batch_count CASCADE
"""
WALLET = Address("4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R")
RAY_ONLY, BONK_ONLY = {"token": "RAY"}, {"token": "BONK"}
ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
LONG = "SELECT pg_sleep(60)"


async def fill_as_before(opening: Opening) -> list[str]:
    """Write some orders by the schema of the version before."""
    async with Shelf(opening) as shelf:
        orders = [
            await shelf.claimed(Status.CONFIRMED, at=order_factory.START, wallet=WALLET),
            await shelf.claimed(Status.FAILED, at=order_factory.START + 1, pair=Pair(RAY, SOL)),
            await shelf.claimed(at=order_factory.START + 2, pair=Pair(RAY, BONK)),
            await shelf.add(at=order_factory.START + 3, principal=order_factory.other("ann")),
        ]
    return [order.id for order in orders]


async def lists_as_it_should(opening: Opening, ids: list[str]) -> None:
    async with Shelf(opening) as shelf:
        store = shelf.store
        for where, wanted in (
            ({}, ids[2::-1]),
            ({"token": "RAY"}, [ids[2], ids[1]]),
            ({"token": SOL.mint}, [ids[1], ids[0]]),
            ({"token": "NONE"}, []),
            ({"wallet": WALLET}, [ids[0]]),
            ({"principal": "ann", "token": "USDC"}, [ids[3]]),
        ):
            page = await store.list_orders(order_factory.newest(10, **where))
            assert [order.id for order in page.orders] == wanted, where
        assert {one.order_id for one in await store.feed(LOCAL, 0, 100)} == set(ids[:3])
        assert [one.order_id for one in await store.feed(order_factory.other("ann"), 0, 9)] == [
            ids[3]
        ]
        assert not await store.add_up_fills()
        (sums,) = (await store.fill_sums(LOCAL, 0, 10)).days
        assert (sums.fills, sums.amount_in) == (1, 10**9)
        newer = await shelf.add(at=order_factory.START + 9, pair=Pair(RAY, SOL))
        page = await store.list_orders(order_factory.newest(1, **RAY_ONLY))
        assert [one.id for one in page.orders] == [newer.id]


async def test_an_embedded_store_made_before_opens_and_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "orders.db"
    before = migrations("sqlite")[:BEFORE_SQLITE]
    monkeypatch.setattr(migrate, "migrations", lambda _: before)
    ids = await fill_as_before(sqlite_at(path, inline=True))
    monkeypatch.undo()
    await lists_as_it_should(sqlite_at(path, inline=True), ids)
    assert not audit(path).breaks


async def test_an_embedded_store_with_a_damaged_row_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "orders.db"
    before = migrations("sqlite")[:BEFORE_SQLITE]
    monkeypatch.setattr(migrate, "migrations", lambda _: before)
    ids = await fill_as_before(sqlite_at(path, inline=True))
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as stranger, stranger:
        spoil = "UPDATE journal SET payload = substr(payload, 1, 50) WHERE order_id = ?"
        stranger.execute(spoil, (ids[0],))
    async with Shelf(sqlite_at(path, inline=True)) as shelf:
        page = await shelf.store.list_orders(order_factory.newest(10))
        assert (len(page.orders), page.unreadable) == (2, (ids[0],))
        assert not await shelf.store.add_up_fills()
        sums = await shelf.store.fill_sums(LOCAL, 0, 10)
        assert (sums.days, sums.unreadable) == ((), 1)


@pytest.mark.postgres
async def test_a_shared_store_made_before_opens_and_lists_beside_the_version_before(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = halves("postgres")
    *before, newest = known[:BEFORE_POSTGRES]
    # This program writes by a function that the version before did not have: it is lent to it.
    before.append(newest._replace(pre=newest.pre + known[BATCHES_POSTGRES - 1].pre))
    async with database(postgres_url) as url:
        opening = postgres_at_now(url)
        monkeypatch.setattr(room, "halves", lambda _: before)
        ids = await fill_as_before(opening)
        async with talk(url) as line:
            spoil = "UPDATE journal SET payload = '{' WHERE kind = 'started' AND order_id = $1"
            await line.execute(spoil, ids[1])
            await line.execute(TAKE_BATCHES_BACK)
        monkeypatch.undo()
        await lists_as_it_should(opening, ids)
        # One process of the version before still runs, and knows nothing of the new tables.
        monkeypatch.setattr(room, "halves", lambda _: before)
        async with Shelf(opening) as shelf:
            late = await shelf.add(at=order_factory.START + 20, wallet=WALLET, pair=Pair(BONK, SOL))
        monkeypatch.undo()
        async with Shelf(opening) as shelf:
            page = await shelf.store.list_orders(
                order_factory.newest(1, wallet=WALLET, **BONK_ONLY)
            )
            assert [order.id for order in page.orders] == [late.id]


def postgres_at_now(url: str) -> Opening:
    """Return how to open the store of a database that keeps its own clock."""
    return lambda news: open_postgres(Target(url), news, SystemClock(), owner="me")


async def test_a_read_of_the_embedded_store_ends_after_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "READ_WITHIN_S", 0.05)
    connect(tmp_path / "orders.db").close()
    found = Readers(tmp_path / "orders.db")
    for _ in range(5):
        with pytest.raises(ReadInterrupted):
            await found.ask(lambda db, _: db.execute(ENDLESS).fetchone())
    assert await found.run(lambda db, _: db.execute("SELECT 7").fetchone()) == (7,)
    found.close()  # waits for its threads: an endless read would keep it here


async def test_a_read_of_the_embedded_store_ends_with_the_task_that_waits_for_it(
    tmp_path: Path,
) -> None:
    connect(tmp_path / "orders.db").close()
    found = Readers(tmp_path / "orders.db")
    asking = [
        asyncio.ensure_future(found.ask(lambda db, _: db.execute(ENDLESS).fetchone()))
        for _ in range(20)
    ]
    await asyncio.wait(asking, timeout=0.02)
    for one in asking:
        one.cancel()
    await asyncio.wait(asking)
    assert all(one.cancelled() for one in asking)
    assert await found.ask(lambda db, _: db.execute("SELECT 7").fetchone()) == (7,)
    found.close()


async def test_the_engine_does_not_wait_behind_what_clients_ask_for(tmp_path: Path) -> None:
    connect(tmp_path / "orders.db").close()
    found = Readers(tmp_path / "orders.db")
    asking = [
        asyncio.ensure_future(found.ask(lambda db, _: db.execute(ENDLESS).fetchone()))
        for _ in range(10)
    ]
    await asyncio.wait(asking, timeout=0.02)
    assert await found.run(lambda db, _: db.execute("SELECT 7").fetchone()) == (7,)
    assert not any(one.done() for one in asking)
    for one in asking:
        one.cancel()
    await asyncio.wait(asking)
    found.close()


@pytest.mark.postgres
async def test_a_read_of_the_shared_store_ends_on_the_server_too(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with still_database(postgres_url) as url, talk(url) as stranger:
        asked = ConnectionPool(Target(url), 1, only_reads=True)
        await asked.open()
        (ours,) = await asked.ask(lambda line: line.fetchrow("SELECT pg_backend_pid()"))
        waiting = asyncio.ensure_future(asked.ask(lambda line: line.fetch(LONG)))
        running = "SELECT state FROM pg_stat_activity WHERE pid = $1"
        while await stranger.fetchval(running, ours) != "active":
            await asyncio.wait((waiting,), timeout=0.01)
        waiting.cancel()
        await asyncio.wait((waiting,))
        assert waiting.cancelled()
        assert await stranger.fetchval(running, ours) == "idle"
        monkeypatch.setattr(pool, "READ_WITHIN_S", 0.05)
        for _ in range(3):
            with pytest.raises(ReadInterrupted):
                await asked.ask(lambda line: line.fetch(LONG))
        monkeypatch.undo()
        assert await asked.ask(lambda line: line.fetchval("SELECT pg_backend_pid()")) == ours
        await asked.close()


@pytest.mark.postgres
async def test_an_error_while_a_connection_is_given_back_changes_no_result(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[bool] = []

    async def gone(_: object) -> None:
        if cut:
            raise ConnectionResetError

    monkeypatch.setattr(pool, "_leave_as_it_is", gone)
    async with still_database(postgres_url) as url:
        used = ConnectionPool(Target(url), 1)
        await used.open()
        cut.append(True)
        for number in range(3):  # each needs a connection of its own
            assert (
                await used.run(lambda line, n=number: line.fetchval("SELECT $1::int", n)) == number
            )
        with pytest.raises(PortUnavailable, match="division"):
            await used.read(lambda line: line.fetchval("SELECT 1 / 0"))
        cut.clear()
        assert await used.ask(lambda line: line.fetchval("SELECT 7")) == 7
        await used.close()
