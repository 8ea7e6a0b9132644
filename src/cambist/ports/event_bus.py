"""States what the engine needs to tell news to those who listen now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from cambist.orders.journal import RecordedEvent
from cambist.values.ids import OrderId, Principal

T_co = TypeVar("T_co", covariant=True)


class PositionedEvent(NamedTuple):
    """A journal line, and its place among all lines of the store."""

    position: int
    event: RecordedEvent


class Subscription(Protocol[T_co]):
    """One listener's bounded buffer of news."""

    async def next(self, timeout_ms: int) -> Sequence[T_co] | None:
        """Return what came, in order; None when nothing came in time, or `lagged` was set.

        An empty answer says that something happened elsewhere: read it in the journal.
        """

    @property
    def lagged(self) -> bool:
        """Whether something was lost, by an overflow or on the way: the journal has it."""

    def resume(self) -> None:
        """Listen again after a lag; call it before reading the journal."""

    def close(self) -> None:
        """Stop listening."""


class EventBus(Protocol):
    """News of durable facts. It may lose some: the journal has them.

    Who listens to one order may hear its lines doubled, out of order or with gaps, since their
    numbers tell. Who listens to all of a principal's hears them in the order of their places. Both
    are marked as lagged soon after something was lost that nothing later will show.
    """

    def publish(self, events: Sequence[RecordedEvent], places: Sequence[int]) -> None:
        """Tell what became true."""

    def subscribe(self, order_id: OrderId) -> Subscription[RecordedEvent]:
        """Listen to one order."""

    def subscribe_principal(self, principal: Principal) -> Subscription[PositionedEvent]:
        """Listen to all orders of a principal."""
