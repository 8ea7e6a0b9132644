"""Names the few exceptions a port may raise.

PortError
├─ VersionConflict          the order has changed, or another holds its lease
├─ DuplicateIdempotencyKey  an order with this idempotency key exists
├─ TradingHalted            trading is halted; nothing was written
├─ PortOverloaded           no room at the moment; nothing was taken
└─ PortUnavailable          no answer; the outcome may be unknown
   ├─ Unreadable            an order is stored and cannot be read; others can
   └─ ReadInterrupted       a read took too long and was stopped; the store is well
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cambist.orders.order import Order
    from cambist.ports.store import Halt, IdempotencyRecord
    from cambist.values.ids import OrderId, Principal


class PortError(Exception):
    """A port could not do what was asked."""


class VersionConflict(PortError):
    """A commit named a version that is no longer the order's; nothing was written.

    `current` is the order as it is now if the caller still holds its lease, else None.
    """

    def __init__(self, fresh: Order | None) -> None:
        super().__init__("the order changed under this claim")
        self.current = fresh


class DuplicateIdempotencyKey(PortError):
    """An order with this key exists; nothing was written."""

    def __init__(self, existing: IdempotencyRecord) -> None:
        super().__init__("the key belongs to an order already")
        self.existing = existing


class TradingHalted(PortError):
    """Trading is halted: no order is taken, and no attempt is recorded."""

    def __init__(self, halt: Halt) -> None:
        super().__init__(f"trading is halted by {halt.by}: {halt.reason}")
        self.halt = halt


class PortOverloaded(PortError):
    """The port has no room at the moment; nothing was taken."""


class PortUnavailable(PortError):
    """What is behind the port did not answer."""


class Unreadable(PortUnavailable):
    """What is stored of an order cannot be read. To ask again does not help; others are fine.

    `principal` is whose it is, where at least that can be read.
    """

    def __init__(self, order_id: OrderId, reason: str, principal: Principal | None = None) -> None:
        super().__init__(f"the order {order_id} cannot be read: {reason}")
        self.order_id = order_id
        self.principal = principal


class ReadInterrupted(PortUnavailable):
    """A read took longer than it may, and was given up; a smaller one, or a later one, succeeds."""
