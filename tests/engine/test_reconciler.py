"""Hold the comparison of store and chain to finding everything, and to ending a restore's wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from cambist.clock import ManualClock
from cambist.engine import reconciler
from cambist.engine.reconciler import BY, RECONCILE_EVERY_MS, RESTORED_BY, Reconciler
from cambist.paper.fault_model import INSTANT
from cambist.ports.chain import Blockhash, ExecutedTransaction
from cambist.ports.errors import PortUnavailable
from cambist.ports.store import Halt
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import OrderId, Signature
from cambist.values.time_units import Height, Slot
from tests import order_factory

SETTLED = INSTANT.rules.blockhash_window + INSTANT.rules.finality_slots + 1


class Chain:
    """A chain that has executed what it is told."""

    rules = INSTANT.rules

    def __init__(self) -> None:
        self.height = 1_000
        self.done: list[ExecutedTransaction] = []
        self.asked: list[int] = []
        self.away = False

    def execute(self, many: int, *, failed: bool = False) -> None:
        for _ in range(many):
            self.height += 1
            name = f"s{self.height}"
            one = ExecutedTransaction(
                Signature(name), Slot(self.height), OrderId(f"o{name}"), 1, failed
            )
            self.done.append(one)

    async def blockhash(self) -> Blockhash:
        if self.away:
            raise PortUnavailable("away")
        return Blockhash("hash", Height(self.height + 150), Slot(self.height))

    async def executed_since(
        self, since: Slot, before: Signature | None, limit: int
    ) -> Sequence[ExecutedTransaction]:
        newest = self.done[::-1]
        if before is not None:
            newest = newest[[one.signature for one in newest].index(before) + 1 :]
        found = tuple(one for one in newest if one.slot >= since)[:limit]
        self.asked.append(len(found))
        return found


class Rig:
    def __init__(self, store: SqliteStore) -> None:
        self.store, self.chain, self.clock = store, Chain(), ManualClock()
        self.new()

    def new(self) -> None:
        self.reconciler = Reconciler(self.store, self.chain, self.clock)  # type: ignore[arg-type]

    async def halt_of(self) -> str | None:
        halt = await self.store.halted()
        return None if halt is None else halt.by


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    store = SqliteStore(tmp_path / "s.db", lambda *_: None, owner="me", inline=True)
    await store.open()
    yield Rig(store)
    await store.close()


async def test_all_that_is_missing_is_found_whatever_the_size_of_a_page(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "TRACES_PER_PAGE", 7)
    rig.chain.execute(30)
    assert await rig.reconciler.reconcile_once() == 30
    assert (await rig.store.list_unrecorded(1)).total == 30
    halt = await rig.store.halted()
    assert halt is not None
    assert "30 executed attempts are not in it" in halt.reason
    assert rig.chain.asked == [7, 7, 7, 7, 2]


async def test_what_was_compared_once_is_not_read_again(rig: Rig) -> None:
    rig.chain.execute(20)
    assert await rig.reconciler.reconcile_once() == 20
    await rig.store.resume("ann", "known", order_factory.START)
    rig.chain.height += 1
    assert await rig.reconciler.reconcile_once() == 0
    rig.new()
    rig.chain.height += 1
    assert await rig.reconciler.reconcile_once() == 0
    assert rig.chain.asked[1:] == [1, 0], "but for the slot the mark stands at"
    rig.chain.execute(1)
    assert await rig.reconciler.reconcile_once() == 1
    assert await rig.halt_of() == BY


async def test_a_restore_that_lacks_nothing_waits_for_what_was_on_its_way(rig: Rig) -> None:
    await rig.store.halt(Halt("restored", RESTORED_BY, order_factory.START))
    assert await rig.reconciler.reconcile_once() == 0
    rig.chain.height += SETTLED - 1
    await rig.reconciler.reconcile_once()
    assert await rig.halt_of() == RESTORED_BY
    rig.chain.height += 1
    await rig.reconciler.reconcile_once()
    assert await rig.halt_of() is None


async def test_what_lands_while_a_restore_waits_keeps_it_halted(rig: Rig) -> None:
    await rig.store.halt(Halt("restored", RESTORED_BY, order_factory.START))
    assert await rig.reconciler.reconcile_once() == 0
    rig.chain.execute(1)
    rig.chain.height += SETTLED
    assert await rig.reconciler.reconcile_once() == 1
    assert await rig.halt_of() == BY
    rig.chain.height += SETTLED
    assert await rig.reconciler.reconcile_once() == 0
    assert await rig.halt_of() == BY, "resuming is the operator's act"


async def test_a_halt_of_an_operator_is_never_ended_by_a_comparison(rig: Rig) -> None:
    await rig.store.halt(Halt("the market is on fire", "ann", order_factory.START))
    await rig.reconciler.reconcile_once()
    rig.chain.height += SETTLED
    await rig.reconciler.reconcile_once()
    assert await rig.halt_of() == "ann"


async def test_a_chain_that_is_behind_is_compared_whole(rig: Rig) -> None:
    await rig.store.mark_reconciled(Slot(9_999))
    rig.chain.execute(2)
    assert await rig.reconciler.reconcile_once() == 2


async def test_nothing_is_compared_while_the_chain_is_away_and_all_when_it_is_back(
    rig: Rig,
) -> None:
    rig.chain.away = True
    rig.chain.execute(1)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(rig.reconciler.run())
        await rig.clock.push(5_000)
        assert not rig.reconciler.compared.is_set()
        rig.chain.away = False
        await rig.clock.push(500)
        assert rig.reconciler.compared.is_set()
        assert await rig.halt_of() == BY
        rig.chain.execute(1)
        await rig.clock.push(RECONCILE_EVERY_MS)
        assert (await rig.store.list_unrecorded(0)).total == 2
        task.cancel()
