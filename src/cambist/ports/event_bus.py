"""States the port of the event bus: committed events for current subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from cambist.orders.journal import RecordedEvent
from cambist.values.ids import OrderId, Principal

T_co = TypeVar("T_co", covariant=True)


class PositionedEvent(NamedTuple):
    """An event and its position among all events of the store."""

    position: int
    event: RecordedEvent


class Subscription(Protocol[T_co]):
    """The bounded buffer of one subscriber."""

    async def next(self, timeout_ms: int) -> Sequence[T_co] | None:
        """Return the next events in order; None after the timeout, or when `lagged` was set.

        An empty answer means that another process wrote events: read them in the journal.
        """

    @property
    def lagged(self) -> bool:
        """Whether events were lost, by an overflow or on the way; the journal has them."""

    def resume(self) -> None:
        """Continue after a lag; call it before reading the journal."""

    def close(self) -> None:
        """End the subscription."""


class EventBus(Protocol):
    """Publishes committed events. It may lose some, because the journal has them.

    A subscriber to one order may get its events repeated, out of order or with gaps; their numbers
    show it. A subscriber to a principal gets events in the order of their positions. Both are
    marked as lagged soon after a loss that no later event would show.
    """

    def publish(self, events: Sequence[RecordedEvent], positions: Sequence[int]) -> None:
        """Publish committed events with their positions."""

    def subscribe(self, order_id: OrderId) -> Subscription[RecordedEvent]:
        """Subscribe to one order."""

    def subscribe_principal(self, principal: Principal) -> Subscription[PositionedEvent]:
        """Subscribe to all orders of a principal."""
