"""Open stores that an earlier version wrote: nothing in them may have got another name."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import copyfile

import pytest

from cambist.config import Settings
from cambist.orders.journal import replay
from cambist.orders.order import Order, Status
from cambist.paper import fault_switches
from cambist.paper.chain_ledger import Ledger
from cambist.paper.fault_switches import FaultSwitch
from cambist.ports.store import Halt, OrderQuery, Store
from cambist.stores.postgres import Target
from cambist.stores.postgres.backup import restore
from cambist.stores.postgres.maintenance import audit as audit_postgres
from cambist.stores.sqlite.maintenance import audit
from cambist.values.ids import LOCAL
from cambist.values.time_units import Timestamp
from tests.stores.postgres_stores import database, postgres_at
from tests.stores.sqlite_stores import sqlite_at

DATA = Path(__file__).parent / "data"
STATUSES = {
    Status.CONFIRMED: 7,
    Status.FAILED: 1,
    Status.CANCELLED: 1,
    Status.EXPIRED: 1,
    Status.BUILDING: 1,
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("cambist.db", "paper-chain.db"):
        (tmp_path / name).write_bytes(gzip.decompress((DATA / f"{name}.gz").read_bytes()))
    copyfile(DATA / "chaos.json", tmp_path / "chaos.json")
    return tmp_path


async def read_all(store: Store) -> list[Order]:
    """Return every order, each replayed from its journal and equal to its row."""
    page = await store.list_orders(OrderQuery(LOCAL, limit=100))
    for order in page.orders:
        entries = await store.read_journal(order.id, 0, 1_000)
        replayed = replay(entries)[-1].order
        assert (replayed.status, replayed.intent, replayed.route, replayed.fill) == (
            order.status,
            order.intent,
            order.route,
            order.fill,
        )
        assert replayed.head_hash == order.head_hash
        assert replayed.setbacks == order.setbacks
    return list(page.orders)


def count(orders: list[Order]) -> dict[Status, int]:
    return {status: n for status in Status if (n := sum(o.status is status for o in orders))}


def test_a_sqlite_store_of_an_earlier_version_verifies(home: Path) -> None:
    report = audit(home / "cambist.db", lambda _: None)
    assert (report.broken, report.breaks) == (0, ())
    assert (report.orders, report.entries) == (11, 75)


async def test_a_sqlite_store_of_an_earlier_version_is_read_order_by_order(home: Path) -> None:
    async with sqlite_at(home / "cambist.db", inline=True)(lambda *_: None) as store:
        orders = await read_all(store)
        assert count(orders) == STATUSES
        assert await store.find_by_key(LOCAL, "key-0") is not None
        halt = await store.halted()
        assert halt is not None
        assert halt.reason == "for the store kept"


def test_the_ledger_of_an_earlier_version_opens(home: Path) -> None:
    seed = Settings().paper_seed
    ledger = Ledger(home / "paper-chain.db", seed)
    try:
        assert ledger.mark() > 0
        assert len(ledger.latest(100)) == 7
    finally:
        ledger.close()


def test_fault_switches_of_an_earlier_version_are_read(home: Path) -> None:
    switches = fault_switches.read(home / "chaos.json")
    assert switches.drop == FaultSwitch(1_000_000)
    assert switches.busy == FaultSwitch(300_000)


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    async with database(postgres_url) as found:
        yield found


@pytest.mark.postgres
async def test_a_postgres_backup_of_an_earlier_version_is_restored(url: str) -> None:
    target = Target(url)
    await restore(target, DATA / "postgres-backup.zip", Halt("restored", "test", Timestamp(1)))
    report = await audit_postgres(target, lambda _: None)
    assert (report.broken, report.breaks) == (0, ())
    assert report.orders == 8
    async with postgres_at(url)(lambda *_: None) as store:
        orders = await read_all(store)
    assert count(orders) == {Status.CONFIRMED: 7, Status.FAILED: 1}
