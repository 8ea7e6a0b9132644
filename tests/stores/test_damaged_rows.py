"""Prove that a damaged row hides no other, in both stores, and that what is read can be written."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from cambist.engine.event_following import replay_events
from cambist.orders.order import Order, Status
from cambist.ports.errors import Unreadable
from cambist.stores.sqlite.maintenance import prune_file
from cambist.values.ids import LOCAL
from cambist.values.time_units import Timestamp
from cambist.wire.event_messages import message
from cambist.wire.order_responses import Page, write_list, write_order
from cambist.wire.receipts import write_receipt
from tests import order_factory
from tests.contracts.store_harness import Shelf
from tests.stores.postgres_stores import postgres_at, still_database, talk
from tests.stores.sqlite_stores import sqlite_at

LATE = Timestamp(order_factory.START + 400 * 86_400_000)
FAR_DEADLINE = 253_402_387_140_000
"""9999-12-31T23:59:59-23:59, which stores made before may hold."""
FAR = (
    "UPDATE engine_orders SET state = replace(state, '{{\"tries\":1', "
    '\'{{"tries":1,"terms":{{"deadline":253402387140000}}\') WHERE id = {}'
)
NO_TEXT = (
    "UPDATE engine_orders SET state = CAST(x'7bff' AS TEXT) WHERE id = {}",
    "UPDATE journal SET payload = CAST(x'7bff' AS TEXT) WHERE order_id = {}",
    "UPDATE engine_orders SET id = CAST(x'7bff' AS TEXT) WHERE id = {}",
)


class Ground(NamedTuple):
    """A store, and a way to change its rows behind its back; `{}` is the order's id."""

    shelf: Shelf
    spoil: Callable[[str, Order], Awaitable[None]]


@asynccontextmanager
async def on_sqlite(path: Path) -> AsyncIterator[Ground]:
    async with Shelf(sqlite_at(path, inline=False)) as shelf:

        async def spoil(sql: str, order: Order) -> None:
            with closing(sqlite3.connect(path)) as stranger, stranger:
                assert stranger.execute(sql.format(f"'{order.id}'")).rowcount > 0
            await shelf.reopen()

        yield Ground(shelf, spoil)


@asynccontextmanager
async def on_postgres(url: str) -> AsyncIterator[Ground]:
    async with still_database(url) as made, Shelf(postgres_at(made)) as shelf:

        async def spoil(sql: str, order: Order) -> None:
            async with talk(made) as line:
                assert not (await line.execute(sql.format(f"'{order.id}'"))).endswith(" 0")
            await shelf.reopen()

        yield Ground(shelf, spoil)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def ground(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ground]:
    if request.param == "sqlite":
        async with on_sqlite(tmp_path / "orders.db") as made:
            yield made
    else:
        async with on_postgres(request.getfixturevalue("postgres_url")) as made:
            yield made


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE engine_orders SET state = substr(state, 1, 4) WHERE id = {}",
        "UPDATE engine_orders SET status = 'unheard-of' WHERE id = {}",
        'UPDATE engine_orders SET state = \'{{"tries":"1"}}\' WHERE id = {}',
        "UPDATE journal SET payload = substr(payload, 1, 40) WHERE seq = 1 AND order_id = {}",
        "UPDATE journal SET payload = substr(payload, 1, 40) "
        "WHERE kind = 'routed' AND order_id = {}",
        'UPDATE journal SET payload = \'{{"kind":"started"}}\' WHERE seq = 1 AND order_id = {}',
        "UPDATE journal SET payload = replace(payload, '\"decimals\":9', '\"decimals\":-9') "
        "WHERE seq = 1 AND order_id = {}",
        "DELETE FROM journal WHERE seq = 1 AND order_id = {}",
    ],
)
async def test_a_damaged_row_hides_no_other_and_is_told_of(ground: Ground, damage: str) -> None:
    shelf, spoil = ground
    orders = [await shelf.claimed(Status.CONFIRMED, at=order_factory.START + n) for n in range(3)]
    bad = orders[1]
    await spoil(damage, bad)
    store = shelf.store
    page = await store.list_orders(order_factory.newest(10))
    assert [order.id for order in page.orders] == [orders[2].id, orders[0].id]
    assert page.unreadable == (bad.id,)
    first = await store.list_orders(order_factory.newest(2))
    assert (first.last, first.unreadable) == (bad.id, (bad.id,))
    rest = await store.list_orders(order_factory.newest(2, before=first.last))
    assert [one.id for one in rest.orders] == [orders[0].id]
    with pytest.raises(Unreadable) as told:
        await store.get(bad.id)
    assert told.value.order_id == bad.id
    assert await store.claim(bad.id) is None
    due = await store.claim_due(LATE, 10)
    assert {one.id for one in due} <= {orders[0].id, orders[2].id}
    assert store.unreadable() == 1
    await store.ping()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE journal SET payload = substr(payload, 1, 9) WHERE seq = 3 AND order_id = {}",
        "UPDATE journal SET kind = 'seen' WHERE seq = 2 AND order_id = {}",
        "DELETE FROM journal WHERE seq = 3 AND order_id = {}",
    ],
)
async def test_a_damaged_journal_is_told_as_such(ground: Ground, damage: str) -> None:
    shelf, spoil = ground
    good, bad = [await shelf.claimed(Status.CONFIRMED) for _ in range(2)]
    await spoil(damage, bad)
    with pytest.raises(Unreadable):
        await replay_events(shelf.store, bad.id)
    assert len(await replay_events(shelf.store, good.id)) == good.last_seq


async def test_an_instant_beyond_the_calendar_is_read_and_written(ground: Ground) -> None:
    """Stores made before took it; from then on every list that held it was an error."""
    shelf, spoil = ground
    order = await shelf.claimed(Status.CONFIRMED)
    await spoil(FAR, order)
    page = await shelf.store.list_orders(order_factory.newest(10))
    (kept,) = page.orders
    assert kept.terms.deadline == FAR_DEADLINE
    assert b'"expiresAt":"9999-12-31T23:59:59.999Z"' in write_order(kept)
    assert b'"orders":[{' in write_list(Page(page.orders, 10), {}, 0)
    told = await replay_events(shelf.store, order.id)
    assert write_receipt(kept, told)
    assert all(message(event) for event in told)


async def test_bytes_that_are_no_text_hide_no_other_row(tmp_path: Path) -> None:
    async with on_sqlite(tmp_path / "orders.db") as (shelf, spoil):
        orders = [
            await shelf.claimed(Status.CONFIRMED, at=order_factory.START + n) for n in range(4)
        ]
        for damage, order in zip(NO_TEXT, orders, strict=False):
            await spoil(damage, order)
        page = await shelf.store.list_orders(order_factory.newest(10))
        assert [one.id for one in page.orders] == [orders[3].id]
        assert len(page.unreadable) == 3
        assert b'"unreadable":3' in write_list(Page(page.orders, 10, 0, page.unreadable), {}, 0)
        with pytest.raises(Unreadable):
            await replay_events(shelf.store, orders[1].id)


async def test_a_cancel_of_a_damaged_order_fails_alone(ground: Ground) -> None:
    shelf, spoil = ground
    good, bad = await shelf.add(), await shelf.add()
    await spoil("UPDATE engine_orders SET state = '{{' WHERE id = {}", bad)
    with pytest.raises(Unreadable):
        await shelf.store.request_cancel(bad.id, order_factory.START)
    noted = await shelf.store.request_cancel(good.id, order_factory.START)
    assert noted is not None
    assert noted.cancel_requested_at == order_factory.START
    await shelf.store.ping()


async def test_fills_are_added_up_once_and_those_that_cannot_be_read_are_counted(
    ground: Ground,
) -> None:
    shelf, spoil = ground
    orders = [await shelf.claimed(Status.CONFIRMED) for _ in range(5)]
    await shelf.claimed(Status.CONFIRMED, principal=order_factory.other("ann"))
    await spoil("UPDATE engine_orders SET state = '{{' WHERE id = {}", orders[0])
    store = shelf.store
    day = order_factory.START // 86_400_000
    before = await store.fill_sums(LOCAL, day, 10)
    assert not await store.add_up_fills()
    assert not await store.add_up_fills()
    after = await store.fill_sums(LOCAL, day, 10)
    assert after == before
    (sums,) = after.days
    assert (sums.day, sums.fills) == (day, 4)
    assert (sums.amount_in, sums.amount_out) == (4 * 10**9, 599_600_000)
    assert (sums.attempts, sums.fee_lamports, after.unreadable) == (4, 20_000, 1)
    assert (sums.quoted_in, sums.quoted_out, sums.worse) == (4 * 10**9, 600_000_000, 4 * 667)
    await shelf.claimed(Status.CONFIRMED)
    assert (await store.fill_sums(LOCAL, day, 10)).days[0].fills == 5
    assert (await store.fill_sums(LOCAL, day + 1, 10)).days == ()
    assert (await store.fill_sums(LOCAL, day, 0)).days == ()


async def test_sums_outlive_the_orders_they_are_of(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    async with Shelf(sqlite_at(path, inline=True)) as shelf:
        for _ in range(3):
            await shelf.store.release(await shelf.claimed(Status.CONFIRMED))
        day = order_factory.START // 86_400_000
        before = await shelf.store.fill_sums(LOCAL, day, 10)
        with closing(sqlite3.connect(path)) as stranger, stranger:
            stranger.execute("UPDATE engine_orders SET wake_at = NULL")
        await shelf.add(at=LATE)  # the newest line of all is never put away
        assert prune_file(path, LATE, None, lambda _: None) == 3
        assert await shelf.store.fill_sums(LOCAL, day, 10) == before
        with closing(sqlite3.connect(path)) as stranger:
            (left,) = stranger.execute("SELECT count(*) FROM principal_events").fetchone()
            (words,) = stranger.execute("SELECT count(*) FROM order_filters").fetchone()
            assert (left, words) == (1, 4)
