"""Decides what just became true of an order, from the outcome of the step it needed.

Pure: the same order, outcome, instant and policy give the same change. What the change says is
committed in one transaction before anything else is done for the order.
"""

from __future__ import annotations

from hashlib import sha256
from typing import assert_never

import msgspec

from cambist.faults import Code, Fault, fault
from cambist.orders import events
from cambist.orders.attempt import Attempt, ChainRules, Sighting
from cambist.orders.lapse import is_overdue, proof_of_death
from cambist.orders.lifecycle import setback
from cambist.orders.order import Order, Status
from cambist.orders.retry import Backoff, may_retry
from cambist.orders.steps import (
    Begun,
    Built,
    Faulted,
    Handed,
    Outcome,
    RouteFound,
    Testimony,
    Withdrawn,
    is_unwanted,
)
from cambist.values.time_units import Moment, after


class Policy(msgspec.Struct, frozen=True):
    """What the engine was told about waiting: the chain's rules and the backoff."""

    rules: ChainRules
    backoff: Backoff = Backoff()


class Change(msgspec.Struct, frozen=True):
    """What just became true: facts for the journal and the rows they imply.

    `signed` is the attempt to record with its bytes; `wake_at` when the order next deserves a
    look. No facts means nothing is to be written.
    """

    facts: tuple[events.Fact, ...]
    wake_at: Moment | None
    signed: Attempt | None = None


def decide(order: Order, outcome: Outcome, now: Moment, policy: Policy) -> Change:
    """Return the change that an outcome makes to an order."""
    if isinstance(outcome, Testimony):
        return _hear(order, outcome, now, policy)
    if isinstance(outcome, Handed):
        return Change((events.Sent(outcome.fault),), now)
    if is_unwanted(order, now):
        return Change((_ending(order),), None)
    match outcome:
        case Begun():
            return Change((events.Started(),), now)
        case RouteFound(route):
            return Change((events.Routed(route),), now)
        case Built(attempt):
            return Change((_signed(attempt),), now, attempt)
        case Withdrawn():
            return Change((), order.wake_at)
        case Faulted(why):
            return _set_back(order, (), why, now, policy)
        case _:
            assert_never(outcome)


def give_up(order: Order, why: Fault) -> Change:
    """Return the change that parks an order as failed; nothing may be in flight."""
    return Change((events.Failed(why, (*order.setbacks, setback(order, why))),), None)


def _signed(attempt: Attempt) -> events.Signed:
    return events.Signed(
        attempt.number,
        attempt.signature,
        attempt.blockhash,
        attempt.last_valid_height,
        attempt.built_slot,
        sha256(attempt.transaction).hexdigest(),
    )


def _ending(order: Order) -> events.Fact:
    return events.Cancelled() if order.cancel_requested_at is not None else events.Expired()


def _hear(order: Order, heard: Testimony, now: Moment, policy: Policy) -> Change:
    """Judge the attempt by what the witnesses say; silence and doubt change nothing."""
    attempt = order.attempt
    if attempt is None or attempt.signature != heard.signature or order.is_final:
        return Change((), order.wake_at)
    sighting = _firmest(heard)
    if order.status is Status.CONFIRMED:
        return _hear_after_landing(attempt, heard, sighting, now, policy)
    if order.in_flight is None:
        return Change((), order.wake_at)
    if sighting is None:
        evidence = proof_of_death(attempt, heard.witnesses, policy.rules)
        if evidence is None and _is_given_up(order, attempt, heard, policy.rules):
            evidence = heard.witnesses
        if evidence is None:
            return Change((), now)
        lapsed = events.Lapsed(attempt.signature, evidence)
        return _set_back(order, (lapsed,), fault(Code.ATTEMPT_LAPSED), now, policy)
    return _hear_sighting(order, heard, sighting, now, policy)


def _is_given_up(order: Order, attempt: Attempt, heard: Testimony, rules: ChainRules) -> bool:
    """Whether an operator's word may stand in for the proof: never against what a witness saw."""
    return order.written_off_at is not None and is_overdue(attempt, heard.witnesses, rules)


def _hear_sighting(
    order: Order, heard: Testimony, sighting: Sighting, now: Moment, policy: Policy
) -> Change:
    final = sighting.commitment == "finalized"
    if sighting.fault is not None and final:
        reverted = events.Reverted(heard.signature, sighting.fault, sighting.slot)
        return _set_back(order, (reverted,), sighting.fault, now, policy)
    if sighting.fault is None and heard.fill is not None and sighting.commitment != "processed":
        landed = events.Landed(heard.fill)
        if final:
            return Change((landed, events.Finalized(sighting.slot)), None)
        return Change((landed,), now)
    attempt = order.attempt
    if attempt is not None and attempt.sighted_slot is None:
        return Change((events.Seen(sighting.slot),), now)
    return Change((), now)


def _hear_after_landing(
    attempt: Attempt, heard: Testimony, sighting: Sighting | None, now: Moment, policy: Policy
) -> Change:
    if sighting is not None:
        if sighting.commitment != "finalized":
            return Change((), now)
        if sighting.fault is None:
            return Change((events.Finalized(sighting.slot),), None)
        return Change((events.RolledBack(heard.witnesses),), None)
    evidence = proof_of_death(attempt, heard.witnesses, policy.rules)
    return Change((), now) if evidence is None else Change((events.RolledBack(evidence),), None)


def _firmest(heard: Testimony) -> Sighting | None:
    """Return the firmest sighting of all witnesses."""
    ranks = {"processed": 0, "confirmed": 1, "finalized": 2}
    seen = [one.sighting for one in heard.witnesses if one.sighting is not None]
    return max(seen, key=lambda one: ranks[one.commitment], default=None)


def _set_back(
    order: Order, before: tuple[events.Fact, ...], why: Fault, now: Moment, policy: Policy
) -> Change:
    """End the try: withdraw if unwanted, else try again or give up."""
    if is_unwanted(order, now):
        return Change((*before, _ending(order)), None)
    if order.written_off_at is not None:
        # Nobody signs again on a person's word.
        why = fault(Code.WRITTEN_OFF)
    elif may_retry(order, why):
        wake_at = after(now, policy.backoff.after(order.tries))
        again = events.RetryScheduled(why, order.tries + 1, wake_at)
        return Change((*before, again), wake_at)
    end = events.Failed(why, (*order.setbacks, setback(order, why)))
    return Change((*before, end), None)
