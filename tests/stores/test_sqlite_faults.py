"""Prove that a failing disk loses nothing that was acknowledged, and that the store recovers."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from cambist.orders import events
from cambist.orders.journal import RecordedEvent
from cambist.orders.order import Status
from cambist.ports.errors import DuplicateIdempotencyKey, PortUnavailable, VersionConflict
from cambist.stores.sqlite.maintenance import audit
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import LOCAL
from tests import order_factory
from tests.contracts.store_harness import Shelf, at_once, same
from tests.stores.disk_faults import Disk
from tests.stores.sqlite_stores import sqlite_at

ROUNDS = 5
ACKNOWLEDGED_BEFORE_THE_KILL = 200
WAITING = 30
BREAKS = [
    ("BEGIN", False),
    ("INSERT INTO journal", False),
    ("COMMIT", False),
    ("COMMIT", True),
]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture(params=["threaded", "inline"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path, disk: Disk) -> AsyncIterator[Shelf]:
    opening = sqlite_at(tmp_path / "orders.db", inline=request.param == "inline")
    async with Shelf(opening) as opened:
        assert isinstance(opened.store, SqliteStore)
        disk.under(opened.store)
        yield opened


async def counts_are_right(shelf: Shelf) -> None:
    """Compare the store's counts with a count of its rows."""
    rows = (await shelf.store.list_orders(order_factory.newest(10_000))).orders
    standing = [row.status for row in rows]
    assert await shelf.store.backlog() == sum(not one.is_closed for one in rows)
    census = await shelf.store.count_orders(LOCAL, order_factory.START)
    assert census.by_status == {status: standing.count(status) for status in Status}


async def probe_of(shelf: Shelf) -> None:
    """Wait for what the store tries to write after a failure. Raises PortUnavailable."""
    assert isinstance(shelf.store, SqliteStore)
    assert shelf.store._probing is not None
    await shelf.store._probing


async def answers_again(shelf: Shelf) -> None:
    """See that a store whose last write failed is well once something was written."""
    with suppress(PortUnavailable):
        await shelf.store.ping()
        return
    await probe_of(shelf)
    await shelf.store.ping()


@pytest.mark.parametrize(("fails_at", "after"), BREAKS)
async def test_a_disk_that_breaks_loses_nothing_acknowledged(
    shelf: Shelf, disk: Disk, fails_at: str, after: bool
) -> None:
    before = [await shelf.add(f"key {n}") for n in range(3)]
    told = len(shelf.events)
    disk.breaks(fails_at, after=after)
    births = [shelf.birth(f"late {n}") for n in range(WAITING)]
    results = await at_once(*(shelf.store.add(birth) for birth in births))
    down = [
        birth
        for birth, got in zip(births, results, strict=True)
        if isinstance(got, PortUnavailable)
    ]
    assert down, "every sender of the batch is told that the outcome is unknown"
    assert len(shelf.events) == told + WAITING - len(down)
    for birth, got in zip(births, results, strict=True):
        kept = await shelf.store.get(birth.event.order.id)
        assert isinstance(got, PortUnavailable) or same(kept, birth.event.order)
        assert (kept is None) or after or birth not in down
    for order in before:
        assert same(await shelf.store.get(order.id), order)
    await counts_are_right(shelf)
    again = await at_once(*(shelf.store.add(birth) for birth in down))
    assert all(isinstance(got, DuplicateIdempotencyKey) if after else got is None for got in again)
    await answers_again(shelf)
    await counts_are_right(shelf)
    await shelf.reopen()
    await counts_are_right(shelf)
    assert len((await shelf.store.list_orders(order_factory.newest(100))).orders) == WAITING + 3


@pytest.mark.parametrize(("fails_at", "after"), BREAKS)
async def test_a_move_whose_outcome_is_unknown_may_be_made_again(
    shelf: Shelf, disk: Disk, fails_at: str, after: bool
) -> None:
    order = await shelf.claimed(Status.BUILDING)
    tried = order_factory.attempt(1, order.id)
    disk.breaks(fails_at, after=after)
    with pytest.raises(PortUnavailable):
        await shelf.commit(order, order_factory.signed(tried), tried)
    if after:
        with pytest.raises(VersionConflict) as stale:
            await shelf.commit(order, order_factory.signed(tried), tried)
        assert stale.value.current is not None
        assert stale.value.current.attempt == tried, "what we signed is what stands there"
        fresh = stale.value.current
    else:
        fresh = await shelf.commit(order, order_factory.signed(tried), tried)
    await shelf.commit(fresh, events.Sent())
    await counts_are_right(shelf)
    kinds = [line.kind for line in await shelf.journal(order)]
    assert kinds == ["accepted", "started", "routed", "signed", "sent"]


@pytest.mark.parametrize("fails_at", ["ROLLBACK", "SAVEPOINT", "ROLLBACK TO", "RELEASE"])
async def test_a_disk_that_breaks_while_a_bad_item_is_set_apart_keeps_nothing(
    shelf: Shelf, disk: Disk, fails_at: str
) -> None:
    old = await shelf.claimed()
    moved = await shelf.commit(old, events.Started())
    births = [shelf.birth() for _ in range(10)]
    disk.breaks(fails_at)
    results = await at_once(
        *(shelf.store.add(birth) for birth in births[:5]),
        shelf.commit(old, events.Started()),
        *(shelf.store.add(birth) for birth in births[5:]),
    )
    assert all(got is None or isinstance(got, PortUnavailable | VersionConflict) for got in results)
    assert any(isinstance(got, PortUnavailable) for got in results)
    for birth, got in zip(births, [*results[:5], *results[6:]], strict=True):
        assert (await shelf.store.get(birth.event.order.id) is None) == isinstance(
            got, PortUnavailable
        )
    assert same(await shelf.store.get(old.id), moved)
    await counts_are_right(shelf)
    await shelf.add()


async def test_a_full_disk_refuses_and_recovers(shelf: Shelf, disk: Disk) -> None:
    kept = await shelf.add()
    disk.full = True
    fat = {"user_id": "x" * 100_000}
    refused = await at_once(*(shelf.add(**fat) for _ in range(5)))
    assert all(isinstance(got, PortUnavailable) for got in refused)
    assert same(await shelf.store.get(kept.id), kept)
    disk.full = False
    await shelf.add(**fat)
    await counts_are_right(shelf)


async def test_a_disk_still_broken_is_told_and_asked_again(shelf: Shelf, disk: Disk) -> None:
    for _ in range(3):
        disk.breaks("COMMIT")
        with pytest.raises(PortUnavailable):
            await shelf.add()
        disk.breaks("COMMIT")
        with pytest.raises(PortUnavailable):
            await shelf.store.ping()
        with pytest.raises(PortUnavailable):
            await probe_of(shelf)
    await answers_again(shelf)
    await shelf.add()
    assert disk.opened == 7


async def test_what_only_asks_or_is_refused_does_not_say_that_the_disk_takes_writes(
    shelf: Shelf, disk: Disk
) -> None:
    await shelf.add("taken")
    disk.breaks("COMMIT")
    with pytest.raises(PortUnavailable):
        await shelf.add()
    with pytest.raises(DuplicateIdempotencyKey):
        await shelf.add("taken")
    assert not await shelf.store.add_up_fills()
    await shelf.store.resume("nobody", "there is no halt", order_factory.START)
    with pytest.raises(PortUnavailable):
        await shelf.store.ping()
    await answers_again(shelf)


async def test_a_write_that_another_process_keeps_from_the_file_holds_no_reader_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cambist.stores.sqlite.connection.BUSY_TIMEOUT_MS", 300)
    path = tmp_path / "orders.db"
    async with Shelf(sqlite_at(path, inline=False)) as shelf:
        order = await shelf.add()
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            await shelf.store.ping()
            with pytest.raises(PortUnavailable):
                await shelf.add()
            await counts_are_right(shelf)
            assert same(await shelf.store.get(order.id), order)
            with pytest.raises(PortUnavailable):
                await shelf.store.ping()
            stranger.execute("ROLLBACK")
        await answers_again(shelf)


async def test_counts_stay_right_while_orders_pour_in(shelf: Shelf, disk: Disk) -> None:
    for round_ in range(5):
        disk.breaks("COMMIT", after=bool(round_ % 2))
        await at_once(
            *(shelf.add() for _ in range(20)),
            *(shelf.store.count_orders(LOCAL, order_factory.START) for _ in range(3)),
            *(shelf.add() for _ in range(20)),
            shelf.store.backlog(),
        )
        await counts_are_right(shelf)


async def test_news_is_durable_before_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    found: list[bool] = []

    def look(news: list[RecordedEvent], _: object) -> None:
        with closing(sqlite3.connect(path)) as stranger:
            rows = stranger.execute("SELECT order_id, seq FROM journal").fetchall()
        found.extend((event.entry.order_id, event.entry.seq) in rows for event in news)

    store = SqliteStore(path, look, owner="me")  # type: ignore[arg-type]
    await store.open()
    await at_once(*(store.add(order_factory.birth(n)) for n in range(20)))
    await store.close()
    assert found == [True] * 20


async def test_news_that_breaks_leaves_no_sender_waiting(tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        msg = "a listener of ours has a defect"
        raise RuntimeError(msg)

    store = SqliteStore(tmp_path / "orders.db", broken, owner="me", inline=True)
    await store.open()
    loop_told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: loop_told.append(what))
    await asyncio.wait_for(store.add(order_factory.birth()), 5)
    assert loop_told
    await store.close()


async def test_a_row_that_cannot_be_read_holds_nobody_else_up(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    async with Shelf(sqlite_at(path, inline=True)) as shelf:
        spoilt, sound = await shelf.add(), await shelf.add()
    with closing(sqlite3.connect(path)) as stranger, stranger:
        stranger.execute("UPDATE engine_orders SET state = '{' WHERE id = ?", (spoilt.id,))
    async with Shelf(sqlite_at(path, inline=True)) as shelf:
        due = await shelf.store.claim_due(order_factory.START, 1)
        assert [one.id for one in due] == [sound.id]
        assert await shelf.store.claim(spoilt.id) is None
        assert shelf.store.unreadable() == 1
    assert [one.order_id for one in audit(path).breaks] == [spoilt.id]


def test_what_was_acknowledged_before_a_kill_is_there(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    acknowledged: list[str] = []
    for _ in range(ROUNDS):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.stores.insert_until_killed", str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=Path(__file__).parents[2],
        ) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(ACKNOWLEDGED_BEFORE_THE_KILL)]
            child.kill()
            lines += child.stdout.readlines()
        acknowledged += [line.strip() for line in lines if line.endswith("\n")]
    assert len(acknowledged) >= ROUNDS * ACKNOWLEDGED_BEFORE_THE_KILL
    with closing(sqlite3.connect(path)) as db:
        kept = {row[0] for row in db.execute("SELECT id FROM engine_orders")}
    assert set(acknowledged) <= kept
    assert not audit(path).breaks
