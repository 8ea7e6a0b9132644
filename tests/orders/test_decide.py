"""Prove, row by row, what an outcome makes of an order."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cambist.faults import CATALOGUE, Code, Fault, Remedy, fault
from cambist.orders import events, steps
from cambist.orders.decide import Decision, decide, fail_order
from cambist.orders.order import Order, Status
from cambist.orders.retry import Backoff, may_retry
from cambist.orders.steps import (
    CloseConfirmed,
    OrderStarted,
    Outcome,
    RouteFound,
    StepFailed,
    TransactionBuilt,
    TransactionSent,
)
from cambist.values.ids import Signature
from cambist.values.time_units import Millis, Timestamp
from tests import order_factory
from tests.order_factory import POLICY, START, standing, witness

NOW = Timestamp(START + 60_000)
UNSENT = (
    events.Started(),
    events.Routed(order_factory.route()),
    order_factory.signed(order_factory.attempt()),
)
ASKED = events.CancelRequested()
SIGNATURE = order_factory.attempt().signature
PAST = order_factory.Terms(deadline=NOW)
BEFORE_SIGNING = [
    (Status.PENDING, OrderStarted()),
    (Status.ROUTING, RouteFound(order_factory.route())),
    (Status.ROUTING, StepFailed(order_factory.PASSING)),
    (Status.BUILDING, TransactionBuilt(order_factory.attempt())),
    (Status.BUILDING, StepFailed(order_factory.LASTING)),
    (Status.PENDING, CloseConfirmed()),
    (Status.ROUTING, CloseConfirmed()),
    (Status.BUILDING, CloseConfirmed()),
]


def told(order: Order, outcome: Outcome) -> Decision:
    return decide(order, outcome, NOW, POLICY)


def kinds(change: Decision) -> list[str]:
    return [event.kind for event in change.events]


def heard(*witnesses: object, fill: object = None) -> steps.AttemptReport:
    return steps.AttemptReport(SIGNATURE, witnesses, fill)  # type: ignore[arg-type]


def test_begun_is_started() -> None:
    assert told(standing(Status.PENDING), OrderStarted()) == Decision((events.Started(),), NOW)


def test_a_route_found_is_routed() -> None:
    found = told(standing(Status.ROUTING), RouteFound(order_factory.route()))
    assert found == Decision((events.Routed(order_factory.route()),), NOW)


def test_what_was_built_is_signed_with_its_bytes_in_the_same_change() -> None:
    tried = order_factory.attempt()
    change = told(standing(Status.BUILDING), TransactionBuilt(tried))
    assert change == Decision((order_factory.signed(tried),), NOW, tried)


@pytest.mark.parametrize("why", [None, fault(Code.SEND_UNCERTAIN)])
def test_whatever_the_network_answers_only_the_chain_is_asked_next(why: Fault | None) -> None:
    order = standing(Status.PENDING, *UNSENT)
    assert told(order, TransactionSent(why)) == Decision((events.Sent(why),), NOW)
    assert CATALOGUE[Code.SEND_UNCERTAIN].remedy is Remedy.ASK_CHAIN


def test_a_send_fault_ends_nothing_even_when_unwanted() -> None:
    order = standing(Status.PENDING, *UNSENT, ASKED, terms=PAST)
    assert kinds(told(order, TransactionSent(fault(Code.SEND_UNCERTAIN)))) == ["sent"]


@pytest.mark.parametrize(("status", "outcome"), BEFORE_SIGNING)
def test_a_cancel_before_signing_always_wins(status: Status, outcome: Outcome) -> None:
    assert told(standing(status, ASKED), outcome) == Decision((events.Cancelled(),), None)


@pytest.mark.parametrize(("status", "outcome"), BEFORE_SIGNING)
def test_a_deadline_before_signing_always_wins(status: Status, outcome: Outcome) -> None:
    assert told(standing(status, terms=PAST), outcome) == Decision((events.Expired(),), None)


@pytest.mark.parametrize(("status", "outcome"), BEFORE_SIGNING[:5])
def test_a_deadline_to_come_changes_nothing(status: Status, outcome: Outcome) -> None:
    later = order_factory.Terms(deadline=Timestamp(NOW + 1))
    assert kinds(told(standing(status, terms=later), outcome)) == kinds(
        told(standing(status), outcome)
    )


def test_a_cancel_is_told_before_a_deadline() -> None:
    assert kinds(told(standing(Status.ROUTING, ASKED, terms=PAST), CloseConfirmed())) == [
        "cancelled"
    ]


def test_nothing_is_withdrawn_that_is_wanted() -> None:
    assert not told(standing(Status.ROUTING), CloseConfirmed()).events


@pytest.mark.parametrize("terms", [order_factory.Terms(), PAST])
def test_an_attempt_in_flight_outlives_cancel_and_deadline(terms: order_factory.Terms) -> None:
    order = standing(Status.SUBMITTED, ASKED, terms=terms)
    assert not told(order, heard(order_factory.quiet())).events
    landed = told(
        order,
        heard(order_factory.seen("confirmed"), fill=order_factory.fill(order_factory.attempt())),
    )
    assert kinds(landed) == ["landed"]


@pytest.mark.parametrize(
    ("changes", "end"), [((ASKED,), "cancelled"), ((events.Amended(PAST),), "expired")]
)
@pytest.mark.parametrize(
    ("said", "first"),
    [
        (witness(), "lapsed"),
        (order_factory.seen("finalized", order_factory.STALE_PRICE), "reverted"),
    ],
)
def test_a_spent_attempt_lets_the_unwanted_order_end(
    changes: tuple[events.OrderEvent, ...], end: str, said: object, first: str
) -> None:
    assert kinds(told(standing(Status.SUBMITTED, *changes), heard(said))) == [first, end]


@pytest.mark.parametrize(("tries", "wait"), [(1, 1_000), (2, 2_000)])
def test_a_passing_fault_is_tried_again_after_a_wait(tries: int, wait: int) -> None:
    order = replace(standing(Status.ROUTING), try_number=tries)
    change = told(order, StepFailed(order_factory.PASSING))
    at = Timestamp(NOW + wait)
    assert change == Decision((events.RetryScheduled(order_factory.PASSING, tries + 1, at),), at)


def test_the_third_try_is_the_last() -> None:
    order = replace(standing(Status.BUILDING), try_number=3)
    change = told(order, StepFailed(order_factory.PASSING))
    assert change == Decision(
        (events.Failed(order_factory.PASSING, (events.FailedTry(3, order_factory.PASSING),)),), None
    )


def test_the_waits_double_up_to_their_limit() -> None:
    waits = [Backoff().after(tries) for tries in range(1, 9)]
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
    assert Backoff(Millis(1), Millis(10**12)).after(10_000) == 2**32


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("status", [Status.ROUTING, Status.BUILDING])
def test_only_a_fault_that_passes_is_tried_again(status: Status, code: Code) -> None:
    again = CATALOGUE[code].remedy in (Remedy.RETRY, Remedy.REQUOTE)
    order = standing(status)
    assert may_retry(order, fault(code)) == again
    assert kinds(told(order, StepFailed(fault(code)))) == ["retry_scheduled" if again else "failed"]


def test_every_setback_on_the_way_is_told_at_the_end() -> None:
    first = events.RetryScheduled(order_factory.PASSING, 2, START)
    second = events.RetryScheduled(order_factory.STALE_PRICE, 3, START)
    order = standing(Status.ROUTING, first, second)
    (end,) = told(order, StepFailed(order_factory.LASTING)).events
    assert isinstance(end, events.Failed)
    assert [(setback.attempt, setback.fault) for setback in end.setbacks] == [
        (1, order_factory.PASSING), (2, order_factory.STALE_PRICE), (3, order_factory.LASTING),
    ]  # fmt: skip
    assert fail_order(order, order_factory.LASTING) == Decision((end,), None)


# ------------------------------------------------------------------------- what the chain says


@pytest.mark.parametrize("commitment", ["processed", "confirmed"])
@pytest.mark.parametrize("why", [None, order_factory.STALE_PRICE, order_factory.LASTING])
def test_a_sighting_not_yet_final_is_noted_once(commitment: str, why: Fault | None) -> None:
    order = standing(Status.SUBMITTED)
    change = told(order, heard(order_factory.seen(commitment, why)))
    assert change == Decision((events.Seen(2_010),), NOW)
    again = standing(Status.SUBMITTED, events.Seen(2_010))
    assert not told(again, heard(order_factory.seen(commitment, why))).events


def test_a_processed_sighting_lands_nothing_even_with_a_fill() -> None:
    said = heard(order_factory.seen("processed"), fill=order_factory.fill(order_factory.attempt()))
    assert kinds(told(standing(Status.SUBMITTED), said)) == ["seen"]


def test_a_landing_without_its_receipt_waits_for_it() -> None:
    order = standing(Status.SUBMITTED, events.Seen(2_010))
    for commitment in ("confirmed", "finalized"):
        assert not told(order, heard(order_factory.seen(commitment))).events


def test_landed_is_told_at_confirmed_and_finalized_afterwards() -> None:
    moved = order_factory.fill(order_factory.attempt())
    change = told(standing(Status.SUBMITTED), heard(order_factory.seen("confirmed"), fill=moved))
    assert change == Decision((events.Landed(moved),), NOW)
    landed = standing(Status.CONFIRMED)
    assert not told(landed, heard(order_factory.seen("confirmed"))).events
    final = told(landed, heard(order_factory.seen("finalized", slot=2_042)))
    assert final == Decision((events.Finalized(2_042),), None)


def test_a_late_landing_may_be_final_at_once() -> None:
    moved = order_factory.fill(order_factory.attempt())
    change = told(standing(Status.SUBMITTED), heard(order_factory.seen("finalized"), fill=moved))
    assert change == Decision((events.Landed(moved), events.Finalized(2_010)), None)


@pytest.mark.parametrize(
    ("why", "then"),
    [(order_factory.STALE_PRICE, "retry_scheduled"), (order_factory.LASTING, "failed")],
)
def test_a_revert_frees_the_order_at_finalized_only(why: Fault, then: str) -> None:
    order = standing(Status.SUBMITTED, events.Seen(2_010))
    for commitment in ("processed", "confirmed"):
        assert not told(order, heard(order_factory.seen(commitment, why))).events
    change = told(order, heard(order_factory.seen("finalized", why)))
    assert kinds(change) == ["reverted", then]
    assert change.events[0] == events.Reverted(SIGNATURE, why, 2_010)


def test_the_firmest_of_the_witnesses_is_heard() -> None:
    said = heard(
        order_factory.seen("processed"),
        order_factory.seen("finalized", order_factory.LASTING),
        order_factory.quiet(),
    )
    assert kinds(told(standing(Status.SUBMITTED), said)) == ["reverted", "failed"]


def test_a_lapse_keeps_its_evidence_and_uses_a_try_up() -> None:
    change = told(standing(Status.SUBMITTED), heard(witness()))
    at = Timestamp(NOW + 1_000)
    again = events.RetryScheduled(fault(Code.ATTEMPT_LAPSED), 2, at)
    assert change == Decision((events.Lapsed(SIGNATURE, (witness(),)), again), at)
    last = replace(standing(Status.SUBMITTED), try_number=3)
    assert kinds(told(last, heard(witness()))) == ["lapsed", "failed"]


def test_an_attempt_never_sent_lapses_like_any_other() -> None:
    order = standing(Status.PENDING, *UNSENT)
    assert kinds(told(order, heard(witness()))) == ["lapsed", "retry_scheduled"]


def test_silence_and_doubt_change_nothing() -> None:
    order = standing(Status.SUBMITTED)
    assert not told(order, heard()).events
    assert not told(order, heard(order_factory.quiet())).events


def test_a_landing_that_is_gone_raises_the_alarm() -> None:
    landed = standing(Status.CONFIRMED)
    assert told(landed, heard(witness())) == Decision((events.RolledBack((witness(),)),), None)
    failed = order_factory.seen("finalized", order_factory.LASTING)
    assert told(landed, heard(failed)) == Decision((events.RolledBack((failed,)),), None)
    assert not told(landed, heard(order_factory.quiet())).events
    assert not told(landed, heard()).events


@pytest.mark.parametrize(
    "said", [witness(), order_factory.seen("finalized"), order_factory.quiet()]
)
@pytest.mark.parametrize(
    "order",
    [
        standing(Status.PENDING),
        standing(Status.BUILDING),
        standing(Status.FAILED),
        standing(Status.CANCELLED),
        standing(Status.EXPIRED),
        standing(Status.CONFIRMED, events.Finalized(3)),
        standing(Status.SUBMITTED, events.Lapsed(SIGNATURE, (witness(),))),
    ],
    ids=lambda order: order.status.value,
)
def test_a_testimony_about_no_live_attempt_changes_nothing(order: Order, said: object) -> None:
    assert not told(order, heard(said, fill=order_factory.fill(order_factory.attempt()))).events


@pytest.mark.parametrize(
    "said",
    [
        witness(),
        order_factory.seen("finalized"),
        order_factory.seen("finalized", order_factory.PASSING),
    ],
    ids=["dead", "landed", "reverted"],
)
def test_what_is_said_of_an_earlier_attempt_moves_nothing(said: object) -> None:
    earlier = Signature("the one before")
    fill = replace(order_factory.fill(order_factory.attempt()), signature=earlier)
    note = steps.AttemptReport(earlier, (said,), fill)  # type: ignore[arg-type]
    assert told(standing(Status.SUBMITTED), note) == Decision(
        (), standing(Status.SUBMITTED).wake_at
    )
    assert not told(standing(Status.CONFIRMED), note).events
