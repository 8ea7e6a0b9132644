"""Prove what an order needs next, and that sending needs a record."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.order import Order, Status
from cambist.orders.retry import BACKOFF_MAX_MS
from cambist.orders.steps import (
    AwaitChain,
    BuildTransaction,
    CloseUnwanted,
    FindRoute,
    SendTransaction,
    StartOrder,
    Step,
    Wait,
    next_step,
)
from cambist.orders.terms import Terms
from cambist.values.amount import RawAmount
from cambist.values.time_units import Timestamp
from tests import order_factory
from tests.order_factory import START, standing

UNSENT = (
    events.Started(),
    events.Routed(order_factory.route()),
    order_factory.signed(order_factory.attempt()),
)
NOW = Timestamp(START + 1)
LATE = Terms(deadline=NOW)


def test_the_consequential_steps_are_exactly_one() -> None:
    assert {kind for kind in Step.__subclasses__() if kind.requires_durable_commit} == {
        SendTransaction
    }


@pytest.mark.parametrize(
    ("order", "step"),
    [
        (standing(Status.PENDING), StartOrder()),
        (standing(Status.ROUTING), FindRoute()),
        (standing(Status.BUILDING), BuildTransaction(order_factory.route())),
        (standing(Status.FAILED), Wait(None)),
        (standing(Status.CANCELLED), Wait(None)),
        (standing(Status.EXPIRED), Wait(None)),
        (standing(Status.CONFIRMED, events.Finalized(1)), Wait(None)),
        (standing(Status.PENDING, events.CancelRequested()), CloseUnwanted()),
        (standing(Status.ROUTING, terms=LATE), CloseUnwanted()),
        (
            standing(
                Status.SUBMITTED,
                events.Lapsed(order_factory.attempt().signature, ()),
                events.CancelRequested(),
            ),
            CloseUnwanted(),
        ),
    ],
)
def test_an_order_needs(order: Order, step: Step) -> None:
    assert next_step(order, NOW) == step


def test_a_recorded_attempt_is_sent_and_a_sent_one_is_asked_about() -> None:
    unsent = standing(Status.PENDING, *UNSENT)
    assert unsent.attempt is not None
    assert next_step(unsent, NOW) == SendTransaction(unsent.attempt)
    assert isinstance(next_step(standing(Status.SUBMITTED), NOW), AwaitChain)


def test_a_landed_order_is_asked_about_until_it_is_final() -> None:
    assert isinstance(next_step(standing(Status.CONFIRMED), NOW), AwaitChain)


@pytest.mark.parametrize("facts", [UNSENT, order_factory.path(Status.SUBMITTED)])
def test_nothing_in_flight_is_withdrawn(facts: tuple[events.OrderEvent, ...]) -> None:
    order = standing(Status.PENDING, *facts, events.CancelRequested(), terms=LATE)
    assert isinstance(next_step(order, NOW), SendTransaction | AwaitChain)


def test_a_retry_rests_until_its_instant() -> None:
    again = replace(standing(Status.ROUTING), wake_at=Timestamp(NOW + 1))
    assert next_step(again, NOW) == Wait(Timestamp(NOW + 1))
    assert next_step(again, Timestamp(NOW + 1)) == FindRoute()
    unwanted = replace(again, cancel_requested_at=NOW)
    assert next_step(unwanted, NOW) == CloseUnwanted()


def test_a_clock_that_stepped_back_makes_no_order_wait_longer_than_a_retry() -> None:
    far = replace(standing(Status.ROUTING), wake_at=Timestamp(NOW + BACKOFF_MAX_MS))
    assert next_step(far, NOW) == Wait(far.wake_at)
    assert next_step(far, Timestamp(NOW - 1)) == FindRoute()
    assert next_step(far, Timestamp(NOW - 3_600_000)) == FindRoute()


@given(st.integers(0, 9_999), st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1))
def test_a_bound_is_never_looser_than_the_tolerance(bps: int, given_: int, taken: int) -> None:
    terms = Terms(slippage_bps=order_factory.Bps(bps))
    least = terms.bound("exact_in", RawAmount(given_), RawAmount(taken))
    most = terms.bound("exact_out", RawAmount(given_), RawAmount(taken))
    assert 0 <= least - Fraction(taken * (10_000 - bps), 10_000) < 1
    assert 0 <= Fraction(given_ * (10_000 + bps), 10_000) - most < 1


def test_the_amount_counts_the_side_that_is_exact() -> None:
    exact_in, exact_out = order_factory.intent(), order_factory.intent(mode="exact_out")
    assert exact_in.sized_token == order_factory.SOL
    assert exact_out.sized_token == order_factory.USDC
