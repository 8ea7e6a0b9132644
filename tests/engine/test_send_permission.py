"""Prove that nothing is sent for an order that was cancelled or is past its deadline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from cambist.clock import ManualClock
from cambist.coordination.memory import InMemoryWakeupQueue
from cambist.engine import send_permission
from cambist.engine.send_permission import SendPermission
from cambist.orders.order import Status
from cambist.orders.terms import Terms
from cambist.paper.adapters import PaperChain
from cambist.ports.errors import PortUnavailable
from cambist.ports.store import CurrentTerms
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp, add_ms
from tests import order_factory
from tests.engine.engine_harness import Rig, rig, sell


class LosingChain(PaperChain):
    """A chain that counts sends, and loses them while `loses`."""

    sends = 0
    loses = True

    async def send(self, transaction: bytes) -> None:
        type(self).sends += 1
        if not self.loses:
            await super().send(transaction)


class UnreadableStore(SqliteStore):
    """A store that cannot say what became of an order, while `is_away`."""

    is_away = False

    async def current_terms(self, order_ids: Sequence[OrderId]) -> dict[OrderId, CurrentTerms]:
        if self.is_away:
            raise PortUnavailable("the store is away")
        return await super().current_terms(order_ids)


KINDS = (SqliteStore, LosingChain)


@pytest.fixture(autouse=True)
def _losing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LosingChain, "sends", 0)
    monkeypatch.setattr(LosingChain, "loses", True)
    monkeypatch.setattr(UnreadableStore, "is_away", False)


async def until_sent_again(r: Rig, order_id: OrderId) -> None:
    """Let time pass until the transaction was sent twice, and lost both times."""
    for _ in range(200):
        if LosingChain.sends >= 2:
            assert (await r.order(order_id)).status is Status.SUBMITTED
            return
        await r.push(50)
    raise TimeoutError


@pytest.mark.parametrize("hears", [True, False], ids=["wakeups", "every wakeup lost"])
async def test_after_a_cancel_nothing_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hears: bool
) -> None:
    async with rig(tmp_path, kinds=KINDS) as r:
        order_id = await r.send(sell())
        await until_sent_again(r, order_id)
        with monkeypatch.context() as deaf:
            if not hears:
                deaf.setattr(InMemoryWakeupQueue, "notify", lambda *_: None)
            assert await r.store.request_cancel(order_id, r.clock.now())
            sent, LosingChain.loses = LosingChain.sends, False
            await r.push(20_000)
        order = await r.until_closed(order_id)
    assert order.status is Status.CANCELLED
    assert LosingChain.sends == sent
    assert order.fill is None


async def test_after_the_deadline_nothing_is_sent_again(tmp_path: Path) -> None:
    async with rig(tmp_path, kinds=KINDS) as r:
        deadline = add_ms(r.clock.now(), 6_000)
        order_id = await r.send(sell(terms=Terms(deadline=deadline)))
        await until_sent_again(r, order_id)
        await r.push(6_000)
        sent, LosingChain.loses = LosingChain.sends, False
        order = await r.until_closed(order_id)
    assert order.status is Status.EXPIRED
    assert LosingChain.sends == sent


async def test_a_deadline_stays_past_when_the_clock_steps_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path, kinds=KINDS) as r:
        order_id = await r.send(sell(terms=Terms(deadline=add_ms(r.clock.now(), 6_000))))
        await until_sent_again(r, order_id)
        await r.push(6_000)
        sent, LosingChain.loses = LosingChain.sends, False
        monkeypatch.setattr(r.clock, "_start", r.clock._start - 3_600_000)
        order = await r.until_closed(order_id)
    assert order.status is Status.EXPIRED
    assert LosingChain.sends == sent


async def test_a_restart_sends_nothing_for_a_cancelled_order(tmp_path: Path) -> None:
    async with rig(tmp_path, kinds=KINDS) as r:
        order_id = await r.send(sell())
        await until_sent_again(r, order_id)
        await r.store.request_cancel(order_id, r.clock.now())
        sent, LosingChain.loses = LosingChain.sends, False
    async with rig(tmp_path, kinds=KINDS) as r:
        order = await r.until_closed(order_id)
    assert order.status is Status.CANCELLED
    assert LosingChain.sends == sent


async def test_a_cancel_between_the_record_and_the_first_send_keeps_the_bytes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = SqliteStore.current_terms

    async def cancelled_meanwhile(
        self: SqliteStore, order_ids: Sequence[OrderId]
    ) -> dict[OrderId, CurrentTerms]:
        await self.request_cancel(order_ids[0], Timestamp(1_700_000_000_001))
        return await read(self, order_ids)

    monkeypatch.setattr(SqliteStore, "current_terms", cancelled_meanwhile)
    async with rig(tmp_path, kinds=KINDS) as r:
        order_id = await r.send(sell())
        order = await r.until_closed(order_id)
        kinds = await r.kinds(order_id)
    assert order.status is Status.CANCELLED
    assert LosingChain.sends == 0
    assert kinds[-4:] == ["signed", "cancel_requested", "lapsed", "cancelled"]


async def test_nothing_is_sent_while_the_store_cannot_be_read(tmp_path: Path) -> None:
    async with rig(tmp_path, kinds=(UnreadableStore, LosingChain)) as r:
        UnreadableStore.is_away = True
        order_id = await r.send(sell())
        await r.push(6_000)
        assert (await r.order(order_id)).in_flight is not None
        assert LosingChain.sends == 0
        UnreadableStore.is_away = LosingChain.loses = False
        order = await r.until_closed(order_id)
    assert order.status is Status.CONFIRMED


async def test_a_halt_stops_resends_and_a_resume_takes_them_up_again(tmp_path: Path) -> None:
    async with rig(tmp_path, kinds=KINDS) as r:
        order_id = await r.send(sell())
        await until_sent_again(r, order_id)
        await r.engine.halt("ann", "a test")
        sent = LosingChain.sends
        await r.push(6_000)
        assert LosingChain.sends == sent
        LosingChain.loses = False
        await r.engine.resume("ann", "it is over")
        order = await r.until_closed(order_id)
    assert LosingChain.sends > sent
    assert order.status is Status.CONFIRMED


async def test_a_restart_under_a_halt_does_not_send_what_was_recorded_before(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, kinds=(UnreadableStore, LosingChain)) as r:
        UnreadableStore.is_away = True
        order_id = await r.send(sell())
        await r.push(3_000)
        assert (await r.order(order_id)).in_flight is not None
        await r.engine.halt("ann", "a test")
    UnreadableStore.is_away = LosingChain.loses = False
    async with rig(tmp_path, kinds=(UnreadableStore, LosingChain)) as r:
        await r.push(3_000)
        assert LosingChain.sends == 0
        await r.engine.resume("ann", "it is over")
        order = await r.until_closed(order_id)
    assert LosingChain.sends > 0
    assert order.status is Status.CONFIRMED


async def test_a_cancel_under_a_halt_ends_once_the_blockhash_is_dead(tmp_path: Path) -> None:
    async with rig(tmp_path, kinds=KINDS) as r:
        order_id = await r.send(sell())
        await until_sent_again(r, order_id)
        await r.engine.halt("ann", "a test")
        await r.store.request_cancel(order_id, r.clock.now())
        sent, LosingChain.loses = LosingChain.sends, False
        order = await r.until_closed(order_id)
    assert order.status is Status.CANCELLED
    assert LosingChain.sends == sent


def test_passed_deadlines_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_permission, "PASSED_DEADLINES_MAX", 3)
    permission = SendPermission(None, ManualClock(order_factory.START))  # type: ignore[arg-type]
    terms = Terms(deadline=order_factory.START)
    orders = [
        replace(order_factory.standing(Status.SUBMITTED, number=n), terms=terms) for n in range(5)
    ]
    for order in orders:
        permission.time_of(order)
    permission.forget(orders[4].id)
    assert set(permission._passed) == {orders[2].id, orders[3].id}
