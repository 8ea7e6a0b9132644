"""Keeps the orders that a halt stopped, claimed and untouched, until trading goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Final

import structlog

from cambist.engine.dependencies import EngineDependencies
from cambist.orders.order import Order
from cambist.orders.steps import is_cancelled_or_past_deadline
from cambist.ports.errors import PortUnavailable
from cambist.values.ids import OrderId

LOOK_EVERY_MS: Final = 1_000
REREAD_AT_ONCE_MAX: Final = 64
log = structlog.get_logger("cambist.dispatcher")


class HaltedOrders:
    """The orders of one process that may not be signed now.

    Given back, they would be due at once, and tried again and again. `let_go` gives an order back;
    `offer` asks for a turn of one that its user wants no more.
    """

    def __init__(
        self,
        dependencies: EngineDependencies,
        let_go: Callable[[Order], Awaitable[None]],
        offer: Callable[[OrderId], None],
    ) -> None:
        self._store, self._clock = dependencies.store, dependencies.clock
        self._let_go, self._offer = let_go, offer
        self._orders: dict[OrderId, Order] = {}

    def add(self, order: Order) -> None:
        """Keep an order."""
        self._orders[order.id] = order

    def pop(self, order_id: OrderId) -> Order | None:
        """Return an order to who moves it."""
        return self._orders.pop(order_id, None)

    async def run(self) -> None:
        """Give all back once trading goes on, for ever."""
        while True:
            await self._clock.sleep(LOOK_EVERY_MS)
            if not self._orders:
                continue
            try:
                if await self._store.halted() is not None:
                    await self._release_unwanted()
                    continue
            except PortUnavailable as down:
                log.warning("store_away", error=str(down))
                continue
            stopped, self._orders = self._orders, {}
            for order in stopped.values():
                await self._let_go(order)

    async def _release_unwanted(self) -> None:
        """End what was cancelled or is too late: under a halt, too. Raises PortUnavailable."""
        for order in tuple(islice(self._orders.values(), REREAD_AT_ONCE_MAX)):
            kept = await self._store.reload(order.id)
            if self._orders.pop(order.id, None) is None:
                continue
            self._orders[order.id] = order  # the others come first in the next round
            if kept is not None and is_cancelled_or_past_deadline(kept, self._clock.now()):
                self._offer(order.id)
