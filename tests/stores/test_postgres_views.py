"""Prove that people read the same of an order in PostgreSQL as in SQLite."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from cambist.clock import SystemClock
from cambist.orders.events import Landed, OrderEvent, Routed, Signed
from cambist.orders.intent import Intent
from cambist.orders.order import Order, Status
from cambist.stores.postgres import Target, open_postgres
from cambist.stores.postgres.store import PostgresStore
from cambist.values.amount import RAW_MAX, Bps, RawAmount
from cambist.values.token import SOL, Pair, Token
from tests import order_factory
from tests.contracts.store_harness import change
from tests.stores.postgres_stores import database, talk
from tests.stores.test_sqlite_views import SEEDS_EVENTS, SEEDS_ORDERS, Book

pytestmark = pytest.mark.postgres

DUST = Token("DUST", order_factory.POOL, 18)
WHOLE = Token("WHOLE", order_factory.POOL, 0)
WISHES: list[dict[str, Any]] = [
    {},
    {"mode": "exact_out", "amount": RawAmount(1_500_000)},
    {"quoted": "buy", "user_id": "ann", "wallet": order_factory.POOL},
    {"pair": Pair(DUST, WHOLE), "amount": RAW_MAX},
    {"pair": Pair(WHOLE, DUST), "amount": RawAmount(1), "quoted": "buy"},
    {"terms": order_factory.Terms(Bps(125), 7)},
    {"pair": Pair(replace(SOL, symbol="\u00e9'\"\\"), SOL)},
]


@pytest.fixture
async def both(postgres_url: str) -> AsyncIterator[tuple[PostgresStore, Any]]:
    async with database(postgres_url) as url:
        opening = open_postgres(Target(url), lambda *_: None, SystemClock(), owner="me")
        async with opening as store, talk(url) as line:
            yield store, line


def facts_of(status: Status, intent: Intent) -> list[OrderEvent]:
    """Lead to a status by a route and a fill of the intent's own size."""
    tried = order_factory.attempt(1, "x")
    big = replace(
        order_factory.route(), amount_in=intent.amount, amount_out=RAW_MAX, bound=RawAmount(10)
    )
    moved = replace(order_factory.fill(tried), amount_in=intent.amount, amount_out=RawAmount(999))
    path: list[OrderEvent] = []
    for one in order_factory.path(status, tried):
        match one:
            case Routed():
                path.append(Routed(big))
            case Landed():
                path.append(Landed(moved))
            case _:
                path.append(one)
    return path


async def write(store: PostgresStore, order: Order, facts: list[OrderEvent]) -> None:
    """Write the same to PostgreSQL, at the same instants."""
    held = await store.claim(order.id)
    assert held is not None
    tried = order_factory.attempt(1, order.id)
    for event in facts:
        signed = replace(event, signature=tried.signature) if isinstance(event, Signed) else event
        held = await store.commit(held, change(signed, tried), order_factory.START)
    await store.release(held)


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Make rows of both comparable: JSON as what it says, floats as about themselves."""
    read = {
        name: json.loads(value) if name in ("metadata", "route_meta", "meta") and value else value
        for name, value in row.items()
    }
    for name, value in [*read.items()]:
        if isinstance(value, float):
            read[name] = pytest.approx(value)
    metadata = read.get("metadata")
    if metadata and metadata["price"] is not None:
        metadata["price"] = pytest.approx(metadata["price"])
    return read


@pytest.mark.parametrize("wish", WISHES, ids=range(len(WISHES)))
async def test_an_order_reads_the_same_in_both(
    both: tuple[PostgresStore, Any], wish: dict[str, Any]
) -> None:
    store, line = both
    book = Book()
    for number, status in enumerate(Status):
        intent = order_factory.intent(**wish)
        facts = facts_of(status, intent)
        birth = order_factory.birth(number, **wish)
        await store.add(birth)
        tried = order_factory.attempt(1, birth.event.order.id)
        own = [
            replace(event, signature=tried.signature)
            if isinstance(event, Signed)
            else Landed(replace(event.fill, signature=tried.signature))
            if isinstance(event, Landed)
            else event
            for event in facts
        ]
        order = book.write(intent, *own, number=number)
        await write(store, birth.event.order, own)
        ours = dict(await line.fetchrow("SELECT * FROM orders WHERE id = $1", order.id))
        assert plain(ours) == plain(book.row(order))
        events = await line.fetch(
            "SELECT * FROM order_events WHERE order_id = $1 ORDER BY seq", order.id
        )
        found = book.db.execute(
            "SELECT * FROM order_events WHERE order_id = ? ORDER BY seq", (order.id,)
        )
        names = [column[0] for column in found.description]
        assert [plain(dict(row)) for row in events] == [
            plain(dict(zip(names, row, strict=True))) for row in found
        ]


async def test_the_views_have_the_words_of_every_client(both: tuple[PostgresStore, Any]) -> None:
    _, line = both
    found = await line.fetch(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'public'"
    )
    columns = {(row[0], row[1]) for row in found}
    for names in SEEDS_ORDERS.values():
        assert {("orders", name) for name in names.split()} <= columns
    assert {("order_events", name) for name in SEEDS_EVENTS.split()} <= columns
