"""Holds the orders that a halt stopped, with their leases, until trading resumes."""

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

    `release` gives up the lease of an order; `enqueue` asks for an execution of one that is
    cancelled or past its deadline, since those end under a halt as well.
    """

    # A halted order stays due. If it were released, a sweep would claim it again at once, and every
    # process would claim and release all halted orders in a loop.

    def __init__(
        self,
        dependencies: EngineDependencies,
        release: Callable[[Order], Awaitable[None]],
        enqueue: Callable[[OrderId], None],
    ) -> None:
        self._store, self._clock = dependencies.store, dependencies.clock
        self._release, self._enqueue = release, enqueue
        self._orders: dict[OrderId, Order] = {}

    def add(self, order: Order) -> None:
        """Keep an order."""
        self._orders[order.id] = order

    def pop(self, order_id: OrderId) -> Order | None:
        """Remove an order and return it, if it is held."""
        return self._orders.pop(order_id, None)

    async def run(self) -> None:
        """Release all orders whenever trading resumes, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_EVERY_MS)
            if not self._orders:
                continue
            try:
                if await self._store.halted() is not None:
                    await self._release_unwanted()
                    continue
            except PortUnavailable as error:
                log.warning("store_unavailable", error=str(error))
                continue
            halted, self._orders = self._orders, {}
            for order in halted.values():
                await self._release(order)

    async def _release_unwanted(self) -> None:
        """Enqueue orders that are cancelled or past their deadline. Raises PortUnavailable."""
        for order in tuple(islice(self._orders.values(), REREAD_AT_ONCE_MAX)):
            stored = await self._store.reload(order.id)
            if self._orders.pop(order.id, None) is None:
                continue
            self._orders[order.id] = order  # to the end: the next round begins with the others
            if stored is not None and is_cancelled_or_past_deadline(stored, self._clock.now()):
                self._enqueue(order.id)
