"""States who may move an order, when it is due, and what every store finds and counts."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.order import Order, Status
from cambist.orders.retry import BACKOFF_MAX_MS
from cambist.ports.errors import VersionConflict
from cambist.ports.store import OrderPage
from cambist.values.ids import LOCAL, Address, OrderId
from cambist.values.time_units import Timestamp
from cambist.values.token import BONK, RAY, SOL, USDC, Pair
from tests import order_factory
from tests.contracts.store_harness import Shelf, at_once, same

NOW = order_factory.START
LATER = Timestamp(NOW + 60_000)
LEASED_MS = 20_000
"""Less than the lease of every store under test."""
WALLET = Address("4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R")
OPEN = {Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED}


class Permission:
    """Before a send, the store says what may forbid it."""

    async def test_current_terms_tell_of_a_cancel_as_soon_as_it_is_durable(
        self, shelf: Shelf
    ) -> None:
        order = await shelf.claimed(Status.SUBMITTED)
        before = await shelf.store.current_terms([order.id])
        await shelf.store.request_cancel(order.id, LATER)
        after = await shelf.store.current_terms([order.id])
        assert before[order.id].cancel_requested_at is None
        assert after[order.id].cancel_requested_at == LATER

    async def test_current_terms_leave_out_what_is_not_there(self, shelf: Shelf) -> None:
        order, other = await shelf.claimed(Status.SUBMITTED), shelf.birth().event.order
        found = await shelf.store.current_terms([order.id, other.id])
        assert found.keys() == {order.id}
        assert (found[order.id].terms or order.intent.terms) == order.terms

    async def test_a_store_that_was_opened_again_tells_of_a_cancel(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.SUBMITTED)
        await shelf.store.request_cancel(order.id, LATER)
        await shelf.reopen()
        found = await shelf.store.current_terms([order.id])
        assert found[order.id].cancel_requested_at == LATER


class Claiming:
    """An order has one mover at a time, and comes up when it is due."""

    async def test_an_order_is_claimed_by_one(self, shelf: Shelf) -> None:
        order = await shelf.add()
        got = await at_once(*(shelf.store.claim(order.id) for _ in range(20)))
        assert len([one for one in got if one is not None]) == 1

    async def test_a_released_order_may_be_claimed_again(self, shelf: Shelf) -> None:
        order = await shelf.claimed()
        assert await shelf.store.claim(order.id) is None
        await shelf.store.release(order)
        assert same(await shelf.store.claim(order.id), order)

    @pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED, Status.EXPIRED])
    async def test_an_order_with_nothing_to_do_is_not_to_be_had(
        self, shelf: Shelf, status: Status
    ) -> None:
        order = await shelf.claimed(status)
        await shelf.store.release(order)
        assert await shelf.store.claim(order.id) is None
        assert await shelf.store.claim_due(LATER, 10) == ()

    async def test_a_landed_order_is_claimed_until_it_is_final(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.CONFIRMED)
        await shelf.store.release(order)
        held = await shelf.store.claim(order.id)
        assert held is not None
        final = await shelf.commit(held, events.Finalized(9))
        await shelf.store.release(final)
        assert await shelf.store.claim(order.id) is None

    async def test_who_lost_the_claim_can_write_no_more(self, shelf: Shelf) -> None:
        old = await shelf.claimed()
        await shelf.store.release(old)
        new = await shelf.store.claim(old.id)
        assert new is not None
        await shelf.commit(new, events.Started())
        with pytest.raises(VersionConflict):
            await shelf.commit(old, events.Started())

    async def test_the_oldest_wake_up_comes_first(self, shelf: Shelf) -> None:
        orders = [await shelf.add(at=NOW - age) for age in (3, 9, 1, 7, 5)]
        oldest_first = sorted(orders, key=lambda order: order.created_at)
        due = await shelf.store.claim_due(NOW, 10)
        assert [one.id for one in due] == [one.id for one in oldest_first]

    async def test_a_limit_hands_out_what_is_due_bit_by_bit(self, shelf: Shelf) -> None:
        orders = [await shelf.add(at=NOW - age) for age in range(5)]
        taken = [await shelf.store.claim_due(NOW, 2) for _ in range(4)]
        assert [len(some) for some in taken] == [2, 2, 1, 0]
        assert {one.id for some in taken for one in some} == {order.id for order in orders}

    async def test_those_who_ask_at_once_share_what_is_due(self, shelf: Shelf) -> None:
        orders = [await shelf.add() for _ in range(30)]
        shares = await at_once(*(shelf.store.claim_due(NOW, 10) for _ in range(5)))
        handed = [one.id for share in shares for one in share]
        assert len(handed) == len(set(handed))
        rest = await shelf.store.claim_due(NOW, 30)
        assert sorted([*handed, *(one.id for one in rest)]) == sorted(order.id for order in orders)

    async def test_the_journals_of_some_orders_are_read_together(self, shelf: Shelf) -> None:
        orders = [await shelf.claimed(Status.SUBMITTED) for _ in range(3)]
        nobody = OrderId(orders[0].id[::-1])
        read = await shelf.store.read_journals([orders[2].id, nobody, orders[0].id])
        each = [await shelf.store.read_journal(orders[n].id, 0, 100) for n in (0, 2)]
        assert read == (*each[0], *each[1])
        assert await shelf.store.read_journals([]) == ()

    async def test_a_second_look_sees_what_a_first_one_does(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.SUBMITTED)
        assert same(await shelf.store.reload(order.id), order)
        noted = await shelf.store.request_cancel(order.id, NOW)
        assert same(await shelf.store.reload(order.id), noted)
        assert await shelf.store.reload(OrderId(order.id[::-1])) is None

    async def test_what_is_not_due_is_not_handed_out(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.ROUTING)
        again = events.RetryScheduled(order_factory.PASSING, 2, LATER)
        order = await shelf.commit(order, again, wake_at=LATER)
        await shelf.store.release(order)
        assert await shelf.store.claim_due(Timestamp(LATER - 1), 10) == ()
        (due,) = await shelf.store.claim_due(LATER, 10)
        assert same(due, order)

    async def test_a_wake_up_further_off_than_any_wait_is_due(self, shelf: Shelf) -> None:
        """The clock has stepped back since; nobody should wait for it to catch up."""
        assert await shelf.store.claim_due(LATER, 10) == ()
        orders = [await shelf.add(at=LATER) for _ in range(3)]
        before = Timestamp(LATER - BACKOFF_MAX_MS)
        assert await shelf.store.claim_due(before, 10) == ()
        due = await shelf.store.claim_due(Timestamp(before - 1), 2)
        due += await shelf.store.claim_due(Timestamp(before - 3_600_000), 10)
        assert {one.id for one in due} == {order.id for order in orders}

    async def test_what_is_released_comes_up_again(self, shelf: Shelf) -> None:
        await shelf.add()
        (order,) = await shelf.store.claim_due(NOW, 10)
        assert await shelf.store.claim_due(NOW, 10) == ()
        await shelf.store.release(order)
        (again,) = await shelf.store.claim_due(NOW, 10)
        assert same(again, order)

    async def test_a_wish_to_cancel_wakes_a_resting_order(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.ROUTING)
        again = events.RetryScheduled(order_factory.PASSING, 2, LATER)
        await shelf.store.release(await shelf.commit(order, again, wake_at=LATER))
        await shelf.store.request_cancel(order.id, NOW)
        (due,) = await shelf.store.claim_due(NOW, 10)
        assert due.cancel_requested_at == NOW

    async def test_an_order_that_rests_with_the_chain_is_not_swept_up(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.SUBMITTED)
        await shelf.store.renew((order,))
        assert await shelf.store.claim_due(Timestamp(NOW + LEASED_MS), 10) == ()
        kept = await shelf.store.get(order.id)
        assert kept is not None
        assert kept.version == order.version, "renewing a claim raises no version"

    async def test_an_order_that_rests_with_the_chain_comes_up_once_it_is_released(
        self, shelf: Shelf
    ) -> None:
        for status in (Status.SUBMITTED, Status.CONFIRMED):
            order = await shelf.claimed(status)
            assert await shelf.store.claim_due(NOW, 10) == ()
            await shelf.store.release(order)
            (due,) = await shelf.store.claim_due(NOW, 10)
            assert same(due, order)


class Lasting:
    """Whoever opens the store next finds all that was promised."""

    async def test_an_order_in_flight_is_due_after_reopening(self, shelf: Shelf) -> None:
        flying = await shelf.claimed(Status.SUBMITTED)
        landed = await shelf.claimed(Status.CONFIRMED)
        await shelf.claimed(Status.FAILED)
        await shelf.reopen()
        due = await shelf.store.claim_due(NOW, 10)
        assert {one.id for one in due} == {flying.id, landed.id}
        kept = next(one for one in due if one.id == flying.id)
        assert kept.in_flight == replace(order_factory.attempt(1, flying.id), sent_at=NOW)

    async def test_claims_die_with_their_process(self, shelf: Shelf) -> None:
        orders = [await shelf.claimed(status) for status in OPEN]
        await shelf.reopen()
        assert len(await shelf.store.claim_due(NOW, 10)) == len(orders)

    async def test_a_wake_up_to_come_is_still_to_come(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.ROUTING)
        again = events.RetryScheduled(order_factory.PASSING, 2, LATER)
        await shelf.commit(order, again, wake_at=LATER)
        await shelf.reopen()
        assert await shelf.store.claim_due(Timestamp(LATER - 1), 10) == ()
        assert len(await shelf.store.claim_due(LATER, 10)) == 1

    async def test_keys_and_counts_are_there_again(self, shelf: Shelf) -> None:
        for status in Status:
            await shelf.claimed(status)
        keyed = await shelf.add("key")
        before = await shelf.store.count_orders(LOCAL, NOW), await shelf.store.backlog()
        await shelf.reopen()
        assert (await shelf.store.count_orders(LOCAL, NOW), await shelf.store.backlog()) == before
        kept = await shelf.store.find_by_key(LOCAL, "key")
        assert kept is not None
        assert kept.order_id == keyed.id


class Finding:
    """Lists and counts say what is so."""

    async def test_orders_are_counted_where_they_stand(self, shelf: Shelf) -> None:
        for number, status in enumerate(Status):
            for _ in range(number + 1):
                await shelf.claimed(status)
        await shelf.add(principal=order_factory.other("ann"))
        census = await shelf.store.count_orders(LOCAL, NOW)
        assert census.by_status == {status: n + 1 for n, status in enumerate(Status)}
        assert await shelf.store.backlog() == sum(census.by_status[one] for one in OPEN) + 1

    async def test_what_waits_for_its_retry_is_counted_as_delayed(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.ROUTING)
        await shelf.claimed(Status.SUBMITTED)
        await shelf.claimed(Status.CONFIRMED)
        again = events.RetryScheduled(order_factory.PASSING, 2, LATER)
        await shelf.commit(order, again, wake_at=LATER)
        assert (await shelf.store.count_orders(LOCAL, NOW)).delayed == 1
        assert (await shelf.store.count_orders(LOCAL, LATER)).delayed == 0

    async def test_the_newest_order_is_listed_first_page_by_page(self, shelf: Shelf) -> None:
        orders = [await shelf.add(at=NOW + n) for n in range(7)]
        newest = [order.id for order in reversed(orders)]
        store = shelf.store
        assert [
            one.id for one in (await store.list_orders(order_factory.newest(3))).orders
        ] == newest[:3]
        assert [
            one.id for one in (await store.list_orders(order_factory.newest(3, offset=3))).orders
        ] == newest[3:6]
        after = await store.list_orders(order_factory.newest(3, before=newest[2]))
        assert after.last == newest[5]
        assert [one.id for one in after.orders] == newest[3:6]
        assert await store.list_orders(order_factory.newest(3, offset=7)) == OrderPage(())
        assert await store.list_orders(order_factory.newest(0)) == OrderPage(())

    @pytest.mark.parametrize(
        ("where", "wanted"),
        [
            ({}, {0, 1, 2, 3}),
            ({"statuses": (Status.PENDING,)}, {0, 1, 2}),
            ({"statuses": (Status.FAILED, Status.EXPIRED)}, {3}),
            ({"statuses": (Status.ROUTING,)}, set()),
            ({"wallet": WALLET}, {1}),
            ({"token": "RAY"}, {1, 2}),
            ({"token": RAY.mint}, {1, 2}),
            ({"token": "SOL"}, {0, 1, 3}),
            ({"token": "NONE"}, set()),
            ({"since": Timestamp(NOW + 2)}, {2, 3}),
            ({"principal": "ann"}, {4}),
            ({"principal": "ann", "token": "RAY"}, set()),
            ({"wallet": WALLET, "token": "RAY"}, {1}),
            ({"wallet": WALLET, "token": "BONK"}, set()),
            ({"wallet": WALLET, "statuses": (Status.FAILED,)}, set()),
            ({"token": "RAY", "since": Timestamp(NOW + 2), "statuses": (Status.PENDING,)}, {2}),
        ],
    )
    async def test_orders_are_found_by(
        self, shelf: Shelf, where: dict[str, object], wanted: set[int]
    ) -> None:
        orders: list[Order] = [
            await shelf.add(at=NOW),
            await shelf.add(at=NOW + 1, wallet=WALLET, pair=Pair(SOL, RAY)),
            await shelf.add(at=NOW + 2, pair=Pair(RAY, BONK)),
            await shelf.claimed(Status.FAILED, at=NOW + 3, pair=Pair(USDC, SOL)),
            await shelf.add(at=NOW + 4, principal=order_factory.other("ann")),
        ]
        found = await shelf.store.list_orders(order_factory.newest(10, **where))
        assert {order.id for order in found.orders} == {orders[n].id for n in wanted}

    async def test_a_journal_is_read_from_any_line_on(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.CONFIRMED)
        whole = await shelf.journal(order)
        for after in range(len(whole) + 1):
            for limit in (1, 2, 100):
                part = await shelf.store.read_journal(order.id, after, limit)
                assert part == whole[after : after + limit]
