"""Prove by random walks that deciding never breaks the table, and ends an order at most once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.faults import Code, fault
from cambist.orders import events, steps
from cambist.orders.attempt import NodeObservation, SignatureStatus
from cambist.orders.decide import Policy, decide
from cambist.orders.journal import append, replay
from cambist.orders.order import Order, Status
from cambist.orders.steps import (
    ArmTrigger,
    AwaitChain,
    BuildTransaction,
    CheckTrigger,
    CloseConfirmed,
    CloseUnwanted,
    FindRoute,
    OrderStarted,
    Outcome,
    RouteFound,
    SendTransaction,
    StartOrder,
    StepFailed,
    TransactionBuilt,
    TransactionSent,
    TriggerArmed,
    Wait,
    next_step,
)
from cambist.orders.trigger import Exchange, PriceObservation
from cambist.values.amount import RawAmount
from cambist.values.price import price_level
from cambist.values.time_units import Timestamp
from tests import order_factory

faults = st.sampled_from([*Code]).map(fault)
policies = st.sampled_from([Policy(order_factory.RULES), Policy(order_factory.PAIR_RULES)])
sightings = st.builds(
    SignatureStatus,
    st.sampled_from(["processed", "confirmed", "finalized"]),
    st.integers(2_000, 2_400),
    st.none() | faults,
)
witnesses = st.builds(
    NodeObservation,
    st.sampled_from(["one", "two"]),
    st.sampled_from([2_005, 2_400, 2_900]),
    st.sampled_from([1_005, 1_151, 1_301]),
    st.sampled_from([2_005, 2_400, 2_900]),
    st.just(0),
    st.booleans(),
    st.none() | st.none() | sightings,
)
dead = st.just((order_factory.witness("one"), order_factory.witness("two")))
testimonies = dead | st.lists(witnesses, max_size=3).map(tuple)


SOL, LEVEL = 10**9, price_level(150 * 10**6, 10**9)
brought = st.sampled_from([149_000_000, 150_000_000, 151_000_000])
exchanges = st.none() | brought.map(lambda out: Exchange(RawAmount(SOL), RawAmount(out)))
observations = st.builds(PriceObservation, st.integers(1, 100), exchanges, exchanges, st.just(3))
kinds = st.sampled_from(
    [
        ("market", {}),
        ("limit", {"limit_price": LEVEL}),
        ("limit", {"limit_price": LEVEL, "time_in_force": "fok"}),
        ("take_profit", {"trigger_price": LEVEL}),
        ("stop", {"trigger_price": LEVEL, "slippage_ladder_bps": (50, 100)}),
        ("stop", {"trigger_price": LEVEL, "limit_price": LEVEL}),
        ("market", {"start_at": Timestamp(order_factory.START + 5_000)}),
    ]
)


def outcome(order: Order, now: Timestamp, draw: st.DataObject) -> Outcome:
    """Draw what the world may answer to the step the order needs."""
    step = next_step(order, now)
    trouble = draw.draw(st.none() | faults)
    if isinstance(step, FindRoute | BuildTransaction) and trouble is not None:
        return StepFailed(trouble)
    match step:
        case StartOrder():
            return OrderStarted()
        case FindRoute():
            return RouteFound(order_factory.route(amount_out=draw.draw(brought)))
        case BuildTransaction():
            return TransactionBuilt(order_factory.attempt(order.attempt_count + 1, order.id))
        case SendTransaction(attempt):
            assert attempt is order.in_flight, "only what the order records is ever sent"
            return TransactionSent(trouble)
        case AwaitChain(attempt):
            landed = draw.draw(st.none() | st.just(order_factory.fill(attempt)))
            return steps.AttemptReport(attempt.signature, draw.draw(testimonies), landed)
        case CloseUnwanted():
            return CloseConfirmed()
        case ArmTrigger():
            return TriggerArmed(draw.draw(st.none() | observations))
        case CheckTrigger():
            return draw.draw(observations)
        case _:
            assert isinstance(step, Wait)
            return steps.AttemptReport(order_factory.attempt().signature, draw.draw(testimonies))


@settings(max_examples=300)
@given(st.data(), policies, st.none() | st.integers(0, 60_000))
def test_no_life_breaks_the_table(
    draw: st.DataObject, policy: Policy, deadline: int | None
) -> None:
    kind, prices = draw.draw(kinds)
    terms = order_factory.Terms(
        **prices,
        deadline=None if deadline is None else Timestamp(order_factory.START + deadline),
        tries_max=draw.draw(st.integers(1, 4)),
    )
    told = [order_factory.born(kind=kind, terms=terms)]
    order, now, ends = told[0].order, order_factory.START, 0
    for _ in range(draw.draw(st.integers(1, 30))):
        now = Timestamp(now + draw.draw(st.sampled_from([0, 10, 1_000, 30_000])))
        if draw.draw(st.integers(0, 9)) == 0 and not order.is_closed:
            lines = append(order, (events.CancelRequested(),), now)
        else:
            change = decide(order, outcome(order, now, draw), now, policy)
            lines = append(order, change.events, now)
            assert (change.signed is not None) == any(
                isinstance(event, events.Signed) for event in change.events
            )
            if lines:
                order = replace(lines[-1].order, wake_at=change.wake_at)
                lines = (*lines[:-1], replace(lines[-1], order=order))
        for line in lines:
            ends += line.event.kind in ("landed", "failed", "cancelled", "expired")
            live = [one for one in (line.order.attempt,) if one and one.state == "in_flight"]
            assert len(live) <= 1
            assert not live or line.order.status is Status.SUBMITTED
        told += lines
        order = lines[-1].order if lines else order
        assert ends == order.is_closed
        assert kind != "market" or order.try_number <= terms.tries_max
        for line in lines:
            if isinstance(line.event, events.Routed):
                route = line.event.route
                assert terms.is_within_limit(route.amount_in, route.amount_out)
            if isinstance(line.event, events.Signed) and kind in ("take_profit", "stop"):
                assert any(isinstance(one.event, events.Triggered) for one in told), "unasked"
    again = replay([line.entry for line in told])[-1].order
    assert replace(again, wake_at=order.wake_at) == order


@given(st.data(), st.sampled_from(Status))
def test_the_same_question_has_the_same_answer(draw: st.DataObject, status: Status) -> None:
    order = order_factory.standing(status)
    answer = outcome(order, order_factory.START, draw)
    assert decide(order, answer, order_factory.START, order_factory.POLICY) == decide(
        order, answer, order_factory.START, order_factory.POLICY
    )
