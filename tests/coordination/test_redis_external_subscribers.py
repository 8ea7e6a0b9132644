"""Prove what outsiders hear of orders, what they read of them later, and that passwords stay in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cambist.bootstrap.coordination import ProcessRole, build_coordination
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.coordination.multi_process_bus import MultiProcessWakeupQueue
from cambist.coordination.redis.client import RedisAddress, RedisConnection
from cambist.coordination.redis.consumers import ENTRY_IDLE_MS, GROUP, WakeupConsumer
from cambist.coordination.redis.lua_scripts import PUBLISH_EVENTS
from cambist.coordination.redis.publisher import STATE_KEPT_MS, WAKEUPS_STREAM
from cambist.coordination.send_buffer import EVENTS_HELD_MAX, Outbox
from cambist.orders import events
from cambist.orders.journal import append
from cambist.values.ids import OrderId
from tests import order_factory
from tests.coordination.multi_process import Town, by_redis, town
from tests.coordination.waiting import until
from tests.servers.valkey import Valkey

pytestmark = pytest.mark.redis


@pytest.fixture
async def house(tmp_path: Path, breakable_valkey: Valkey) -> AsyncIterator[Town]:
    async with town(tmp_path, by_redis(breakable_valkey.url)) as built:
        yield built


async def test_each_event_is_told_on_the_orders_channel_and_the_last_one_kept(
    house: Town, breakable_valkey: Valkey
) -> None:
    order = await house.born(1)
    address, key = RedisAddress(breakable_valkey.url), f"order:{order.id}"
    async with address.listen(key) as outsider, address.dial() as line:
        await house.close(await house.note(order, 3))
        told: list[dict[str, object]] = []
        while not told or told[-1]["event"] != "cancelled":
            came = await outsider.next(1_000)
            told += [json.loads(came)] if came is not None else []
        assert [one["seq"] for one in told][-4:] == [2, 3, 4, 5]
        assert {one["orderId"] for one in told} == {order.id}
        assert json.loads(await line.ask("GET", key)) == told[-1]
        assert 0 < await line.ask("PTTL", key) <= STATE_KEPT_MS


async def test_an_older_word_never_takes_the_place_of_a_newer(breakable_valkey: Valkey) -> None:
    async with RedisAddress(breakable_valkey.url).dial() as line:
        for seq in (2, 10, 9, 1):
            text = json.dumps({"note": '"seq":99', "seq": seq}, separators=(",", ":"))
            await line.ask("EVAL", PUBLISH_EVENTS, 1, "order:x", 60_000, seq, text)
        assert json.loads(await line.ask("GET", "order:x"))["seq"] == 10


async def test_a_flood_for_outsiders_drops_the_oldest() -> None:
    outbox, told = Outbox(), order_factory.birth(1).event
    lines = append(
        told.order, [events.CancelRequested()] * (EVENTS_HELD_MAX + 7), order_factory.START
    )
    outbox.add_events(lines)
    parcel = outbox.take()
    assert parcel is not None
    assert parcel.events[0] is lines[7]


async def test_bells_that_were_not_sent_are_sent_again_in_turn_before_the_next() -> None:
    outbox = Outbox()
    for name in "abc":
        outbox.add_wakeup(OrderId(name))
    outbox.announce_position(5)
    parcel = outbox.take()
    assert parcel is not None
    outbox.add_wakeup(OrderId("d"))
    outbox.announce_position(6)
    outbox.put_back(parcel)
    again = outbox.take()
    assert again is not None
    assert again.wakeups == ("a", "b", "c", "d")
    assert again.position == 6
    assert outbox.take() is None


LEFT = OrderId("018bcfe5-6800-7000-8000-000000000001")


async def pending(line: RedisConnection) -> int:
    return int((await line.ask("XPENDING", WAKEUPS_STREAM, GROUP))[0])


async def test_what_a_dead_worker_had_read_is_taken_over_and_nothing_stays_behind(
    breakable_valkey: Valkey,
) -> None:
    clock, address = SystemClock(), RedisAddress(breakable_valkey.url)
    doorbell = MultiProcessWakeupQueue(clock, None)
    ear = WakeupConsumer(clock, address, doorbell, "living")
    async with address.dial() as line:
        await ear._join(line)
        await line.ask("XADD", WAKEUPS_STREAM, "*", "order", LEFT)
        await line.ask("XADD", WAKEUPS_STREAM, "*", "what", "is this")
        await line.ask(*f"XREADGROUP GROUP {GROUP} dead STREAMS {WAKEUPS_STREAM} >".split())
        assert await pending(line) == 2
        ids = [one[0] for one in await line.ask("XRANGE", WAKEUPS_STREAM, "-", "+")]
        await line.ask("XCLAIM", WAKEUPS_STREAM, GROUP, "dead", 0, *ids, "IDLE", ENTRY_IDLE_MS + 1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ear._reclaim(line))
            assert (await doorbell.get()).order_id == LEFT
        assert await pending(line) == 0
        assert await line.ask("XLEN", WAKEUPS_STREAM) == 0


async def test_no_log_and_no_warning_shows_a_password() -> None:
    secret = "hunter2-hunter2"
    signals = build_coordination(
        Settings(redis_url=f"redis://me:{secret}@127.0.0.1:1/0"),
        SystemClock(),
        ProcessRole("alone"),
    )
    with capture_logs() as logs:
        async with signals.running(None):  # type: ignore[arg-type]
            await until(lambda: len(logs) >= 2)
    assert signals.redis() == "down"
    assert "coordination_unavailable" in {log["event"] for log in logs}
    assert secret not in str(logs)


async def test_what_was_written_last_is_told_before_the_process_ends(
    tmp_path: Path, breakable_valkey: Valkey
) -> None:
    lines = append(
        order_factory.born(1).order, [events.CancelRequested()] * 1_000, order_factory.START
    )
    async with town(tmp_path, by_redis(breakable_valkey.url)) as built:
        built.worker.outbox.add_events(lines)
    async with RedisAddress(breakable_valkey.url).dial() as line:
        kept = json.loads(await line.ask("GET", f"order:{lines[-1].order.id}"))
    assert kept["seq"] == lines[-1].entry.seq


async def test_an_outbox_says_when_all_has_arrived() -> None:
    outbox = Outbox()
    await outbox.wait_empty(0)
    outbox.announce_position(7)
    parcel = outbox.take()
    assert parcel is not None
    waiting = asyncio.create_task(outbox.wait_empty(10_000))
    await asyncio.sleep(0)
    outbox.put_back(parcel)
    await asyncio.sleep(0)
    assert not waiting.done()
    again = outbox.take()
    assert again == parcel
    outbox.sent(parcel)
    await waiting
