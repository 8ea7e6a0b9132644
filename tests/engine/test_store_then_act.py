"""Proves that nothing with a consequence happens before it is durable, however slow the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from cambist.orders.decide import Decision
from cambist.orders.events import Started
from cambist.orders.order import Order, Status
from cambist.paper.adapters import PaperChain
from cambist.ports.store import PendingCommit
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.time_units import Timestamp
from tests.engine.engine_harness import rig, sell


class SlowDisk(SqliteStore):
    """A store whose changes become durable only when the test says so."""

    held: list[tuple[asyncio.Future[Any], Order, Decision, Timestamp]]

    def begin_commit(self, order: Order, change: Decision, now: Timestamp) -> PendingCommit:
        """Hold a change back; tell the engine only how the order will stand."""
        self.held = getattr(self, "held", [])
        gate: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        begun = super().begin_commit(order, change, now) if self.is_open else None
        if begun is not None:
            return begun
        self.held.append((gate, order, change, now))
        return PendingCommit(self.foretold(order, change, now), gate)

    is_open = False

    def foretold(self, order: Order, change: Decision, now: Timestamp) -> Order:
        """Return the order as a commit would leave it, without one."""
        kept = self._writer
        self._writer = _Nowhere()  # type: ignore[assignment]
        try:
            return super().begin_commit(order, change, now).order
        finally:
            self._writer = kept

    async def let_through(self) -> None:
        """Make what is held back durable."""
        for gate, order, change, now in self.held:
            begun = super().begin_commit(order, change, now)
            await begun.durable
            gate.set_result(None)
        self.held = []


class _Nowhere:
    """Lanes that lead to no disk."""

    def __init__(self) -> None:
        self.lanes = self

    def put_settlement(self, _item: object) -> asyncio.Future[Any]:
        """Promise nothing."""
        return asyncio.get_running_loop().create_future()


class Watched(PaperChain):
    """A chain that looks, at each send, whether the transaction is on record."""

    path: Path
    recorded: list[bool]

    async def send(self, transaction: bytes) -> None:
        """Look into the file as a stranger would."""
        with closing(sqlite3.connect(self.path / "cambist.db")) as db:
            sql = "SELECT count(*) FROM attempts WHERE transaction_bytes = ?"
            (count,) = db.execute(sql, (transaction,)).fetchone()
        type(self).recorded.append(count == 1)
        await super().send(transaction)


async def test_no_transaction_is_sent_before_it_is_on_disk(tmp_path: Path) -> None:
    Watched.path, Watched.recorded = tmp_path, []
    async with rig(tmp_path, kinds=(SlowDisk, Watched)) as r:
        assert isinstance(r.store, SlowDisk)
        placed = await r.send(sell())
        await r.push(2_000)
        kinds = [event.kind for _, _, change, _ in r.store.held for event in change.events]
        assert kinds == ["started", "routed", "signed"], "what follows is prepared meanwhile"
        assert Watched.recorded == []
        assert (await r.order(placed)).status is Status.PENDING
        await r.store.let_through()
        r.store.is_open = True
        order = await r.until_closed(placed)
    assert order.status is Status.CONFIRMED
    assert Watched.recorded
    assert all(Watched.recorded)


async def test_what_was_built_on_a_stale_change_is_thrown_away_with_it(tmp_path: Path) -> None:
    Watched.path, Watched.recorded = tmp_path, []
    async with rig(tmp_path, kinds=(SlowDisk, Watched)) as r:
        assert isinstance(r.store, SlowDisk)
        placed = await r.send(sell())
        await r.push(2_000)
        held, r.store.held = r.store.held, []
        assert isinstance(held[0][2].events[0], Started)
        r.store.is_open = True
        await r.store.request_cancel(placed, r.clock.now())
        for gate, order, change, now in held:
            begun = SqliteStore.begin_commit(r.store, order, change, now)
            try:
                gate.set_result(await begun.durable)
            except Exception as error:  # noqa: BLE001 -- the engine is to hear it
                gate.set_exception(error)
        order = await r.until_closed(placed)
    assert order.status is Status.CANCELLED
    assert order.attempt_count == 0
    assert Watched.recorded == []
