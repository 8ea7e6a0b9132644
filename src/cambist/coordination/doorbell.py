"""Is the doorbell of a process that shares its orders with others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from cambist import metrics
from cambist.coordination.memory import MemoryWakeups
from cambist.ports.clock import Clock
from cambist.ports.wakeups import Bell
from cambist.values.ids import OrderId

BELLS_WAITING_MAX: Final = 10_000
"""Bells from elsewhere that wait for the crew; past this many they are left to the sweep."""


class Doorbell(MemoryWakeups):
    """Rings here where there are workers, and elsewhere through `send`.

    A note never leaves the process, and nor do alarms: they belong to whoever holds the order.
    """

    def __init__(self, clock: Clock, send: Callable[[OrderId], None] | None) -> None:
        super().__init__(clock)
        self._send = send
        self._offered = asyncio.Event()
        self._offered.set()

    def ring(self, bell: Bell) -> None:
        """Ask for a look at an order: here, where there is a worker to take it."""
        if self._send is not None:
            self._send(bell.order_id)
            return
        self._offered.clear()
        super().ring(bell)

    def hear(self, order_id: OrderId) -> None:
        """Ring for an order because another process asks for it."""
        if self.waiting < BELLS_WAITING_MAX:
            self._offered.clear()
            super().ring(Bell(order_id))
        else:
            metrics.SIGNALS_DROPPED.labels(kind="bell").inc()

    async def next(self) -> Bell:
        """Wait for the next ring."""
        bell = await super().next()
        if not self.waiting:
            self._offered.set()
        return bell

    async def offered(self) -> None:
        """Return when all that was rung has been handed over."""
        await self._offered.wait()
