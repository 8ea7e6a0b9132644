"""States what the engine needs of a doorbell: who deserves a look, and when."""

from __future__ import annotations

from typing import Protocol

import msgspec

from cambist.orders.steps import AttemptReport
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp


class Wakeup(msgspec.Struct, frozen=True):
    """A ring for one order; `note` may carry what a worker would have had to ask for."""

    order_id: OrderId
    report: AttemptReport | None = None


class WakeupQueue(Protocol):
    """The doorbell. It makes a look come sooner, and may lose a ring: the poll still comes."""

    def notify(self, wakeup: Wakeup) -> None:
        """Ask for a look at an order now."""

    def notify_at(self, order_id: OrderId, at: Timestamp) -> None:
        """Ask for a look at an order at an instant."""

    async def get(self) -> Wakeup:
        """Wait for the next ring."""

    async def run(self) -> None:
        """Ring what is due, until cancelled."""
