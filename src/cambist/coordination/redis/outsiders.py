"""Lets outsiders hear, on channels of their own, what this process itself made true."""

from __future__ import annotations

from collections.abc import Sequence

from cambist.coordination.outbox import Outbox
from cambist.orders.journal import Told
from cambist.ports.event_bus import Bus, Placed, Subscription
from cambist.values.ids import OrderId, Principal


class OpenBus:
    """A bus that posts everything to outsiders, too."""

    def __init__(self, bus: Bus, outbox: Outbox) -> None:
        self._bus = bus
        self._outbox = outbox

    def publish(self, news: Sequence[Told], places: Sequence[int]) -> None:
        """Tell what became true."""
        self._bus.publish(news, places)
        self._outbox.post(news)

    def listen(self, order_id: OrderId) -> Subscription[Told]:
        """Listen to one order."""
        return self._bus.listen(order_id)

    def listen_to_all(self, principal: Principal) -> Subscription[Placed]:
        """Listen to all orders of a principal."""
        return self._bus.listen_to_all(principal)
