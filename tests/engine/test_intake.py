"""Proves what the way in promises: one key one order, room or a refusal, and honest cancels."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cambist.engine.engine import EngineLimits
from cambist.engine.intake import SubmitOrder
from cambist.faults import Code, RequestRejected
from cambist.orders.order import Order, Status
from cambist.ports.store import OrderQuery
from cambist.values.ids import LOCAL, Principal, order_id
from tests.engine.engine_harness import CALM, DeadMarket, rig, sell


def _reply(order: Order) -> bytes:
    return order.id.encode()


async def test_the_same_key_and_request_is_answered_with_the_same_bytes(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        first = await r.engine.submit(SubmitOrder(sell(), _reply, "k", b"same"))
        again = await r.engine.submit(SubmitOrder(sell(), _reply, "k", b"same"))
    assert not first.replayed
    assert again.replayed
    assert (again.order_id, again.reply) == (first.order_id, first.reply)


async def test_the_same_key_with_another_request_is_refused_and_creates_nothing(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as r:
        await r.engine.submit(SubmitOrder(sell(), _reply, "k", b"same"))
        with pytest.raises(RequestRejected) as refused:
            await r.engine.submit(SubmitOrder(sell(2), _reply, "k", b"other"))
        found = (await r.engine.list_orders(OrderQuery(LOCAL, 10))).orders
    assert refused.value.faults[0].code is Code.KEY_REUSED
    assert len(found) == 1


async def test_many_requests_at_once_with_one_key_make_one_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        async with asyncio.TaskGroup() as tasks:
            sent = [
                tasks.create_task(r.engine.submit(SubmitOrder(sell(), _reply, "k", b"same")))
                for _ in range(30)
            ]
        found = (await r.engine.list_orders(OrderQuery(LOCAL, 100))).orders
    assert len({task.result().order_id for task in sent}) == 1
    assert sum(not task.result().replayed for task in sent) == 1
    assert len(found) == 1


async def test_past_the_backlog_new_orders_are_refused_and_known_ones_answered(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, limits=EngineLimits(backlog_max=3)) as r:
        for number in range(3):
            await r.engine.submit(SubmitOrder(sell(), _reply, f"k{number}", b"same"))
        with pytest.raises(RequestRejected) as refused:
            await r.engine.submit(SubmitOrder(sell(), _reply, "k3", b"same"))
        known = await r.engine.submit(SubmitOrder(sell(), _reply, "k1", b"same"))
        assert refused.value.faults[0].code is Code.BACKLOG_FULL
        assert known.replayed
        await r.push(6_000)
        after = await r.engine.submit(SubmitOrder(sell(), _reply, "k3", b"same"))
    assert not after.replayed


async def test_a_cancel_before_signing_always_wins(tmp_path: Path) -> None:
    async with rig(tmp_path, market=DeadMarket) as r:
        placed = await r.send(sell())
        await r.push(200)
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(r.engine.cancel(placed, LOCAL))
            await r.push(2_000)
        answer = asked.result()
        order = await r.until_closed(placed)
    assert answer is not None
    assert answer[0] in {"cancelled", "cancel_pending"}
    assert order.status is Status.CANCELLED
    assert order.attempt_count == 0


async def test_a_cancel_in_flight_is_pending_and_the_landing_wins(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        placed = await r.send(sell())
        await r.push(600)
        assert (await r.order(placed)).status is Status.SUBMITTED
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(r.engine.cancel(placed, LOCAL))
            await r.push(1_200)
        order = await r.until_closed(placed)
        late = await r.engine.cancel(placed, LOCAL)
    answer = asked.result()
    assert answer is not None
    assert answer[0] == "cancel_pending"
    assert order.status is Status.CONFIRMED
    assert late is not None
    assert late[0] == "too_late"


async def test_someone_elses_order_and_no_order_look_the_same(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        placed = await r.send(sell())
        stranger = Principal("stranger")
        assert await r.engine.get(placed, stranger) is None
        assert await r.engine.cancel(placed, stranger) is None
        assert await r.engine.get(order_id(1, 1), LOCAL) is None


async def test_a_draining_engine_takes_no_order(tmp_path: Path) -> None:
    async with rig(tmp_path, CALM) as r:
        await r.engine.drain()
        with pytest.raises(RequestRejected) as refused:
            await r.send(sell())
    assert refused.value.faults[0].code is Code.SHUTTING_DOWN
