"""Prove that no message of another process ends or stops what hears Redis or PostgreSQL."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from cambist.clock import SystemClock
from cambist.coordination.multi_process_bus import MultiProcessWakeupQueue
from cambist.coordination.postgres import POSITIONS_CHANNEL, WAKEUPS_CHANNEL, PostgresTransport
from cambist.coordination.reconnecting_connection import TransportCallbacks
from cambist.coordination.redis.client import RedisAddress
from cambist.coordination.redis.consumers import PositionSubscriber, WakeupConsumer
from cambist.coordination.redis.publisher import POSITIONS_CHANNEL as REDIS_NEWS
from cambist.coordination.redis.publisher import WAKEUPS_STREAM
from cambist.coordination.send_buffer import Outbox
from cambist.ports.wakeups import Wakeup
from tests import order_factory
from tests.malformed_messages import broken_messages
from tests.server.app_harness import until
from tests.stores.postgres_stores import database

MESSAGES = 10_000
PIECE = 500
GOOD = [b'{"place":1}', b"12", b"018bcfe5-6800-7000-8000-000000000001"]


def messages() -> list[bytes]:
    return list(broken_messages(4, [b'{"a":[1,"x"]}', b"12", b'"018bcfe5-6800"'], MESSAGES))


async def first_bell(wakeups: MultiProcessWakeupQueue) -> Wakeup:
    """Return the next wakeup. What was broken woke nobody, so it is the first."""
    async with asyncio.timeout(30):
        return await wakeups.get()


@pytest.mark.redis
@pytest.mark.timeout(120)
async def test_redis_may_say_anything(redis_url: str) -> None:
    clock, address = SystemClock(), RedisAddress(redis_url)
    doorbell = MultiProcessWakeupQueue(clock, None)
    rung = asyncio.Event()
    ears = (
        PositionSubscriber(clock, address, rung.set, lambda _: False),
        WakeupConsumer(clock, address, doorbell, "me"),
    )
    good = order_factory.birth(1).event.order.id
    async with asyncio.TaskGroup() as tasks, address.dial() as line:
        await line.ask("FLUSHALL")  # other tests leave wakeups in the stream
        running = [tasks.create_task(ear.line.run()) for ear in ears]
        await until(lambda: all(ear.line.is_up for ear in ears))
        broken = messages()
        for start in range(0, MESSAGES, PIECE):
            piece = broken[start : start + PIECE]
            await line.ask_all(*(("PUBLISH", REDIS_NEWS, one) for one in piece), within_ms=9_000)
            await line.ask_all(
                *(("XADD", WAKEUPS_STREAM, "*", "order", one) for one in piece), within_ms=9_000
            )
        await line.ask("XADD", WAKEUPS_STREAM, "*", "name", "x", "order", "\0")
        await line.ask("XADD", WAKEUPS_STREAM, "*", "order", good)
        assert (await first_bell(doorbell)).order_id == good
        assert rung.is_set()
        assert all(ear.line.is_up for ear in ears)
        assert not any(task.done() for task in running)
        for task in running:
            task.cancel()


@pytest.mark.postgres
@pytest.mark.timeout(120)
async def test_notices_of_postgresql_may_say_anything(postgres_url: str) -> None:
    clock, rung = SystemClock(), asyncio.Event()
    doorbell = MultiProcessWakeupQueue(clock, None)
    good = order_factory.birth(1).event.order.id
    async with database(postgres_url) as url, asyncio.TaskGroup() as tasks:
        notices = PostgresTransport(
            clock, url, TransportCallbacks(Outbox(), "me", doorbell, rung.set)
        )
        running = tasks.create_task(notices.run())
        await until(lambda: notices.line.is_up)
        other = await asyncpg.connect(url)
        texts = [
            message.decode("utf-8", "replace").replace("\0", " ")[:7_000] for message in messages()
        ]
        for channel in (POSITIONS_CHANNEL, WAKEUPS_CHANNEL):
            await other.execute(
                "SELECT pg_notify($1, w) FROM unnest($2::text[]) AS w", channel, texts
            )
        await other.execute("SELECT pg_notify($1, $2)", WAKEUPS_CHANNEL, good)
        assert (await first_bell(doorbell)).order_id == good
        await other.close()
        assert rung.is_set()
        assert notices.line.is_up
        assert not running.done()
        running.cancel()
