"""States what every store does with what it is told to write."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.attempt import Fill
from cambist.orders.decide import Decision
from cambist.orders.intent import Intent
from cambist.orders.journal import replay, start_journal
from cambist.orders.lifecycle import IllegalTransition
from cambist.orders.order import Status
from cambist.ports.errors import DuplicateIdempotencyKey, VersionConflict
from cambist.ports.store import IdempotencyRecord, NewOrder
from cambist.values.amount import RAW_MAX
from cambist.values.ids import LOCAL, order_id
from cambist.values.time_units import Height
from tests import order_factory
from tests.contracts.store_harness import Shelf, at_once, bare, change, folded, same
from tests.strategies import intents

NEIGHBOURS = 50
CROWD = 150


class Adding:
    """What is added is there, once."""

    async def test_what_was_added_is_what_is_read(self, shelf: Shelf) -> None:
        birth = shelf.birth()
        await shelf.store.add(birth)
        assert await shelf.store.get(birth.event.order.id) == birth.event.order
        assert await shelf.journal(birth.event.order) == (birth.event.entry,)

    @settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(wishes=st.lists(intents, min_size=1, max_size=20))
    async def test_any_wish_survives_the_store_unchanged(
        self, shelf: Shelf, wishes: list[Intent]
    ) -> None:
        for wish in wishes:
            fresh = shelf.birth().event.order
            told = start_journal(fresh.id, events.Accepted(wish), order_factory.START)
            await shelf.store.add(NewOrder(told))
            assert await shelf.store.get(fresh.id) == told.order
            assert (await shelf.store.list_orders(order_factory.newest(1))).orders == (told.order,)

    async def test_what_was_never_added_is_not_there(self, shelf: Shelf) -> None:
        nobody = order_id(order_factory.START, 2**70)
        assert await shelf.store.get(nobody) is None
        assert await shelf.store.claim(nobody) is None
        assert await shelf.store.read_journal(nobody, 0, 10) == ()
        assert await shelf.store.request_cancel(nobody, order_factory.START) is None
        assert await shelf.store.find_by_key(LOCAL, "nothing") is None

    async def test_a_key_remembers_the_request_and_its_reply(self, shelf: Shelf) -> None:
        birth = shelf.birth("key")
        await shelf.store.add(birth)
        kept = IdempotencyRecord(birth.event.order.id, birth.fingerprint, birth.reply)
        assert await shelf.store.find_by_key(LOCAL, "key") == kept
        assert await shelf.store.find_by_key(order_factory.other("ann"), "key") is None

    async def test_a_key_is_taken_once(self, shelf: Shelf) -> None:
        first, second = shelf.birth("key"), shelf.birth("key")
        await shelf.store.add(first)
        with pytest.raises(DuplicateIdempotencyKey) as taken:
            await shelf.store.add(second)
        kept = IdempotencyRecord(first.event.order.id, first.fingerprint, first.reply)
        assert taken.value.existing == kept
        assert await shelf.store.get(second.event.order.id) is None
        assert await shelf.journal(second.event.order) == ()
        assert [event.order.id for event in shelf.events] == [first.event.order.id]

    async def test_a_key_belongs_to_its_principal(self, shelf: Shelf) -> None:
        mine = await shelf.add("key")
        yours = await shelf.add("key", principal=order_factory.other("ann"))
        assert await shelf.store.get(mine.id)
        assert await shelf.store.get(yours.id)

    async def test_orders_without_a_key_never_collide(self, shelf: Shelf) -> None:
        assert await at_once(*(shelf.add() for _ in range(20)))
        assert len((await shelf.store.list_orders(order_factory.newest(30))).orders) == 20

    async def test_many_askers_with_one_key_make_one_order(self, shelf: Shelf) -> None:
        births = [shelf.birth("key") for _ in range(20)]
        results = await at_once(*(shelf.store.add(birth) for birth in births))
        won = [birth for birth, got in zip(births, results, strict=True) if got is None]
        assert len(won) == 1
        lost = [got for got in results if got is not None]
        assert all(isinstance(got, DuplicateIdempotencyKey) for got in lost)
        assert {got.existing.order_id for got in lost} == {won[0].event.order.id}
        assert len((await shelf.store.list_orders(order_factory.newest(30))).orders) == 1


class Moving:
    """A change is written whole, by whom the order belongs to, or not at all."""

    @pytest.mark.parametrize("status", Status)
    async def test_an_order_stands_where_its_facts_brought_it(
        self, shelf: Shelf, status: Status
    ) -> None:
        order = await shelf.claimed(status)
        assert order.status is status
        assert same(await shelf.store.get(order.id), order)
        await shelf.store.release(order)
        await shelf.reopen()
        assert same(await shelf.store.get(order.id), order)
        assert bare(replay(await shelf.journal(order))[-1].order) == folded(order)

    async def test_every_commit_raises_the_version(self, shelf: Shelf) -> None:
        order = await shelf.claimed()
        after = await shelf.commit(order, events.Started())
        assert after.version > order.version

    async def test_a_stale_version_is_refused_with_the_order_as_it_is(self, shelf: Shelf) -> None:
        order = await shelf.claimed()
        moved = await shelf.commit(order, events.Started())
        with pytest.raises(VersionConflict) as stale:
            await shelf.commit(order, events.Started())
        assert same(stale.value.current, moved)
        assert len(await shelf.journal(order)) == 2
        again = await shelf.commit(stale.value.current, events.Routed(order_factory.route()))  # type: ignore[arg-type]
        assert again.status is Status.BUILDING

    async def test_of_those_who_commit_at_once_one_wins(self, shelf: Shelf) -> None:
        order = await shelf.claimed()
        results = await at_once(*(shelf.commit(order, events.Started()) for _ in range(10)))
        assert sum(isinstance(got, VersionConflict) for got in results) == 9
        assert len(await shelf.journal(order)) == 2

    async def test_a_crowd_is_written_as_one_by_one(self, shelf: Shelf) -> None:
        held = await at_once(*(shelf.claimed() for _ in range(CROWD)))
        for status in (Status.ROUTING, Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED):
            tried = [order_factory.attempt(1, order.id) for order in held]
            facts = [order_factory.path(status, one)[held[0].last_seq - 1] for one in tried]
            todo = zip(held, facts, tried, strict=True)
            held = await at_once(*(shelf.commit(*one) for one in todo))
            if status is Status.SUBMITTED:
                held = await at_once(*(shelf.commit(order, events.Sent()) for order in held))
        for order in held:
            assert bare(replay(await shelf.journal(order))[-1].order) == folded(order)

    async def test_a_cancel_noted_in_between_makes_the_commit_stale(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.BUILDING)
        noted = await shelf.store.request_cancel(order.id, order_factory.START)
        assert noted is not None
        assert noted.version > order.version
        tried = order_factory.attempt(1, order.id)
        with pytest.raises(VersionConflict) as stale:
            await shelf.commit(order, order_factory.signed(tried), tried)
        fresh = stale.value.current
        assert fresh is not None
        assert fresh.cancel_requested_at == order_factory.START
        assert fresh.attempt is None
        ended = await shelf.commit(fresh, events.Cancelled())
        assert ended.status is Status.CANCELLED

    async def test_a_cancel_is_noted_once_and_not_on_a_closed_order(self, shelf: Shelf) -> None:
        order = await shelf.add()
        first = await shelf.store.request_cancel(order.id, order_factory.START)
        second = await shelf.store.request_cancel(order.id, order_factory.START)
        assert first == second
        closed = await shelf.claimed(Status.FAILED)
        assert same(await shelf.store.request_cancel(closed.id, order_factory.START), closed)
        assert [event.event.kind for event in shelf.events].count("cancel_requested") == 1

    async def test_new_terms_are_recorded_and_make_a_running_commit_stale(
        self, shelf: Shelf
    ) -> None:
        order = await shelf.claimed(Status.BUILDING)
        terms = replace(order.terms, slippage_bps=77)
        amended = await shelf.store.amend(order.id, terms, order.last_seq, order_factory.START)
        assert (amended.terms, amended.status) == (terms, Status.BUILDING)
        assert (amended.last_seq, amended.wake_at) == (order.last_seq + 1, order.wake_at)
        assert same(await shelf.store.get(order.id), amended)
        stored = await shelf.store.current_terms([order.id])
        assert stored[order.id].terms == terms
        assert bare(replay(await shelf.journal(order))[-1].order) == folded(amended)
        tried = order_factory.attempt(1, order.id)
        with pytest.raises(VersionConflict) as stale:
            await shelf.commit(order, order_factory.signed(tried), tried)
        fresh = stale.value.current
        assert fresh is not None
        assert (fresh.terms, fresh.attempt) == (terms, None)
        signed = await shelf.commit(fresh, order_factory.signed(tried), tried)
        assert (signed.terms, signed.status) == (terms, Status.SUBMITTED)

    async def test_new_terms_need_the_last_event_and_an_open_order(self, shelf: Shelf) -> None:
        order = await shelf.add()
        terms = replace(order.terms, slippage_bps=77)
        for seq in (order.last_seq - 1, order.last_seq + 1):
            with pytest.raises(VersionConflict):
                await shelf.store.amend(order.id, terms, seq, order_factory.START)
        nobody = shelf.birth().event.order.id
        with pytest.raises(VersionConflict):
            await shelf.store.amend(nobody, terms, 1, order_factory.START)
        assert same(await shelf.store.get(order.id), order)
        closed = await shelf.claimed(Status.FAILED)
        with pytest.raises(IllegalTransition):
            await shelf.store.amend(closed.id, terms, closed.last_seq, order_factory.START)
        assert same(await shelf.store.get(closed.id), closed)

    async def test_of_two_changes_on_the_same_event_one_is_written(self, shelf: Shelf) -> None:
        order = await shelf.add()
        changes = [replace(order.terms, slippage_bps=bps) for bps in range(60, 70)]
        results = await at_once(
            *(
                shelf.store.amend(order.id, terms, order.last_seq, order_factory.START)
                for terms in changes
            )
        )
        assert sum(isinstance(result, VersionConflict) for result in results) == 9
        (written,) = (result for result in results if not isinstance(result, BaseException))
        assert same(await shelf.store.get(order.id), written)
        assert [entry.kind for entry in await shelf.journal(order)] == ["accepted", "amended"]

    async def test_what_the_table_forbids_writes_nothing(self, shelf: Shelf) -> None:
        order = await shelf.claimed()
        with pytest.raises(IllegalTransition):
            await shelf.commit(order, events.Landed(order_factory.fill(order_factory.attempt())))
        assert same(await shelf.store.get(order.id), order)
        assert len(await shelf.journal(order)) == 1

    async def test_the_index_refuses_a_second_live_attempt(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.SUBMITTED)
        forged = Decision(
            (events.Seen(2_010),), order_factory.START, order_factory.attempt(2, order.id)
        )
        with pytest.raises(IllegalTransition):
            await shelf.store.commit(order, forged, order_factory.START)
        assert same(await shelf.store.get(order.id), order)
        assert (await shelf.journal(order))[-1].kind == "sent"

    async def test_a_second_attempt_needs_the_first_one_dead(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.SUBMITTED)
        order = await shelf.commit(
            order, events.Lapsed(order.attempt.signature, (order_factory.witness(),))
        )
        order = await shelf.commit(
            order, events.RetryScheduled(order_factory.PASSING, 2, order_factory.START)
        )
        order = await shelf.commit(order, events.Routed(order_factory.route()))
        second = order_factory.attempt(2, order.id)
        order = await shelf.commit(order, order_factory.signed(second), second)
        assert order.attempt == second

    async def test_a_landed_attempt_is_the_last(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.CONFIRMED)
        forged = Decision((events.Finalized(9),), None, order_factory.attempt(2, order.id))
        with pytest.raises(IllegalTransition):
            await shelf.store.commit(order, forged, order_factory.START)
        assert (await shelf.journal(order))[-1].kind == "landed"

    async def test_one_bad_item_fails_alone(self, shelf: Shelf) -> None:
        held = [await shelf.claimed(Status.BUILDING) for _ in range(NEIGHBOURS + 2)]
        doubled = await shelf.claimed(Status.SUBMITTED)
        await shelf.store.request_cancel(held[20].id, order_factory.START)
        tried = [order_factory.attempt(1, order.id) for order in held]
        # No column holds such a height: a number no witness of a real chain could give.
        tried[40] = replace(tried[40], last_valid_height=Height(2**64 - 1))
        results = await at_once(
            *(
                shelf.commit(order, order_factory.signed(one), one)
                for order, one in zip(held, tried, strict=True)
            ),
            shelf.store.commit(
                doubled,
                Decision((), order_factory.START, order_factory.attempt(2, doubled.id)),
                order_factory.START,
            ),
        )
        bad = {n: got for n, got in enumerate(results) if isinstance(got, BaseException)}
        assert set(bad) == {20, 40, NEIGHBOURS + 2}
        assert isinstance(bad[20], VersionConflict)
        for number, order in enumerate(held):
            lines = await shelf.journal(order)
            assert (lines[-1].kind == "signed") == (number not in bad)
        await shelf.store.ping()

    async def test_the_bytes_of_a_transaction_survive(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.BUILDING)
        tried = replace(order_factory.attempt(1, order.id), transaction=bytes(range(256)) * 4)
        await shelf.commit(order, order_factory.signed(tried), tried)
        await shelf.reopen()
        kept = await shelf.store.claim(order.id)
        assert kept is not None
        assert kept.attempt == tried

    async def test_the_greatest_amounts_survive(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.BUILDING, amount=RAW_MAX)
        tried = order_factory.attempt(1, order.id)
        most = Fill(tried.signature, RAW_MAX, RAW_MAX, RAW_MAX, 2_010)
        for one in (order_factory.signed(tried), events.Sent(), events.Landed(most)):
            order = await shelf.commit(order, one, tried)
        await shelf.reopen()
        kept = await shelf.store.get(order.id)
        assert kept is not None
        assert kept.fill == most
        assert kept.intent.amount == RAW_MAX


class Telling:
    """News is what is durable: all of it, in order, and nothing else."""

    async def test_every_committed_fact_is_told_once_in_order(self, shelf: Shelf) -> None:
        orders = await at_once(*(shelf.claimed(status) for status in Status for _ in range(3)))
        for order in orders:
            mine = [event for event in shelf.events if event.order.id == order.id]
            assert tuple(one.entry for one in mine) == await shelf.journal(order)
            assert [one.order.last_seq for one in mine] == [one.entry.seq for one in mine]
            assert bare(mine[-1].order) == bare(order)
        assert len(shelf.events) == sum(order.last_seq for order in orders)

    async def test_nothing_refused_is_told(self, shelf: Shelf) -> None:
        order = await shelf.claimed()
        await shelf.commit(order, events.Started())
        before = list(shelf.events)
        stale = await at_once(*(shelf.commit(order, events.Started()) for _ in range(5)))
        assert all(isinstance(got, VersionConflict) for got in stale)
        assert shelf.events == before

    async def test_a_change_without_facts_tells_nothing(self, shelf: Shelf) -> None:
        order = await shelf.claimed()
        before = list(shelf.events)
        await shelf.store.commit(order, Decision((), order_factory.START), order_factory.START)
        assert shelf.events == before

    async def test_who_hears_the_news_can_read_it(self, shelf: Shelf) -> None:
        order = await shelf.claimed()
        for one in order_factory.path(Status.CONFIRMED, order_factory.attempt(1, order.id)):
            order = await shelf.commit(order, one, order_factory.attempt(1, order.id))
            heard = shelf.events[-1]
            assert (await shelf.journal(order))[-1] == heard.entry

    async def test_several_facts_of_one_change_are_told_together(self, shelf: Shelf) -> None:
        order = await shelf.claimed(Status.SUBMITTED)
        both = (
            events.Landed(order_factory.fill(order_factory.attempt(1, order.id))),
            events.Finalized(9),
        )
        after = await shelf.store.commit(order, Decision(both, None), order_factory.START)
        assert [event.event for event in shelf.events[-2:]] == list(both)
        assert after.is_final
        assert change(both[1]).wake_at is None
