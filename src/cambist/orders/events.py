"""Defines the events of the journal: one class for each."""

from __future__ import annotations

from typing import ClassVar, cast

import msgspec

from cambist.faults import Fault
from cambist.orders.attempt import Fill, NodeObservation
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.orders.trigger import Phase, PriceObservation
from cambist.values.amount import Bps
from cambist.values.ids import Signature
from cambist.values.price import PriceLevel
from cambist.values.route import Route
from cambist.values.time_units import Height, Slot, Timestamp


class OrderEvent(msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=True):
    """An event of an order; `kind` is its name in the journal and on the wire."""

    kind: ClassVar[str]


class FailedTry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A try that failed, and why."""

    attempt: int
    fault: Fault
    signature: Signature | None = None


class Accepted(OrderEvent, frozen=True, tag="accepted"):
    """The order was accepted."""

    intent: Intent


class Amended(OrderEvent, frozen=True, tag="amended"):
    """The user changed the terms of a resting order."""

    terms: Terms


class CancelRequested(OrderEvent, frozen=True, tag="cancel_requested"):
    """The user asked to cancel; the order is cancelled unless a transaction lands."""


class WrittenOff(OrderEvent, frozen=True, tag="written_off"):
    """An operator confirmed that the transaction can never land, which no node can prove."""

    by: str
    reason: str


class Armed(OrderEvent, frozen=True, tag="armed"):
    """The order rests until its price is met: the level, and the prices at that moment.

    `observation` is None where no venue answered in time; `starts_at` is set where nothing is
    observed before an instant.
    """

    level: PriceLevel | None = None
    observation: PriceObservation | None = None
    starts_at: Timestamp | None = None


class Triggered(OrderEvent, frozen=True, tag="triggered"):
    """The price was met and confirmed, or the time to start came; the order trades now."""

    level: PriceLevel | None = None
    observation: PriceObservation | None = None


class Touched(OrderEvent, frozen=True, tag="touched"):
    """A small part of the order would have met the level, and the whole of it did not."""

    level: PriceLevel
    observation: PriceObservation


class Rearmed(OrderEvent, frozen=True, tag="rearmed"):
    """The order could not trade at its price and rests again, for nothing was spent.

    It is not checked before `not_before`. In the phase `limit` its limit price is the level.
    """

    fault: Fault
    attempt: int
    not_before: Timestamp
    phase: Phase = "trigger"


class Started(OrderEvent, frozen=True, tag="started"):
    """A worker started the order."""


class Routed(OrderEvent, frozen=True, tag="routed"):
    """A route was chosen, with its quotes, reason and bound.

    `slippage_bps` is the tolerance of this try where a slippage ladder decides it.
    """

    route: Route
    slippage_bps: Bps | None = None


class Signed(OrderEvent, frozen=True, tag="signed"):
    """A transaction was signed and recorded; from now on it may land."""

    attempt: int
    signature: Signature
    blockhash: str
    last_valid_height: Height
    slot: Slot
    transaction_sha256: str


class Sent(OrderEvent, frozen=True, tag="sent"):
    """The recorded bytes were sent; `fault` is set if the outcome of sending is unknown."""

    fault: Fault | None = None


class Seen(OrderEvent, frozen=True, tag="seen"):
    """A node showed the signature, not confirmed yet."""

    slot: Slot


class Landed(OrderEvent, frozen=True, tag="landed"):
    """The transaction executed; the fill is what it moved."""

    fill: Fill


class Reverted(OrderEvent, frozen=True, tag="reverted"):
    """The transaction failed on chain, finally: no tokens moved, and it can never land."""

    signature: Signature
    fault: Fault
    slot: Slot


class Lapsed(OrderEvent, frozen=True, tag="lapsed"):
    """The transaction can never land any more; the observations that prove it are kept."""

    signature: Signature
    evidence: tuple[NodeObservation, ...]


class RetryScheduled(OrderEvent, frozen=True, tag="retry_scheduled"):
    """A try failed for a temporary reason; the next one begins at `wake_at`."""

    fault: Fault
    attempt: int
    wake_at: Timestamp


class Cancelled(OrderEvent, frozen=True, tag="cancelled"):
    """The order ended by a cancel request, with nothing spent."""


class Expired(OrderEvent, frozen=True, tag="expired"):
    """The order's deadline passed, or it was to be filled at once and was not; nothing is spent.

    `fault` says why one that was to be filled at once was not.
    """

    fault: Fault | None = None


class Failed(OrderEvent, frozen=True, tag="failed"):
    """The order ended without executing; every failed try is listed."""

    fault: Fault
    setbacks: tuple[FailedTry, ...] = ()


class Finalized(OrderEvent, frozen=True, tag="finalized"):
    """The landed transaction can no longer be rolled back."""

    slot: Slot


class RolledBack(OrderEvent, frozen=True, tag="rolled_back"):
    """A transaction that had landed was rolled back: an alarm for people."""

    evidence: tuple[NodeObservation, ...]


AnyOrderEvent = (
    Accepted
    | Amended
    | CancelRequested
    | WrittenOff
    | Armed
    | Triggered
    | Touched
    | Rearmed
    | Started
    | Routed
    | Signed
    | Sent
    | Seen
    | Landed
    | Reverted
    | Lapsed
    | RetryScheduled
    | Cancelled
    | Expired
    | Failed
    | Finalized
    | RolledBack
)

for _fact in OrderEvent.__subclasses__():
    _fact.kind = cast("str", _fact.__struct_config__.tag)
