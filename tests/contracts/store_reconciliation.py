"""States how a store that lasts is held against the chain."""

from __future__ import annotations

import pytest

from cambist.orders.order import Status
from cambist.ports.chain import ExecutedTransaction
from cambist.ports.errors import TradingHalted
from cambist.ports.store import Halt, Store, UnrecordedTransactions
from cambist.values.ids import OrderId, Signature
from cambist.values.time_units import Slot
from tests import order_factory
from tests.contracts.store_harness import Shelf

HALT = Halt("the chain knows more", "cambist", order_factory.START)


def trace(
    name: str, order_id: OrderId | None = None, slot: int = 5, **more: bool
) -> ExecutedTransaction:
    return ExecutedTransaction(Signature(name), Slot(slot), order_id, 2, **more)


class RecallContract:
    """What the chain executed is an attempt, or it stops all trading and is never repeated."""

    @pytest.fixture
    def store(self, shelf: Shelf) -> Store:
        return shelf.store  # type: ignore[return-value]

    async def test_the_mark_stays_where_it_was_put(self, shelf: Shelf, store: Store):
        assert await store.reconciled_to() is None
        for slot in (7, 9, 9):
            await store.mark_reconciled(Slot(slot))
        await shelf.reopen()
        assert await shelf.store.reconciled_to() == 9

    async def test_only_what_no_attempt_has_is_unrecorded(self, shelf: Shelf, store: Store):
        order = await shelf.claimed(Status.CONFIRMED)
        assert order.attempt is not None
        known, other, gone = order.attempt.signature, Signature("other"), Signature("gone")
        assert await store.unrecorded([known, other, gone]) == {other, gone}
        assert await store.unrecorded([]) == frozenset()
        await store.halt_for_unrecorded([trace("gone")], HALT, order_factory.START)
        assert await store.unrecorded([known, other, gone]) == {other}

    async def test_what_is_missing_halts_is_listed_and_outlives_a_restart(
        self, shelf: Shelf, store: Store
    ):
        order = await shelf.add()
        one, two = trace("one", order.id, 3), trace("two", None, 8, failed=True)
        await store.halt_for_unrecorded([one, two], HALT, order_factory.START)
        await store.halt_for_unrecorded([two], HALT, order_factory.START)
        await shelf.reopen()
        fresh: Store = shelf.store  # type: ignore[assignment]
        assert await fresh.halted() == HALT
        assert await fresh.list_unrecorded(10) == UnrecordedTransactions(2, (two, one))
        assert await fresh.list_unrecorded(1) == UnrecordedTransactions(2, (two,))
        with pytest.raises(TradingHalted):
            await shelf.add()

    @pytest.mark.parametrize("reopens", [False, True])
    async def test_an_order_the_chain_executed_is_given_to_nobody(
        self, shelf: Shelf, store: Store, reopens: bool
    ):
        moved, reverted, free = [await shelf.add() for _ in range(3)]
        missing = [trace("one", moved.id), trace("two", reverted.id, failed=True)]
        await store.halt_for_unrecorded(missing, HALT, order_factory.START)
        await store.resume("ann", "looked at", order_factory.START)
        if reopens:
            await shelf.reopen()
        due = await shelf.store.claim_due(order_factory.START, 10)
        assert {one.id for one in due} == {reverted.id, free.id}
        assert await shelf.store.claim(moved.id) is None
        await shelf.store.request_cancel(moved.id, order_factory.START)
        assert await shelf.store.claim(moved.id) is None
        assert not await shelf.store.claim_due(order_factory.START, 10)
