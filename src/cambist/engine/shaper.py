"""Spaces the beginnings of orders: those past the rate wait in pending, and none is lost."""

from __future__ import annotations

from cambist.orders.order import Order, Status
from cambist.values.ids import OrderId
from cambist.values.time_units import MINUTE


class Shaper:
    """Gives each order its own instant to begin, in the order they asked. A rate of 0 is off."""

    def __init__(self, orders_per_minute: int) -> None:
        self._gap_ms = max(MINUTE // orders_per_minute, 1) if orders_per_minute else 0
        self._free_at = 0
        self._promised: dict[OrderId, int] = {}

    def wait_ms(self, order: Order, elapsed: int) -> int:
        """Return how long a pending order must wait before it may begin; 0 when it may now.

        An order that its user wants no more need not wait to be told so.
        """
        if not self._gap_ms or order.status is not Status.PENDING:
            return 0
        if order.cancel_requested_at is not None:
            self._promised.pop(order.id, None)
            return 0
        begin_at = self._promised.pop(order.id, None)
        if begin_at is None:
            begin_at = max(self._free_at, elapsed)
            self._free_at = begin_at + self._gap_ms
        if begin_at > elapsed:
            self._promised[order.id] = begin_at
        return max(begin_at - elapsed, 0)
