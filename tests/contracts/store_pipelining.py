"""Promise what becomes of changes that are begun before the one before them is durable."""

from __future__ import annotations

import pytest

from cambist.orders import events
from cambist.orders.order import Status
from cambist.ports.errors import VersionConflict
from tests import order_factory
from tests.contracts.store_harness import Shelf, bare, change


class Turns:
    """Several changes of one order on their way at once."""

    async def test_what_is_built_on_a_stale_change_is_refused_though_its_number_fits(
        self, shelf: Shelf
    ) -> None:
        order = await shelf.claimed(Status.PENDING)
        begun = shelf.store.begin_commit(order, change(events.Started()), order_factory.START)
        await begun.durable
        ahead = await shelf.claimed(Status.PENDING)
        await shelf.store.request_cancel(ahead.id, order_factory.START)
        first = shelf.store.begin_commit(ahead, change(events.Started()), order_factory.START)
        second = shelf.store.begin_commit(
            first.order, change(events.Routed(order_factory.route())), order_factory.START
        )
        for one in (first, second):
            with pytest.raises(VersionConflict):
                await one.durable
        found = await shelf.store.get(ahead.id)
        assert found is not None
        assert found.status is Status.PENDING
        assert [line.kind for line in await shelf.journal(ahead)] == [
            "accepted",
            "cancel_requested",
        ]

    async def test_changes_begun_in_turn_are_made_in_turn(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.PENDING)
        first = shelf.store.begin_commit(order, change(events.Started()), order_factory.START)
        second = shelf.store.begin_commit(
            first.order, change(events.Routed(order_factory.route())), order_factory.START
        )
        await second.durable
        await first.durable
        assert [line.kind for line in await shelf.journal(order)] == [
            "accepted",
            "started",
            "routed",
        ]
        assert bare(await shelf.store.get(order.id) or order) == bare(second.order)

    async def test_an_order_released_before_its_change_is_durable_comes_up_again(
        self, shelf: Shelf
    ) -> None:
        order = await shelf.claimed(Status.BUILDING)
        tried = order_factory.attempt(1, order.id)
        order = await shelf.commit(order, order_factory.signed(tried), tried)
        begun = shelf.store.begin_commit(order, change(events.Sent()), order_factory.START)
        await shelf.store.release(order)
        await begun.durable
        (due,) = await shelf.store.claim_due(order_factory.START, 10)
        assert bare(due) == bare(begun.order)
