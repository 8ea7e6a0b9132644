"""Walk a store and a model of it side by side, rule by rule, and compare all they can tell."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.journal import replay
from cambist.orders.order import Order, Status
from cambist.ports.errors import DuplicateIdempotencyKey, VersionConflict
from cambist.values.ids import LOCAL, OrderId
from cambist.values.time_units import Timestamp
from tests import order_factory
from tests.contracts.store_harness import Opening, Shelf, at_once, change, folded

NOW = order_factory.START
OPEN = (Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED)


def next_facts(order: Order) -> list[events.OrderEvent]:
    """List what may become true of an order now."""
    tried = order.in_flight
    again = events.RetryScheduled(order_factory.PASSING, order.try_number + 1, NOW)
    if order.status is Status.PENDING:
        return [events.Started(), events.Expired()]
    if order.status is Status.ROUTING:
        return [events.Routed(order_factory.route()), again, events.Failed(order_factory.LASTING)]
    if order.status is Status.BUILDING:
        fresh = order_factory.attempt(order.attempt_count + 1, order.id)
        return [order_factory.signed(fresh), again, events.Cancelled()]
    if order.status is Status.CONFIRMED:
        return [] if order.is_final else [events.Finalized(2_100)]
    if order.status is not Status.SUBMITTED:
        return []
    if tried is None:
        return [again, events.Failed(order_factory.LASTING)]
    return [
        events.Sent(),
        events.Seen(2_010),
        events.Landed(order_factory.fill(tried)),
        events.Lapsed(tried.signature, (order_factory.witness(),)),
    ]


class StoreMachine(RuleBasedStateMachine):
    """The model is a dict of orders as last committed, and a set of claims."""

    orders = Bundle("orders")

    def open_at(self) -> Opening:
        """Return how to open an empty store; a subclass says."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.model: dict[OrderId, Order] = {}
        self.keys: dict[str, OrderId] = {}
        self.claims: dict[OrderId, Order] = {}
        self.shelf = Shelf(self.open_at())
        self.run(self.shelf.__aenter__())

    def run(self, waiting: Any) -> Any:
        return self.runner.run(waiting)

    def teardown(self) -> None:
        self.run(self.shelf.__aexit__())
        self.runner.close()

    @rule(target=orders, key=st.none() | st.sampled_from("abc"))
    def add(self, key: str | None) -> OrderId:
        birth = self.shelf.birth(key)
        (refusal,) = self.run(at_once(self.shelf.store.add(birth)))
        if key is not None and key in self.keys:
            assert isinstance(refusal, DuplicateIdempotencyKey)
            assert refusal.existing.order_id == self.keys[key]
            return self.keys[key]
        assert refusal is None
        order = birth.event.order
        self.model[order.id] = order
        if key is not None:
            self.keys[key] = order.id
        return order.id

    @rule(order_id=orders)
    def claim(self, order_id: OrderId) -> None:
        got = self.run(self.shelf.store.claim(order_id))
        known = self.model[order_id]
        if order_id in self.claims or known.wake_at is None:
            assert got is None
        else:
            assert got is not None
            self.agree(got, known)
            self.claims[order_id] = got

    @rule(limit=st.integers(1, 3))
    def claim_due(self, limit: int) -> None:
        due = {one.id for one in self.model.values() if one.wake_at is not None}
        free = due - self.claims.keys()
        got = self.run(self.shelf.store.claim_due(Timestamp(NOW + 1), limit))
        assert len(got) <= limit
        for one in got:
            assert one.id in free
            self.agree(one, self.model[one.id])
            self.claims[one.id] = one
        resting = {one for one in free if self.model[one].awaits_chain}
        assert len(got) >= min(limit, len(free - resting))

    @rule(order_id=orders, data=st.data())
    def commit(self, order_id: OrderId, data: st.DataObject) -> None:
        held = self.claims.get(order_id)
        choices = [] if held is None else next_facts(held)
        if held is None or not choices:
            return
        one = data.draw(st.sampled_from(choices))
        tried = order_factory.attempt(held.attempt_count + 1, order_id)
        known = self.model[order_id]
        writing = self.shelf.store.commit(held, change(one, tried), NOW)
        (after,) = self.run(at_once(writing))
        if held.version != known.version:
            assert isinstance(after, VersionConflict)
            assert after.current is not None
            self.agree(after.current, known)
            self.claims[order_id] = after.current
        else:
            self.model[order_id] = self.claims[order_id] = after

    @rule(order_id=orders)
    def release(self, order_id: OrderId) -> None:
        held = self.claims.pop(order_id, None)
        if held is not None:
            self.run(self.shelf.store.release(held))

    @rule(order_id=orders)
    def request_cancel(self, order_id: OrderId) -> None:
        known = self.model[order_id]
        noted = self.run(self.shelf.store.request_cancel(order_id, NOW))
        if known.is_closed or known.cancel_requested_at is not None:
            self.agree(noted, known)
        else:
            assert noted.cancel_requested_at == NOW
            assert noted.version > known.version
        self.model[order_id] = noted

    @rule()
    def reopen(self) -> None:
        self.run(self.shelf.reopen())
        self.claims.clear()
        for order_id in self.model:
            kept = self.run(self.shelf.store.get(order_id))
            self.agree(kept, self.model[order_id])
            self.model[order_id] = kept

    @rule(order_id=orders)
    def read(self, order_id: OrderId) -> None:
        known = self.model[order_id]
        self.agree(self.run(self.shelf.store.get(order_id)), known)
        journal = self.run(self.shelf.journal(known))
        again = replay(journal)[-1].order
        assert folded(again) == folded(known)
        told = [event.entry for event in self.shelf.events if event.order.id == order_id]
        assert tuple(told) == journal

    @invariant()
    def counts_agree(self) -> None:
        census = self.run(self.shelf.store.count_orders(LOCAL, NOW))
        standing = [one.status for one in self.model.values()]
        assert census.by_status == {status: standing.count(status) for status in Status}
        backlog = self.run(self.shelf.store.backlog())
        assert backlog == sum(status in OPEN for status in standing)

    def agree(self, one: Order, two: Order) -> None:
        """Compare everything but whose turn it is and when the next one is."""
        seat = {"lease_owner": None, "lease_epoch": 0, "wake_at": None}
        assert replace(one, **seat) == replace(two, **seat)
        assert (one.wake_at is None) == (two.wake_at is None)
