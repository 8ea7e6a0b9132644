"""Says what an order needs next, and what doing it may bring back."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from cambist.faults import Fault
from cambist.orders.attempt import Attempt, Fill, NodeObservation
from cambist.orders.order import Order, Status
from cambist.orders.retry import BACKOFF_MAX_MS
from cambist.orders.trigger import PriceObservation, TriggerState
from cambist.values.ids import Signature
from cambist.values.route import Route
from cambist.values.time_units import Timestamp, add_ms


class Step(msgspec.Struct, frozen=True):
    """One thing to do. A consequential step happens only after the commit that records it."""

    requires_durable_commit: ClassVar[bool] = False


class StartOrder(Step, frozen=True):
    """Start the order."""


class ArmTrigger(Step, frozen=True):
    """Look at the prices, and let the order rest until its own is met."""


class CheckTrigger(Step, frozen=True):
    """Look at the prices, slot after slot until the order's own is confirmed or not met."""


class FindRoute(Step, frozen=True):
    """Quote every venue and choose a route."""


class BuildTransaction(Step, frozen=True):
    """Build and sign a transaction of the route, in memory."""

    route: Route


class SendTransaction(Step, frozen=True):
    """Send the recorded bytes to the network."""

    requires_durable_commit: ClassVar[bool] = True
    attempt: Attempt


class AwaitChain(Step, frozen=True):
    """Learn the outcome of the attempt from the chain."""

    attempt: Attempt


class CloseUnwanted(Step, frozen=True):
    """End an order that was cancelled or is past its deadline."""


class Wait(Step, frozen=True):
    """Nothing to do until an instant, or for ever."""

    until: Timestamp | None


class OrderStarted(msgspec.Struct, frozen=True):
    """The order was started."""


class TriggerArmed(msgspec.Struct, frozen=True):
    """The prices when an order began to rest; None where nothing was observed."""

    observation: PriceObservation | None = None


class RouteFound(msgspec.Struct, frozen=True):
    """A route was chosen."""

    route: Route


class TransactionBuilt(msgspec.Struct, frozen=True):
    """A transaction was signed, in memory only."""

    attempt: Attempt


class TransactionSent(msgspec.Struct, frozen=True):
    """The bytes were given to the network, with a fault if its answer was unclear."""

    fault: Fault | None = None


class AttemptReport(msgspec.Struct, frozen=True):
    """What the nodes of the chain say about one attempt, and the fill if it landed.

    It names the signature of the attempt: a report about an earlier attempt proves nothing about
    this one.
    """

    signature: Signature
    witnesses: tuple[NodeObservation, ...]
    fill: Fill | None = None


class CloseConfirmed(msgspec.Struct, frozen=True):
    """The order may end."""


class StepFailed(msgspec.Struct, frozen=True):
    """The step could not be done."""

    fault: Fault


Outcome = (
    OrderStarted
    | TriggerArmed
    | PriceObservation
    | RouteFound
    | TransactionBuilt
    | TransactionSent
    | AttemptReport
    | CloseConfirmed
    | StepFailed
)


def next_step(order: Order, now: Timestamp) -> Step:
    """Return the one thing the order needs now."""
    attempt = order.attempt
    if order.status is Status.CONFIRMED and not order.is_final and attempt is not None:
        return AwaitChain(attempt)
    if order.is_closed:
        return Wait(None)
    in_flight = order.in_flight
    if in_flight is not None:
        # Recorded bytes are not sent any more once the order is cancelled or past its deadline.
        # A process that died may have sent them, so only the chain can end the attempt.
        is_sent = in_flight.sent_at is not None or is_cancelled_or_past_deadline(order, now)
        return AwaitChain(in_flight) if is_sent else SendTransaction(in_flight)
    if is_cancelled_or_past_deadline(order, now):
        return CloseUnwanted()
    if order.status is Status.WAITING:
        checked_from = _checked_from(order)
        return Wait(checked_from) if now < checked_from else CheckTrigger()
    if order.wake_at is not None and now < order.wake_at <= add_ms(now, BACKOFF_MAX_MS):
        # Further off than any wait, it was set before the clock stepped back: then it is due.
        return Wait(order.wake_at)
    if order.status is Status.PENDING:
        return ArmTrigger() if _must_rest(order, now) else StartOrder()
    if order.status is Status.BUILDING and order.route is not None:
        return BuildTransaction(order.route)
    return FindRoute()


def is_cancelled_or_past_deadline(order: Order, now: Timestamp) -> bool:
    """Whether the user asked for a cancel, or the deadline passed.

    The journal's last time counts too: it never goes back, and the clock may.
    """
    deadline = order.terms.deadline
    if order.cancel_requested_at is not None:
        return True
    return deadline is not None and max(now, order.last_at) >= deadline


def _must_rest(order: Order, now: Timestamp) -> bool:
    """Whether a new order waits for a price or a time; one to be filled at once does not."""
    starts_at = order.terms.start_at
    if order.terms.time_in_force == "fok":
        return False
    return order.intent.waits_for_price or (starts_at is not None and now < starts_at)


def _checked_from(order: Order) -> Timestamp:
    """Return when a resting order may be checked: after a missed limit not at once."""
    state = order.trigger or TriggerState()
    return max(order.terms.start_at or Timestamp(0), state.not_before or Timestamp(0))
