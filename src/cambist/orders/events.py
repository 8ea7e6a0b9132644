"""Lists the journal's vocabulary: one class for each fact that can become true of an order."""

from __future__ import annotations

from typing import ClassVar, cast

import msgspec

from cambist.faults import Fault
from cambist.orders.attempt import Fill, NodeObservation
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.values.ids import Signature
from cambist.values.route import Route
from cambist.values.time_units import Height, Slot, Timestamp


class OrderEvent(msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=True):
    """Something that became true; `kind` is its name in the table, the journal and the wire."""

    kind: ClassVar[str]


class FailedTry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One try that came to nothing, and why."""

    attempt: int
    fault: Fault
    signature: Signature | None = None


class Accepted(OrderEvent, frozen=True, tag="accepted"):
    """The order was taken."""

    intent: Intent


class Amended(OrderEvent, frozen=True, tag="amended"):
    """The user changed the terms of an order that rests."""

    terms: Terms


class CancelRequested(OrderEvent, frozen=True, tag="cancel_requested"):
    """The user asked for a cancel; it wins unless a transaction lands."""


class WrittenOff(OrderEvent, frozen=True, tag="written_off"):
    """An operator vouches that the transaction can never land, which no witness can prove."""

    by: str
    reason: str


class Started(OrderEvent, frozen=True, tag="started"):
    """A worker took the order up."""


class Routed(OrderEvent, frozen=True, tag="routed"):
    """A route was chosen; its quotes, reason and bound stand in it."""

    route: Route


class Signed(OrderEvent, frozen=True, tag="signed"):
    """A transaction was signed and recorded; from here on it may land."""

    attempt: int
    signature: Signature
    blockhash: str
    last_valid_height: Height
    slot: Slot
    transaction_sha256: str


class Sent(OrderEvent, frozen=True, tag="sent"):
    """The recorded bytes were handed to the network; `fault` says if the answer was unclear."""

    fault: Fault | None = None


class Seen(OrderEvent, frozen=True, tag="seen"):
    """A witness showed the signature, not yet firmly."""

    slot: Slot


class Landed(OrderEvent, frozen=True, tag="landed"):
    """The transaction executed; the fill is what it moved."""

    fill: Fill


class Reverted(OrderEvent, frozen=True, tag="reverted"):
    """The transaction executed with an error, finally: no tokens moved, it can never land."""

    signature: Signature
    fault: Fault
    slot: Slot


class Lapsed(OrderEvent, frozen=True, tag="lapsed"):
    """The transaction can never land any more; the witnesses that prove it are kept."""

    signature: Signature
    evidence: tuple[NodeObservation, ...]


class RetryScheduled(OrderEvent, frozen=True, tag="retry_scheduled"):
    """A try came to nothing for a passing reason; the next one begins at `wake_at`."""

    fault: Fault
    attempt: int
    wake_at: Timestamp


class Cancelled(OrderEvent, frozen=True, tag="cancelled"):
    """The order ended by its user's wish, with nothing spent."""


class Expired(OrderEvent, frozen=True, tag="expired"):
    """The order's deadline passed, with nothing spent."""


class Failed(OrderEvent, frozen=True, tag="failed"):
    """The order ended without executing; every setback on the way is listed."""

    fault: Fault
    setbacks: tuple[FailedTry, ...] = ()


class Finalized(OrderEvent, frozen=True, tag="finalized"):
    """The landed transaction can no longer be rolled back."""

    slot: Slot


class RolledBack(OrderEvent, frozen=True, tag="rolled_back"):
    """A transaction reported as landed is gone: an alarm for people, not a path of the engine."""

    evidence: tuple[NodeObservation, ...]


AnyOrderEvent = (
    Accepted
    | Amended
    | CancelRequested
    | WrittenOff
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
