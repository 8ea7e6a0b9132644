"""States how every store stops trading: inside the transactions that would go on with it."""

from __future__ import annotations

import pytest

from cambist.orders import events
from cambist.orders.order import Status
from cambist.ports.errors import TradingHalted
from cambist.ports.store import Halt
from tests import order_factory
from tests.contracts.store_harness import Shelf, at_once

HALT = Halt("the market is on fire", "ann", order_factory.START)


class Halting:
    """From a halt on nothing begins; what has begun is watched to its end."""

    async def test_a_halt_is_there_until_trading_goes_on(self, shelf: Shelf) -> None:
        assert await shelf.store.halted() is None
        await shelf.store.halt(HALT)
        assert await shelf.store.halted() == HALT
        await shelf.reopen()
        assert await shelf.store.halted() == HALT
        await shelf.store.resume("bob", "it is out", order_factory.START)
        await shelf.store.resume("bob", "it is out", order_factory.START)
        assert await shelf.store.halted() is None
        await shelf.add()

    async def test_no_order_is_added_under_a_halt(self, shelf: Shelf) -> None:
        await shelf.store.halt(HALT)
        got = await at_once(*(shelf.add() for _ in range(5)))
        assert all(isinstance(one, TradingHalted) and one.halt == HALT for one in got)
        with pytest.raises(TradingHalted):
            await shelf.store.add_all([shelf.birth(), shelf.birth()])
        assert await shelf.store.backlog() == 0
        assert shelf.events == []

    async def test_no_attempt_is_recorded_under_a_halt(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.BUILDING)
        tried = order_factory.attempt(1, order.id)
        await shelf.store.halt(HALT)
        with pytest.raises(TradingHalted):
            await shelf.commit(order, order_factory.signed(tried), tried)
        await shelf.store.resume("bob", "it is out", order_factory.START)
        assert (await shelf.commit(order, order_factory.signed(tried), tried)).in_flight is not None

    async def test_what_is_in_flight_goes_on(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.SUBMITTED)
        await shelf.store.halt(HALT)
        landed = events.Landed(order_factory.fill(order_factory.attempt(1, order.id)))
        assert (await shelf.commit(order, landed)).status is Status.CONFIRMED

    async def test_once_a_halt_is_set_no_attempt_is_told_any_more(self, shelf: Shelf) -> None:
        orders = [await shelf.claimed(Status.BUILDING) for _ in range(40)]
        tries = [order_factory.attempt(1, order.id) for order in orders]

        def signed() -> int:
            return len([event for event in shelf.events if isinstance(event.event, events.Signed)])

        async def halt() -> int:
            await shelf.store.halt(HALT)
            return signed()

        *got, signed_by_then = await at_once(
            *(
                shelf.commit(one, order_factory.signed(tried), tried)
                for one, tried in zip(orders, tries, strict=True)
            ),
            halt(),
        )
        refused = [one for one in got if isinstance(one, TradingHalted)]
        assert signed() == signed_by_then == len(orders) - len(refused)
