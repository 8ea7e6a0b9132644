"""Prove the table: each move it has, none it has not, and no way out past a live attempt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cambist.orders import events
from cambist.orders.journal import append, replay
from cambist.orders.lifecycle import (
    STATUS_NEUTRAL_EVENTS,
    TRANSITIONS,
    IllegalTransition,
    diagram,
    evolve,
)
from cambist.orders.order import CLOSED, Order, Status
from tests import order_factory
from tests.strategies import FACTS, facts

# Written out once more, so that whoever changes the table has to say so twice.
MOVES = [
    ("pending", "started", "routing"),
    ("pending", "armed", "waiting"),
    ("pending", "cancelled", "cancelled"),
    ("pending", "expired", "expired"),
    ("waiting", "triggered", "routing"),
    ("waiting", "cancelled", "cancelled"),
    ("waiting", "expired", "expired"),
    ("waiting", "failed", "failed"),
    ("routing", "routed", "building"),
    ("routing", "retry_scheduled", "routing"),
    ("routing", "rearmed", "waiting"),
    ("routing", "cancelled", "cancelled"),
    ("routing", "expired", "expired"),
    ("routing", "failed", "failed"),
    ("building", "signed", "submitted"),
    ("building", "retry_scheduled", "routing"),
    ("building", "rearmed", "waiting"),
    ("building", "cancelled", "cancelled"),
    ("building", "expired", "expired"),
    ("building", "failed", "failed"),
    ("submitted", "landed", "confirmed"),
    ("submitted", "retry_scheduled", "routing"),
    ("submitted", "rearmed", "waiting"),
    ("submitted", "cancelled", "cancelled"),
    ("submitted", "expired", "expired"),
    ("submitted", "failed", "failed"),
]
NOTED = {
    "pending": {"amended", "cancel_requested"},
    "waiting": {"amended", "cancel_requested", "touched"},
    "routing": {"amended", "cancel_requested"},
    "building": {"amended", "cancel_requested"},
    "submitted": {
        "amended",
        "cancel_requested",
        "sent",
        "seen",
        "written_off",
        "reverted",
        "lapsed",
    },
    "confirmed": {"finalized", "rolled_back"},
    "failed": set[str](),
    "cancelled": set[str](),
    "expired": set[str](),
}
LEAVES_SUBMITTED_AT_REST = {"retry_scheduled", "rearmed", "cancelled", "expired", "failed"}
NEEDS_AN_ATTEMPT = {"landed", "sent", "seen", "written_off", "reverted", "lapsed"}
BY_NAME = {kind.__struct_config__.tag: drawn for kind, drawn in FACTS.items()}
SPENT = events.Lapsed(order_factory.attempt().signature, (order_factory.witness(),))
REVERTED = events.Reverted(order_factory.attempt().signature, order_factory.STALE_PRICE, 5)


def at(status: str, kind: str) -> Order:
    """Bring an order where the table would look this kind up; an attempt only where it must be."""
    if status == "submitted" and kind in LEAVES_SUBMITTED_AT_REST:
        return order_factory.standing(Status.SUBMITTED, SPENT)
    return order_factory.standing(Status(status))


def test_the_table_is_the_one_written_down() -> None:
    table = {
        (status.value, moved.kind, to.value)
        for status, row in TRANSITIONS.items()
        for moved, to in row.items()
    }
    assert table == set(MOVES)
    assert {
        status.value: {noted.kind for noted in notes}
        for status, notes in STATUS_NEUTRAL_EVENTS.items()
    } == NOTED


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(STATUS_NEUTRAL_EVENTS) == set(Status)
    assert {status for status, row in TRANSITIONS.items() if not row} == CLOSED


@pytest.mark.parametrize(("status", "kind", "to"), MOVES)
@settings(max_examples=10)
@given(data=st.data())
def test_the_move_is_made(data: st.DataObject, status: str, kind: str, to: str) -> None:
    order = at(status, kind)
    assert evolve(order, data.draw(BY_NAME[kind]), order_factory.START).status == to


@pytest.mark.parametrize(
    ("status", "kind"),
    [(status, kind) for status, kinds in NOTED.items() for kind in sorted(kinds)],
)
@settings(max_examples=10)
@given(data=st.data())
def test_a_note_moves_no_status(data: st.DataObject, status: str, kind: str) -> None:
    order = at(status, kind)
    assert evolve(order, data.draw(BY_NAME[kind]), order_factory.START).status == status


ILLEGAL = [
    (status.value, kind)
    for status in Status
    for kind in BY_NAME
    if (status.value, kind) not in {(where, what) for where, what, _ in MOVES}
    and kind not in NOTED[status.value]
]


@pytest.mark.parametrize(("status", "kind"), ILLEGAL)
@settings(max_examples=10)
@given(data=st.data())
def test_any_other_fact_is_illegal_and_changes_nothing(
    data: st.DataObject, status: str, kind: str
) -> None:
    order = order_factory.standing(Status(status))
    before = repr(order)
    with pytest.raises(IllegalTransition, match=kind):
        append(order, (data.draw(BY_NAME[kind]),), order_factory.START)
    assert repr(order) == before


def test_the_pairs_not_in_the_table_are_all_tried() -> None:
    legal = len(MOVES) + sum(map(len, NOTED.values()))
    assert len(ILLEGAL) == len(Status) * len(BY_NAME) - legal


@pytest.mark.parametrize("kind", sorted(LEAVES_SUBMITTED_AT_REST))
@settings(max_examples=10)
@given(data=st.data())
def test_nothing_leaves_submitted_while_the_attempt_may_land(
    data: st.DataObject, kind: str
) -> None:
    order = order_factory.standing(Status.SUBMITTED)
    with pytest.raises(IllegalTransition, match="in flight"):
        evolve(order, data.draw(BY_NAME[kind]), order_factory.START)


@pytest.mark.parametrize("kind", sorted(NEEDS_AN_ATTEMPT))
@pytest.mark.parametrize("end", [SPENT, REVERTED])
@settings(max_examples=10)
@given(data=st.data())
def test_nothing_is_told_of_an_attempt_that_is_spent(
    data: st.DataObject, kind: str, end: events.OrderEvent
) -> None:
    order = order_factory.standing(Status.SUBMITTED, end)
    with pytest.raises(IllegalTransition, match="at rest"):
        evolve(order, data.draw(BY_NAME[kind]), order_factory.START)


@given(st.lists(facts, max_size=12))
def test_no_sequence_of_facts_ends_an_order_twice_or_frees_a_live_attempt(
    tried: list[events.OrderEvent],
) -> None:
    order, ends, signatures = order_factory.born().order, 0, 0
    for one in tried:
        try:
            after = evolve(order, one, order_factory.START)
        except IllegalTransition:
            continue
        if order.in_flight is not None and after.status is not Status.SUBMITTED:
            assert after.status is Status.CONFIRMED
        signatures += isinstance(one, events.Signed)
        ends += after.is_closed and not order.is_closed
        assert not (order.is_closed and not after.is_closed)
        order = after
    assert ends <= 1
    assert order.attempt_count == 0 or signatures


def test_the_fold_keeps_what_each_fact_says() -> None:
    tried = order_factory.attempt()
    order = order_factory.standing(Status.SUBMITTED, events.Seen(77))
    assert order.route == order_factory.route()
    assert order.route_seq == 3
    assert order.attempt_count == 1
    assert order.attempt is not None
    assert (order.attempt.signature, order.attempt.first_seen_slot) == (tried.signature, 77)
    assert order.attempt.sent_at == order_factory.START
    landed = order_factory.standing(Status.CONFIRMED)
    assert landed.fill == order_factory.fill(tried)
    assert not landed.is_final
    assert landed.awaits_chain
    final = order_factory.standing(Status.CONFIRMED, events.Finalized(9))
    assert final.is_final
    assert not final.awaits_chain


def test_a_retry_forgets_the_route_and_keeps_the_setback() -> None:
    again = events.RetryScheduled(order_factory.PASSING, 2, order_factory.START)
    order = order_factory.standing(Status.SUBMITTED, SPENT, again)
    assert (order.route, order.route_seq, order.attempt) == (None, None, None)
    assert (order.try_number, order.attempt_count) == (2, 1)
    assert order.setbacks == (
        events.FailedTry(1, order_factory.PASSING, order_factory.attempt().signature),
    )
    assert order.fault == order_factory.PASSING


def test_an_amendment_changes_the_terms_and_never_the_intent() -> None:
    terms = order_factory.Terms(slippage_bps=order_factory.Bps(7))
    order = order_factory.standing(Status.ROUTING, events.Amended(terms))
    assert order.terms == terms
    assert order.intent.terms == order_factory.Terms()


def test_the_first_wish_to_cancel_is_the_one_that_counts() -> None:
    order = order_factory.born().order
    first = evolve(order, events.CancelRequested(), order_factory.START)
    second = evolve(
        first, events.CancelRequested(), order_factory.Timestamp(order_factory.START + 5)
    )
    assert second.cancel_requested_at == order_factory.START


def test_the_picture_has_every_arrow_of_the_table() -> None:
    lines = set(map(str.strip, diagram().splitlines()))
    assert {f"{one} --> {to} : {kind}" for one, kind, to in MOVES} <= lines
    assert {f"{end} --> [*]" for end in CLOSED} <= lines
    assert "[*] --> pending : accepted" in lines


def test_a_life_told_again_is_the_life_that_was() -> None:
    told = order_factory.born()
    lines = (told, *append(told.order, order_factory.path(Status.CONFIRMED), order_factory.START))
    assert replay([line.entry for line in lines]) == lines


def test_no_fate_is_told_of_a_transaction_that_is_not_the_one_in_flight() -> None:
    order = order_factory.standing(Status.SUBMITTED)
    other = order_factory.attempt(2).signature
    for one in (
        events.Landed(order_factory.fill(order_factory.attempt(2))),
        events.Reverted(other, order_factory.STALE_PRICE, 5),
        events.Lapsed(other, (order_factory.witness(),)),
    ):
        with pytest.raises(IllegalTransition, match="another transaction"):
            evolve(order, one, order_factory.START)


@pytest.mark.parametrize("status", Status)
def test_only_what_was_sent_or_is_not_yet_final_rests_with_the_chain(status: Status) -> None:
    order = order_factory.standing(status)
    assert order.awaits_chain == (status in (Status.SUBMITTED, Status.CONFIRMED))


def test_what_was_not_sent_yet_does_not_rest_with_the_chain() -> None:
    order = order_factory.standing(Status.BUILDING, order_factory.signed(order_factory.attempt()))
    assert order.in_flight is not None
    assert not order.awaits_chain
