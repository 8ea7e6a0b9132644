"""Hold the audit to pages of bounded size, and to the same verdict however they are cut."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from cambist.orders.order import Status
from cambist.stores import audit as room
from cambist.stores.sqlite.maintenance import audit
from cambist.stores.sqlite.store import SqliteStore
from tests import order_factory
from tests.contracts.store_harness import Shelf
from tests.stores.sqlite_stores import sqlite_at

ORDERS = 23


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    async with Shelf(sqlite_at(tmp_path / "cambist.db", inline=True)) as shelf:
        statuses = list(Status)
        for number in range(ORDERS):
            await shelf.claimed(statuses[number % len(statuses)])
    return tmp_path / "cambist.db"


@pytest.mark.parametrize(("orders", "lines"), [(1, 1), (3, 20_000), (200, 1), (200, 7), (22, 9)])
def test_pages_of_any_size_read_every_order_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, orders: int, lines: int
) -> None:
    whole = audit(path)
    assert (whole.orders, whole.broken, whole.empty_places) == (ORDERS, 0, 0)
    monkeypatch.setattr(room, "ORDERS_PER_PAGE", orders)
    monkeypatch.setattr(room, "LINES_PER_PAGE", lines)
    seen: list[int] = []
    assert audit(path, seen.append) == whole
    assert seen == sorted(seen)
    assert max(b - a for a, b in pairwise(seen)) <= orders + 1


def test_what_belongs_to_no_order_is_noticed_wherever_it_stands(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ORDERS_PER_PAGE", 2)
    with closing(sqlite3.connect(path)) as db:
        for name in ("!", "~~"):
            db.execute(
                "INSERT INTO attempts SELECT ?, number, ?, 'lapsed', blockhash, 1, 1, x'00', NULL"
                " FROM attempts LIMIT 1",
                (name, name),
            )
        db.commit()
    assert [one.order_id for one in audit(path).breaks] == ["!", "~~"]


def test_a_store_that_is_all_broken_is_counted_and_listed_in_part(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "BREAKS_KEPT_MAX", 5)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE engine_orders SET created_at = created_at + 1")
        db.commit()
    report = audit(path)
    assert (report.broken, len(report.breaks)) == (ORDERS, 5)


async def test_an_audit_beside_a_writer_sees_one_moment(path: Path) -> None:
    store = SqliteStore(path, lambda *_: None, owner="me")
    await store.open()
    try:
        for number in range(100, 110):
            await store.add(order_factory.birth(number))
            assert audit(path).broken == 0
    finally:
        await store.close()
