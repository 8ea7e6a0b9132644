"""Prove on PostgreSQL, with API and worker apart, that a cancel stops resends without a wakeup."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cambist.coordination.multi_process_bus import MultiProcessWakeupQueue
from cambist.engine import inflight_tracker
from cambist.engine.intake import SubmitOrder
from cambist.paper.adapters import PaperChain
from cambist.values.ids import LOCAL
from tests import order_factory
from tests.coordination.cluster import cluster
from tests.coordination.waiting import until

pytestmark = pytest.mark.postgres


async def test_a_cancel_taken_by_another_process_stops_resends_though_every_wakeup_is_lost(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []

    async def send(_: PaperChain, transaction: bytes) -> None:
        sent.append(transaction)

    monkeypatch.setattr(PaperChain, "send", send)
    monkeypatch.setattr(MultiProcessWakeupQueue, "receive", lambda *_: None)
    monkeypatch.setattr(inflight_tracker, "RESEND_EVERY_MS", 50)
    async with asyncio.timeout(60), cluster(tmp_path, postgres_url, None) as town:
        taken = await town.api.submit(SubmitOrder(order_factory.intent(), lambda _: b"{}"))
        await until(lambda: len(sent) >= 3)
        found = await town.api.cancel(taken.order_id, LOCAL)
        assert found is not None
        assert found[0] == "cancel_pending"
        before = len(sent)
        kinds = [
            event.entry.kind
            async for heard in town.api.follow_order(taken.order_id)
            for event in heard.events
        ]
    assert kinds[-2:] == ["lapsed", "cancelled"]
    assert len(sent) <= before + 1, "only a send whose look at the store began before the cancel"
