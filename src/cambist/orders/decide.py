"""Decides which events follow from the outcome of a step."""

# This module is the functional core of the engine (the Decider pattern). It is pure: the same
# order, outcome, time and policy give the same decision. The executor performs a step, hands the
# outcome to `decide`, and commits the decision. Only after that commit does it perform the next
# step.
#
# A decision is a tuple of events, the time at which the order deserves the next look, and, where
# a transaction was signed, its bytes. One database transaction writes all of it. `evolve`
# (lifecycle.py) checks every event against the transition table and against the attempt in
# flight, so this module cannot break the rule that an order has at most one transaction that may
# still land. It can only be too slow or too eager to try again.
#
# What follows from an outcome depends on the remedy of its fault (faults.py):
#
# - RETRY and REQUOTE: nothing happened on the chain. The order is retried after a backoff, as
#   long as its policy allows.
#
# - ASK_CHAIN: the outcome is unknown. Nothing is decided; the in-flight tracker asks the chain
#   until it knows.
#
# - GIVE_UP: the order ends.
#
# A cancel request or a passed deadline ends an order only if no attempt is in flight. While one
# is in flight, the chain decides: a transaction that lands wins over both.
#
# A report of the chain applies only to the attempt whose signature it carries. A report about an
# earlier attempt can still be on its way when the next attempt is in flight (docs/adr/0004).

from __future__ import annotations

from hashlib import sha256
from typing import assert_never

import msgspec

from cambist.faults import Code, Fault, Origin, fault
from cambist.orders import events, resting
from cambist.orders.attempt import Attempt, ChainParameters, SignatureStatus
from cambist.orders.decision import Decision as Decision
from cambist.orders.lapse_proof import is_past_validity, prove_lapsed
from cambist.orders.lifecycle import failed_try
from cambist.orders.order import Order, Status
from cambist.orders.retry import Backoff, may_retry
from cambist.orders.steps import (
    AttemptReport,
    CloseConfirmed,
    OrderStarted,
    Outcome,
    RouteFound,
    StepFailed,
    TransactionBuilt,
    TransactionSent,
    TriggerArmed,
    is_cancelled_or_past_deadline,
)
from cambist.orders.trigger import PriceObservation
from cambist.values.route import Route
from cambist.values.time_units import Timestamp, add_ms


class Policy(msgspec.Struct, frozen=True):
    """Parameters for waiting: those of the chain, and the backoff."""

    rules: ChainParameters
    backoff: Backoff = Backoff()


def decide(order: Order, outcome: Outcome, now: Timestamp, policy: Policy) -> Decision:
    """Return the decision that follows from an outcome."""
    if isinstance(outcome, AttemptReport):
        return _on_report(order, outcome, now, policy)
    if isinstance(outcome, TransactionSent):
        return Decision((events.Sent(outcome.fault),), now)
    if is_cancelled_or_past_deadline(order, now):
        return Decision((_close(order),), None)
    match outcome:
        case OrderStarted():
            return Decision((events.Started(),), now)
        case TriggerArmed() | PriceObservation():
            return resting.observe(order, outcome, now)
        case RouteFound(route):
            return _routed(order, route, now)
        case TransactionBuilt(attempt):
            return Decision((_signed(attempt),), now, attempt)
        case CloseConfirmed():
            return Decision((), order.wake_at)
        case StepFailed(why):
            return _retry_or_fail(order, (), why, now, policy)
        case _:
            assert_never(outcome)


def _routed(order: Order, route: Route, now: Timestamp) -> Decision:
    if not order.terms.is_within_limit(route.amount_in, route.amount_out):
        why = fault(Code.LIMIT_NOT_MET)
        if order.terms.time_in_force == "fok":
            return resting.not_filled_at_once(why)
        return resting.rearm_after_miss(order, why, now)
    tolerance = order.slippage_bps if order.terms.slippage_ladder_bps else None
    return Decision((events.Routed(route, tolerance),), now)


def fail_order(order: Order, why: Fault) -> Decision:
    """Return the decision that fails an order; nothing may be in flight."""
    return Decision((events.Failed(why, (*order.setbacks, failed_try(order, why))),), None)


def _signed(attempt: Attempt) -> events.Signed:
    return events.Signed(
        attempt.number,
        attempt.signature,
        attempt.blockhash,
        attempt.last_valid_height,
        attempt.built_slot,
        sha256(attempt.transaction).hexdigest(),
    )


def _close(order: Order) -> events.OrderEvent:
    return events.Cancelled() if order.cancel_requested_at is not None else events.Expired()


def _on_report(order: Order, report: AttemptReport, now: Timestamp, policy: Policy) -> Decision:
    """Decide about the attempt from the answers of the nodes; no answer changes nothing."""
    attempt = order.attempt
    if attempt is None or attempt.signature != report.signature or order.is_final:
        return Decision((), order.wake_at)
    status = _strongest(report)
    if order.status is Status.CONFIRMED:
        return _on_report_after_landing(attempt, report, status, now, policy)
    if order.in_flight is None:
        return Decision((), order.wake_at)
    if status is None:
        evidence = prove_lapsed(attempt, report.witnesses, policy.rules)
        if evidence is None and _is_given_up(order, attempt, report, policy.rules):
            evidence = report.witnesses
        if evidence is None:
            return Decision((), now)
        lapsed = events.Lapsed(attempt.signature, evidence)
        return _retry_or_fail(order, (lapsed,), fault(Code.ATTEMPT_LAPSED), now, policy)
    return _on_status(order, report, status, now, policy)


def _is_given_up(
    order: Order, attempt: Attempt, report: AttemptReport, rules: ChainParameters
) -> bool:
    """Whether an operator's confirmation replaces the proof: never against what a node saw."""
    return order.written_off_at is not None and is_past_validity(attempt, report.witnesses, rules)


def _on_status(
    order: Order, report: AttemptReport, status: SignatureStatus, now: Timestamp, policy: Policy
) -> Decision:
    final = status.commitment == "finalized"
    if status.fault is not None and final:
        reverted = events.Reverted(report.signature, status.fault, status.slot)
        return _retry_or_fail(order, (reverted,), status.fault, now, policy)
    if status.fault is None and report.fill is not None and status.commitment != "processed":
        landed = events.Landed(report.fill)
        if final:
            return Decision((landed, events.Finalized(status.slot)), None)
        return Decision((landed,), now)
    attempt = order.attempt
    if attempt is not None and attempt.first_seen_slot is None:
        return Decision((events.Seen(status.slot),), now)
    return Decision((), now)


def _on_report_after_landing(
    attempt: Attempt,
    report: AttemptReport,
    status: SignatureStatus | None,
    now: Timestamp,
    policy: Policy,
) -> Decision:
    if status is not None:
        if status.commitment != "finalized":
            return Decision((), now)
        if status.fault is None:
            return Decision((events.Finalized(status.slot),), None)
        return Decision((events.RolledBack(report.witnesses),), None)
    evidence = prove_lapsed(attempt, report.witnesses, policy.rules)
    return Decision((), now) if evidence is None else Decision((events.RolledBack(evidence),), None)


def _strongest(report: AttemptReport) -> SignatureStatus | None:
    """Return the status with the highest commitment of all nodes."""
    ranks = {"processed": 0, "confirmed": 1, "finalized": 2}
    seen = [
        observation.sighting for observation in report.witnesses if observation.sighting is not None
    ]
    return max(seen, key=lambda status: ranks[status.commitment], default=None)


def _retry_or_fail(
    order: Order, before: tuple[events.OrderEvent, ...], why: Fault, now: Timestamp, policy: Policy
) -> Decision:
    """End the try: close the order if it was cancelled, else retry or fail."""
    if is_cancelled_or_past_deadline(order, now):
        return Decision((*before, _close(order)), None)
    if order.written_off_at is not None:
        # A person's confirmation is no proof, so the order is not signed again.
        why = fault(Code.WRITTEN_OFF)
    elif order.terms.time_in_force == "fok" and why.blame is not Origin.USER:
        return resting.not_filled_at_once(why, before)
    elif order.intent.waits_for_price and order.terms.time_in_force != "fok":
        decision = resting.after_failed_try(order, before, why, now)
        if decision is not None:
            return decision
    elif may_retry(order, why):
        wake_at = add_ms(now, policy.backoff.after(order.try_number))
        again = events.RetryScheduled(why, order.try_number + 1, wake_at)
        return Decision((*before, again), wake_at)
    end = events.Failed(why, (*order.setbacks, failed_try(order, why)))
    return Decision((*before, end), None)
