"""Holds the transition table of an order, and applies one event to an order."""

# An order is its journal: a list of events, numbered 1, 2, 3, that only grows. Everything else
# that is known of an order follows from that list by `evolve(order, event, at)`, which is pure. A
# row of a store is a cache of the fold of these events, and `cambist verify` recomputes it.
#
# `decide` (orders/decide.py) turns an outcome, such as an answer of the chain, into events. It
# proposes; this module has the last word. `evolve` accepts an event only if
#
# 1. `TRANSITIONS` or `STATUS_NEUTRAL_EVENTS` has it for the status of the order. Events in
#    `TRANSITIONS` move the status. Events in `STATUS_NEUTRAL_EVENTS` are written to the journal and
#    leave the status as it is.
#
# 2. the attempt allows it. An attempt is *in flight* from `Signed` on, until `Landed`, `Reverted`
#    or `Lapsed` says what became of its transaction. While it is in flight the transaction may
#    still execute, so no event may end or retry the order (`_FORBIDDEN_IN_FLIGHT`): a second
#    transaction could then be signed, and both could execute. Events about a transaction need one
#    in flight (`_REQUIRES_IN_FLIGHT`).
#
# 3. the fate of a transaction names the transaction that is in flight. A report about an earlier
#    one proves nothing about this one.
#
# Anything else raises and changes nothing. A mistake in `decide`, in a worker or in a store
# therefore ends as an error, and not as a second execution. The model check in tests/model
# explores this table together with crashes, stolen leases and lagging nodes.
#
# The table is keyed by event class, as h11 keys its own by event class, so that a misspelt event
# is a type error. The stored name of an event is `OrderEvent.kind`. The diagram in
# docs/lifecycle.md is drawn from the table.

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from msgspec.structs import replace

from cambist.faults import Code, Fault
from cambist.orders import events
from cambist.orders.attempt import Attempt
from cambist.orders.order import Order, Status
from cambist.orders.trigger import TriggerState
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp

PENDING, WAITING = Status.PENDING, Status.WAITING
ROUTING, BUILDING = Status.ROUTING, Status.BUILDING
SUBMITTED, CONFIRMED, FAILED = Status.SUBMITTED, Status.CONFIRMED, Status.FAILED
CANCELLED, EXPIRED = Status.CANCELLED, Status.EXPIRED

INITIAL_EVENT: Final = events.Accepted
SETBACKS_KEPT_MAX: Final = 16
"""How many failed tries the row of an order keeps that may be tried without end."""

TRANSITIONS: Final[dict[Status, dict[type[events.OrderEvent], Status]]] = {
    PENDING: {
        events.Started: ROUTING,
        events.Armed: WAITING,
        events.Cancelled: CANCELLED,
        events.Expired: EXPIRED,
    },
    WAITING: {
        events.Triggered: ROUTING,
        events.Cancelled: CANCELLED,
        events.Expired: EXPIRED,
        events.Failed: FAILED,
    },
    ROUTING: {
        events.Routed: BUILDING,
        events.RetryScheduled: ROUTING,
        events.Rearmed: WAITING,
        events.Cancelled: CANCELLED,
        events.Expired: EXPIRED,
        events.Failed: FAILED,
    },
    BUILDING: {
        events.Signed: SUBMITTED,
        events.RetryScheduled: ROUTING,
        events.Rearmed: WAITING,
        events.Cancelled: CANCELLED,
        events.Expired: EXPIRED,
        events.Failed: FAILED,
    },
    SUBMITTED: {
        events.Landed: CONFIRMED,
        events.RetryScheduled: ROUTING,
        events.Rearmed: WAITING,
        events.Cancelled: CANCELLED,
        events.Expired: EXPIRED,
        events.Failed: FAILED,
    },
    CONFIRMED: {},
    FAILED: {},
    CANCELLED: {},
    EXPIRED: {},
}

STATUS_NEUTRAL_EVENTS: Final[dict[Status, frozenset[type[events.OrderEvent]]]] = {
    PENDING: frozenset((events.Amended, events.CancelRequested)),
    WAITING: frozenset((events.Amended, events.CancelRequested, events.Touched)),
    ROUTING: frozenset((events.Amended, events.CancelRequested)),
    BUILDING: frozenset((events.Amended, events.CancelRequested)),
    SUBMITTED: frozenset(
        (
            events.Amended,
            events.CancelRequested,
            events.Sent,
            events.Seen,
            events.WrittenOff,
            events.Reverted,
            events.Lapsed,
        )
    ),
    CONFIRMED: frozenset((events.Finalized, events.RolledBack)),
    FAILED: frozenset(),
    CANCELLED: frozenset(),
    EXPIRED: frozenset(),
}
"""Events that are written to the journal and do not move the status."""

_REQUIRES_IN_FLIGHT: Final[frozenset[type[events.OrderEvent]]] = frozenset(
    (events.Landed, events.Sent, events.Seen, events.WrittenOff, events.Reverted, events.Lapsed)
)
_FORBIDDEN_IN_FLIGHT: Final[frozenset[type[events.OrderEvent]]] = frozenset(
    (events.RetryScheduled, events.Rearmed, events.Cancelled, events.Expired, events.Failed)
)


class IllegalTransition(RuntimeError):
    """The table has no such transition for the status of the order."""

    def __init__(self, status: str, kind: str) -> None:
        super().__init__(f"an order that is {status} cannot be {kind}")


def create_order(order_id: OrderId, accepted: events.Accepted, at: Timestamp) -> Order:
    """Return the order that an `Accepted` event creates."""
    intent = accepted.intent
    return Order(order_id, intent, intent.terms, PENDING, created_at=at, wake_at=at)


def evolve(order: Order, event: events.OrderEvent, at: Timestamp) -> Order:
    """Return the order after one more event.

    Raises IllegalTransition when the table does not allow it, or when it would leave `submitted`
    while the attempt may still land.
    """
    kind = type(event)
    status = TRANSITIONS[order.status].get(kind)
    if status is None:
        if kind not in STATUS_NEUTRAL_EVENTS[order.status]:
            raise IllegalTransition(order.status, event.kind)
        status = order.status
    in_flight = order.in_flight is not None
    if (in_flight and kind in _FORBIDDEN_IN_FLIGHT) or (
        not in_flight and kind in _REQUIRES_IN_FLIGHT
    ):
        where = f"{order.status}, attempt {'in flight' if in_flight else 'at rest'},"
        raise IllegalTransition(where, event.kind)
    if isinstance(event, events.Landed | events.Reverted | events.Lapsed) and not _is_of(
        event, order.attempt
    ):
        raise IllegalTransition(f"{order.status} by another transaction", event.kind)
    grown = _FOLD[kind](order, event, status, at)
    ends = grown.is_closed and not order.is_closed
    return replace(grown, closed_at=at) if ends else grown


def _is_of(event: events.Landed | events.Reverted | events.Lapsed, attempt: Attempt | None) -> bool:
    """Whether the outcome of a transaction is about the one in flight."""
    signature = event.fill.signature if isinstance(event, events.Landed) else event.signature
    return attempt is not None and attempt.signature == signature


def _move(order: Order, _event: events.OrderEvent, status: Status, _at: Timestamp) -> Order:
    return replace(order, status=status)


def _amended(order: Order, event: events.Amended, status: Status, _at: Timestamp) -> Order:
    before, terms, state = order.terms, event.terms, order.trigger
    if state is not None and terms.trigger_price != before.trigger_price:
        # A new level begins anew, also of an order that rests for its limit by now.
        state = TriggerState(ladder_step=state.ladder_step)
    elif state is not None and terms.limit_price != before.limit_price:
        state = TriggerState(state.phase, ladder_step=state.ladder_step)
    if state is not None and terms.slippage_ladder_bps != before.slippage_ladder_bps:
        state = replace(state, ladder_step=0)
    return replace(order, status=status, terms=terms, trigger=state)


def _cancel_requested(
    order: Order, _event: events.OrderEvent, status: Status, at: Timestamp
) -> Order:
    first = order.cancel_requested_at
    return replace(order, status=status, cancel_requested_at=at if first is None else first)


def _written_off(order: Order, _event: events.OrderEvent, status: Status, at: Timestamp) -> Order:
    first = order.written_off_at
    return replace(order, status=status, written_off_at=at if first is None else first)


def _routed(order: Order, event: events.Routed, status: Status, _at: Timestamp) -> Order:
    return replace(order, status=status, route=event.route, route_seq=order.last_seq + 1)


def _signed(order: Order, event: events.Signed, status: Status, _at: Timestamp) -> Order:
    attempt = Attempt(
        event.attempt, event.signature, event.blockhash, event.last_valid_height, event.slot
    )
    return replace(order, status=status, attempt=attempt, attempt_count=event.attempt)


def _sent(order: Order, _event: events.Sent, status: Status, at: Timestamp) -> Order:
    return _with_attempt(order, status, sent_at=at)


def _seen(order: Order, event: events.Seen, status: Status, _at: Timestamp) -> Order:
    return _with_attempt(order, status, first_seen_slot=event.slot)


def _landed(order: Order, event: events.Landed, status: Status, _at: Timestamp) -> Order:
    return replace(_with_attempt(order, status, state="landed"), fill=event.fill, fault=None)


def _reverted(order: Order, event: events.Reverted, status: Status, _at: Timestamp) -> Order:
    return replace(_with_attempt(order, status, state="reverted"), fault=event.fault)


def _lapsed(order: Order, _event: events.Lapsed, status: Status, _at: Timestamp) -> Order:
    return _with_attempt(order, status, state="lapsed")


def _with_attempt(order: Order, status: Status, **changes: Any) -> Order:
    return replace(order, status=status, attempt=replace(cast("Attempt", order.attempt), **changes))


def _retried(order: Order, event: events.RetryScheduled, status: Status, _at: Timestamp) -> Order:
    trigger = order.trigger
    if trigger is not None and event.fault.code is Code.SLIPPAGE_EXCEEDED:
        trigger = replace(trigger, ladder_step=trigger.ladder_step + 1)
    return _without_attempt(order, event, status, trigger)


def _armed(order: Order, _event: events.Armed, status: Status, _at: Timestamp) -> Order:
    return replace(order, status=status, trigger=TriggerState())


def _touched(order: Order, _event: events.Touched, status: Status, _at: Timestamp) -> Order:
    state = replace(order.trigger or TriggerState(), was_touched=True)
    return replace(order, status=status, trigger=state)


def _rearmed(order: Order, event: events.Rearmed, status: Status, at: Timestamp) -> Order:
    before = order.trigger or TriggerState()
    # A try that was signed was within the limit: only checks that miss it are counted.
    misses = before.misses + 1 if event.not_before > at else 0
    state = TriggerState(event.phase, misses, event.not_before)
    return _without_attempt(order, event, status, state)


def _without_attempt(
    order: Order,
    event: events.RetryScheduled | events.Rearmed,
    status: Status,
    trigger: TriggerState | None,
) -> Order:
    """Return the order after a try that came to nothing, ready for the next one."""
    setbacks = (*order.setbacks, failed_try(order, event.fault))
    return replace(
        order,
        status=status,
        fault=event.fault,
        try_number=event.attempt,
        setbacks=setbacks if trigger is None else setbacks[-SETBACKS_KEPT_MAX:],
        route=None,
        route_seq=None,
        attempt=None,
        trigger=trigger,
    )


def _expired(order: Order, event: events.Expired, status: Status, _at: Timestamp) -> Order:
    return replace(order, status=status, fault=event.fault or order.fault)


def _failed(order: Order, event: events.Failed, status: Status, _at: Timestamp) -> Order:
    return replace(order, status=status, fault=event.fault, setbacks=event.setbacks)


def _finalized(order: Order, _event: events.OrderEvent, status: Status, _at: Timestamp) -> Order:
    return replace(order, status=status, is_final=True)


def failed_try(order: Order, why: Fault) -> events.FailedTry:
    """Return the record of the try that is ending now."""
    tried = order.attempt
    return events.FailedTry(order.try_number, why, tried.signature if tried is not None else None)


_Fold = Callable[[Order, Any, Status, Timestamp], Order]
_FOLD: Final[dict[type[events.OrderEvent], _Fold]] = {
    events.Amended: _amended,
    events.CancelRequested: _cancel_requested,
    events.WrittenOff: _written_off,
    events.Armed: _armed,
    events.Triggered: _move,
    events.Touched: _touched,
    events.Rearmed: _rearmed,
    events.Started: _move,
    events.Routed: _routed,
    events.Signed: _signed,
    events.Sent: _sent,
    events.Seen: _seen,
    events.Landed: _landed,
    events.Reverted: _reverted,
    events.Lapsed: _lapsed,
    events.RetryScheduled: _retried,
    events.Cancelled: _move,
    events.Expired: _expired,
    events.Failed: _failed,
    events.Finalized: _finalized,
    events.RolledBack: _finalized,
}


def diagram() -> str:
    """Draw the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {PENDING} : {INITIAL_EVENT.kind}"]
    for status, moves in TRANSITIONS.items():
        lines += [f"    {status} --> {target} : {of.kind}" for of, target in moves.items()]
    lines += [f"    {status} --> [*]" for status, moves in TRANSITIONS.items() if not moves]
    return "\n".join(lines) + "\n"
