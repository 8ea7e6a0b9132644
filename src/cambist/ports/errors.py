"""Names the few exceptions a port may raise.

PortError
├─ VersionConflict   the order changed under us, or is someone else's now
├─ DuplicateIdempotencyKey     an order with this idempotency key exists
├─ Halted       trading was stopped by hand; nothing was written
├─ PortOverloaded     no room at the moment; nothing was taken
└─ PortUnavailable     the world behind the port did not answer; the outcome may be unknown
   ├─ Unreadable       what is stored of an order cannot be read; all others can
   └─ ReadInterrupted  a read took too long and was given up; nothing is wrong with the store
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cambist.orders.order import Order
    from cambist.ports.store import Halt, IdempotencyRecord
    from cambist.values.ids import OrderId, Principal


class PortError(Exception):
    """Something a port could not do."""


class VersionConflict(PortError):
    """A commit named a version that is no longer the order's; nothing was written.

    `fresh` is the order as it stands if it is still ours to move, None if it is not.
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
    """The world behind the port did not answer."""


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
