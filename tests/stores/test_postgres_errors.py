"""Prove what becomes of single calls when the server is slow, full, far away or gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from cambist import failpoints
from cambist.clock import SystemClock
from cambist.orders import events
from cambist.orders.order import Status
from cambist.ports.errors import DuplicateIdempotencyKey, PortUnavailable, VersionConflict
from cambist.stores.postgres import Target, open_postgres, pool, write_loop
from cambist.stores.postgres.writer import PostgresBatchWriter
from cambist.values.ids import LOCAL
from cambist.values.time_units import Timestamp
from tests import order_factory
from tests.contracts.store_harness import Shelf, at_once, change
from tests.servers.proxy import Proxy, Way
from tests.stores.postgres_stores import database, postgres_at, still_database, talk, through

# A connection that is broken off while it is being made leaves a socket for the collector.
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FULL = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END$$;
CREATE TRIGGER no_room BEFORE INSERT ON journal FOR EACH STATEMENT EXECUTE FUNCTION no_room();
"""


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    async with database(postgres_url) as made:
        yield made


def opened(url: str, **more: Any) -> Any:
    """Open a store that tells nobody."""
    return open_postgres(Target(url), lambda *_: None, SystemClock(), owner="me", **more)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten every time that is waited."""
    monkeypatch.setattr(pool, "STATEMENT_WITHIN_MS", 300)
    monkeypatch.setattr(pool, "LOCK_WITHIN_MS", 100)
    monkeypatch.setattr(pool, "ANSWER_WITHIN_S", 0.5)
    monkeypatch.setattr(pool, "ACQUIRE_WITHIN_S", 0.5)
    monkeypatch.setattr(pool, "CONNECT_WITHIN_S", 0.5)
    monkeypatch.setattr(write_loop, "SENDERS_WAIT_MS", 100)
    monkeypatch.setattr(write_loop, "BEHIND_WAIT_MS", 50)
    monkeypatch.setattr(write_loop, "CLOSE_WITHIN_MS", 500)


async def test_a_full_disk_refuses_and_recovers(url: str) -> None:
    async with opened(url) as store, talk(url) as line:
        await store.add(order_factory.birth(1))
        await line.execute(FULL)
        got = await at_once(*(store.add(order_factory.birth(n)) for n in range(2, 6)))
        assert all(isinstance(one, PortUnavailable) and "no space" in str(one) for one in got)
        await line.execute("DROP TRIGGER no_room ON journal")
        await store.ping()
        await at_once(*(store.add(order_factory.birth(n)) for n in range(2, 6)))
        assert await store.backlog() == await store.last_position() == 5


@pytest.mark.usefixtures("hasty")
async def test_a_statement_that_waits_too_long_writes_nothing(url: str) -> None:
    async with opened(url) as store, talk(url) as line:
        birth = order_factory.birth(1)
        await line.execute("BEGIN; LOCK TABLE feed_end")
        with pytest.raises(PortUnavailable):
            await store.add(birth)
        assert await store.get(birth.event.order.id) is None
        await line.execute("ROLLBACK")
        await store.add(birth)


@pytest.mark.usefixtures("hasty")
async def test_a_lock_that_is_soon_free_costs_a_try_and_no_error(url: str) -> None:
    async with opened(url) as store, talk(url) as line:
        await store.add(order_factory.birth(1))
        order = await store.claim(order_factory.birth(1).event.order.id)
        await line.execute("BEGIN")
        await line.execute("SELECT 1 FROM engine_orders FOR UPDATE")
        now = Timestamp(order_factory.START)
        commit = store.begin_commit(order, change(events.Started(), None, now), now)
        await asyncio.sleep(0.15)
        await line.execute("ROLLBACK")
        await commit.durable


async def test_a_deadlock_is_lost_by_somebody_and_tried_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    real = PostgresBatchWriter._send

    async def send(self: PostgresBatchWriter, one: Any) -> Any:
        sent.append("try")
        return await real(self, one)

    monkeypatch.setattr(PostgresBatchWriter, "_send", send)
    monkeypatch.setattr(pool, "LOCK_WITHIN_MS", 5_000)
    async with opened(url) as store, talk(url) as line:
        births = [order_factory.birth(n) for n in (1, 2)]
        await store.add_all(births)
        held = [await store.claim(new_order.event.order.id) for new_order in births]
        await line.execute("SET deadlock_timeout = '10s'")
        await line.execute("BEGIN")
        lock = "SELECT 1 FROM engine_orders WHERE id = $1 FOR UPDATE"
        await line.execute(lock, held[1].id)
        sent.clear()
        now = Timestamp(order_factory.START)
        begun = [store.begin_commit(one, change(events.Started(), None, now), now) for one in held]
        await asyncio.sleep(0.2)
        # We hold the second and want the first: who waited longest, the store, is told so.
        wanting = asyncio.ensure_future(line.execute(lock, held[0].id))
        await asyncio.wait([wanting])
        await line.execute("ROLLBACK")
        for one in begun:
            await one.durable
    assert len(sent) >= 2


@pytest.mark.parametrize("point", ["store.before_commit", "store.after_commit"])
async def test_an_exception_beside_a_commit_leaves_the_outcome_unknown(
    url: str, point: str
) -> None:
    async with opened(url) as store:
        birth = order_factory.birth(1, "key")
        failpoints.arm(f"{point}:1:raise")
        try:
            with pytest.raises(PortUnavailable):
                await store.add(birth)
        finally:
            failpoints.arm(None)
        (again,) = await at_once(store.add(birth))
        assert (again is None) == (point == "store.before_commit")
        assert again is None or isinstance(again, DuplicateIdempotencyKey)
        assert await store.backlog() == 1


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("trouble", ["refuse", "blackhole", "half-open", "cut"])
async def test_a_network_that_fails_is_told_in_time_and_leaves_nothing_stuck(
    url: str, trouble: str
) -> None:
    async with Proxy.before(url) as proxy, opened(through(url, proxy.port)) as store:
        await store.add(order_factory.birth(1))
        match trouble:
            case "refuse":
                await proxy.refuse()
            case "blackhole":
                proxy.way = Way.BLACKHOLE
            case "half-open":
                proxy.half_open()
            case _:
                proxy.cut_after_bytes = 10
        async with asyncio.timeout(20):
            got = await at_once(
                store.add(order_factory.birth(2, "key")), store.ping(),
                store.list_orders(order_factory.newest(1)),
                store.claim(order_factory.birth(1).event.order.id),
                store.renew(()), store.backlog(),
            )  # fmt: skip
        assert [isinstance(one, PortUnavailable) for one in got[:4]] == [True] * 4
        assert got[5] == 1, "the backlog is told as it was last known"
        proxy.way, proxy.cut_after_bytes = Way.PASS, None
        if trouble == "refuse":
            await proxy.accept()
        proxy.reset_all()
        async with asyncio.timeout(20):
            await comes_back(store)
            (again,) = await at_once(store.add(order_factory.birth(2, "key")))
        assert again is None or isinstance(again, DuplicateIdempotencyKey)
        assert await store.last_position() == 2


async def comes_back(store: Any) -> None:
    while True:
        try:
            await store.ping()
            await store.claim("nobody")
        except PortUnavailable:
            await asyncio.sleep(0.02)
        else:
            return


async def test_a_delayed_and_slow_network_is_only_slow(url: str) -> None:
    async with Proxy.before(url) as proxy, opened(through(url, proxy.port)) as store:
        await store.add(order_factory.birth(1))
        proxy.delay_s = 0.02
        await store.add(order_factory.birth(2))
        proxy.delay_s, proxy.bytes_a_slice = 0.0, 512
        await store.add(order_factory.birth(3))
        assert await store.last_position() == 3


async def test_a_lease_that_ran_out_is_taken_by_another_and_its_first_holder_writes_nothing(
    url: str,
) -> None:
    now = Timestamp(order_factory.START)
    async with opened(url, lease_ms=50) as mine, opened(url, lease_ms=60_000) as theirs:
        await mine.add(order_factory.birth(1))
        order = await mine.claim(order_factory.birth(1).event.order.id)
        assert await theirs.claim(order.id) is None
        await asyncio.sleep(0.06)
        (taken,) = await theirs.claim_due(SystemClock().now(), 10)
        assert taken.lease_epoch == order.lease_epoch + 1
        with pytest.raises(VersionConflict) as stale:
            await mine.commit(order, change(events.Started(), None, now), now)
        assert stale.value.current is None
        await mine.release(order)
        assert await mine.claim(order.id) is None
        assert (await theirs.commit(taken, change(events.Started(), None, now), now)).version == 1


async def test_a_release_that_cannot_be_written_is_made_good(url: str) -> None:
    async with Proxy.before(url) as proxy, opened(through(url, proxy.port)) as store:
        await store.add(order_factory.birth(1))
        order = await store.claim(order_factory.birth(1).event.order.id)
        await proxy.refuse()
        await store.release(order)
        await proxy.accept()
        await comes_back(store)
        again = await store.claim(order.id)
        assert again is not None
        assert again.lease_epoch == order.lease_epoch + 1


async def test_renewing_keeps_what_waits_for_its_turn_too(url: str) -> None:
    async with opened(url, lease_ms=400) as mine, opened(url) as theirs:
        for number in (1, 2):
            await mine.add(order_factory.birth(number))
        held = await mine.claim_due(SystemClock().now(), 10)
        for _ in range(6):
            await asyncio.sleep(0.1)
            await mine.renew(held[:1])
        assert await theirs.claim_due(SystemClock().now(), 10) == ()


async def test_a_clock_an_hour_wrong_stalls_nothing(url: str) -> None:
    hour = 3_600_000
    async with opened(url) as store:
        for number, step in enumerate((-hour, hour)):
            at = Timestamp(SystemClock().now() + step)
            await store.add(order_factory.birth(number, at=at))
            (order,) = await store.claim_due(at, 10)
            assert order.wake_at <= at + 50
            order = await store.commit(order, change(events.Started(), None, at), at)
            await store.release(order)
            (order,) = await store.claim_due(at, 10)
            assert order.status is Status.ROUTING


async def test_counts_are_right_for_all_who_write(postgres_url: str) -> None:
    async with (
        still_database(postgres_url) as url,
        Shelf(postgres_at(url, owner="one")) as one,
        Shelf(postgres_at(url, owner="two")) as two,
    ):
        for number, status in enumerate(Status):
            for _ in range(number + 1):
                await one.claimed(status)
        await two.store.backlog()
        wanted = {status: number + 1 for number, status in enumerate(Status)}
        assert (await two.store.count_orders(LOCAL, order_factory.START)).by_status == wanted
        async with talk(url) as line:
            rows = await line.fetch("SELECT status, count(*) FROM engine_orders GROUP BY 1")
        assert {row[0]: row[1] for row in rows} == {one.value: n for one, n in wanted.items()}


async def test_a_connection_killed_under_a_read_is_replaced(url: str) -> None:
    async with opened(url) as store, talk(url) as line:
        await store.add(order_factory.birth(1))
        for _ in range(3):
            await line.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'cambist' AND datname = current_database()"
            )
            await comes_back(store)
            assert await store.get(order_factory.birth(1).event.order.id) is not None
    assert issubclass(asyncpg.AdminShutdownError, asyncpg.PostgresError)
