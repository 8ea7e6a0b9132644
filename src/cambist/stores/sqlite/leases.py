"""Remembers which orders this process has leased, and which of them lost their executor."""

from __future__ import annotations

from typing import Final

from cambist.orders.order import Order
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp

LEASED: Final = Timestamp(2**53 - 1)
"""The wake-up of an order that rests in flight: the lock on the home never runs out by itself."""


class SqliteLeases:
    """The orders of one process that are claimed, each as last committed.

    The row of an order that rests in flight says that its claim never ends, so that no sweep reads
    it. If the claim is given up all the same, or if it is unknown what the row says, the order is
    adrift: only this memory knows that it deserves a look.
    """

    def __init__(self) -> None:
        self._held: dict[OrderId, Order | None] = {}
        self._adrift: dict[OrderId, None] = {}
        self._barred: frozenset[OrderId] = frozenset()

    def __contains__(self, order_id: OrderId) -> bool:
        return order_id in self._held or order_id in self._barred

    def exclude(self, orders: frozenset[OrderId]) -> None:
        """Let nobody claim these orders; one that is claimed is moved to the end of its turn."""
        self._barred = orders

    def __len__(self) -> int:
        return len(self._held)

    def acquire(self, order_id: OrderId, order: Order | None = None) -> None:
        """Claim an order; how it stands may be learnt later."""
        self._held[order_id] = order

    def release(self, order_id: OrderId) -> None:
        """Give a claim up."""
        self._look_after(self._held.pop(order_id, None))

    def learn(self, order: Order) -> None:
        """Take notice of how an order stands."""
        if order.id in self._held:
            self._held[order.id] = order
        else:
            self._look_after(order)

    def _look_after(self, order: Order | None) -> None:
        if order is not None and order.wake_at == LEASED:
            self._adrift[order.id] = None

    def mark_unknown(self, order_id: OrderId) -> None:
        """Remember that it is unknown how an order stands."""
        self._adrift[order_id] = None

    def orphaned(self) -> tuple[OrderId, ...]:
        """Return the orders that deserve a look, and that nobody has claimed."""
        return tuple(one for one in self._adrift if one not in self)

    def resolved(self, order_id: OrderId) -> None:
        """Take note that an order got its look."""
        self._adrift.pop(order_id, None)
