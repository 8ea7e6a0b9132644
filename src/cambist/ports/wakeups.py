"""States the port of wake-ups: hints that an order is due."""

from __future__ import annotations

from typing import Protocol

import msgspec

from cambist.orders.steps import AttemptReport
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp


class Wakeup(msgspec.Struct, frozen=True):
    """A hint that an order is due; `report` may carry what the executor would have to ask for."""

    order_id: OrderId
    report: AttemptReport | None = None


class WakeupQueue(Protocol):
    """A queue of wake-ups. It may lose some, because due orders are found by polling too."""

    def notify(self, wakeup: Wakeup) -> None:
        """Wake an order now."""

    def notify_at(self, order_id: OrderId, at: Timestamp) -> None:
        """Wake an order at a time."""

    async def get(self) -> Wakeup:
        """Wait for the next wake-up."""

    async def run(self) -> None:
        """Deliver wake-ups when their time has come, until cancelled."""
