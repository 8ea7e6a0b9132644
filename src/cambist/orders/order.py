"""Describes an order: the intent, and where it stands."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from cambist.faults import Fault
from cambist.orders.attempt import Attempt, Fill
from cambist.orders.events import FailedTry
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.orders.trigger import Condition, TriggerState, condition_of
from cambist.values.amount import Bps
from cambist.values.ids import OrderId
from cambist.values.route import Route
from cambist.values.time_units import Timestamp


class Status(StrEnum):
    """Where an order stands, in the words clients see."""

    PENDING = "pending"
    WAITING = "waiting"
    ROUTING = "routing"
    BUILDING = "building"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


CLOSED: Final = frozenset((Status.CONFIRMED, Status.FAILED, Status.CANCELLED, Status.EXPIRED))
GENESIS: Final = b"\0" * 32


class Order(msgspec.Struct, frozen=True):
    """An order as its journal tells it, with the row's own counters.

    `version` is the compare-and-set counter and may jump; `last_seq`, `last_at` and `head_hash`
    are the journal's end; `route_seq` is the line that tells the route. `lease_owner` and
    `lease_epoch` say whose turn it is. `tries` counts from 1. `wake_at` is when the order next
    deserves a look, None when nothing is left to do. `trigger` is what an order remembers that
    waits for a price; no other has it.
    """

    id: OrderId
    intent: Intent
    terms: Terms
    status: Status
    created_at: Timestamp
    version: int = 0
    lease_owner: str | None = None
    lease_epoch: int = 0
    last_seq: int = 0
    last_at: Timestamp = Timestamp(0)
    head_hash: bytes = GENESIS
    wake_at: Timestamp | None = None
    try_number: int = msgspec.field(default=1, name="tries")
    attempt_count: int = msgspec.field(default=0, name="attempts_made")
    route: Route | None = None
    route_seq: int | None = None
    attempt: Attempt | None = None
    fill: Fill | None = None
    fault: Fault | None = None
    setbacks: tuple[FailedTry, ...] = ()
    cancel_requested_at: Timestamp | None = None
    written_off_at: Timestamp | None = None
    closed_at: Timestamp | None = None
    is_final: bool = False
    trigger: TriggerState | None = None

    @property
    def condition(self) -> Condition | None:
        """The price that a resting order waits for; None for one that waits for no price."""
        return condition_of(self.intent, self.terms, self.trigger or TriggerState())

    @property
    def slippage_bps(self) -> Bps:
        """The tolerance of this try: after reverts the step of the slippage ladder."""
        ladder = self.terms.slippage_ladder_bps
        if not ladder:
            return self.terms.slippage_bps
        step = 0 if self.trigger is None else self.trigger.ladder_step
        return ladder[min(step, len(ladder) - 1)]

    @property
    def is_closed(self) -> bool:
        """Whether the order has reached one of its four ends."""
        return self.status in CLOSED

    @property
    def in_flight(self) -> Attempt | None:
        """The attempt that may still land, if there is one."""
        attempt = self.attempt
        return attempt if attempt is not None and attempt.state == "in_flight" else None

    @property
    def awaits_chain(self) -> bool:
        """Whether only the chain can say what comes next: sent, or landed and not yet final."""
        attempt = self.attempt
        if attempt is None:
            return False
        if self.status is Status.CONFIRMED:
            return not self.is_final
        return attempt.state == "in_flight" and attempt.sent_at is not None
