"""States what the engine needs to tell news to those who listen now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cambist.orders.journal import Told
from cambist.values.ids import OrderId, Principal


class Subscription(Protocol):
    """One listener's bounded buffer of news."""

    async def next(self, timeout_ms: int) -> Sequence[Told] | None:
        """Return what came, in order; None when nothing came in time, or `lagged` was set."""

    @property
    def lagged(self) -> bool:
        """Whether the buffer overflowed: what was lost must be read from the journal."""

    def resume(self) -> None:
        """Listen again after a lag; call it before reading the journal."""

    def close(self) -> None:
        """Stop listening."""


class Bus(Protocol):
    """News of durable facts. It may lose some: the journal has them."""

    def publish(self, news: Sequence[Told]) -> None:
        """Tell what became true."""

    def listen(self, topic: OrderId | Principal) -> Subscription:
        """Listen to one order, or to all orders of a principal."""
