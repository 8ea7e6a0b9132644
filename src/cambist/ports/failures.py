"""Names the few exceptions a port may raise.

PortFailure
├─ StaleClaim   the order changed under us, or is someone else's now
├─ KeyTaken     an order with this idempotency key exists
├─ Halted       trading was stopped by hand; nothing was written
├─ PortFull     no room at the moment; nothing was taken
└─ PortDown     the world behind the port did not answer; the outcome may be unknown
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cambist.orders.order import Order
    from cambist.ports.store import Halt, Keyed


class PortFailure(Exception):
    """Something a port could not do."""


class StaleClaim(PortFailure):
    """A commit named a version that is no longer the order's; nothing was written.

    `fresh` is the order as it stands if it is still ours to move, None if it is not.
    """

    def __init__(self, fresh: Order | None) -> None:
        super().__init__("the order changed under this claim")
        self.fresh = fresh


class KeyTaken(PortFailure):
    """An order with this key exists; nothing was written."""

    def __init__(self, existing: Keyed) -> None:
        super().__init__("the key belongs to an order already")
        self.existing = existing


class Halted(PortFailure):
    """Trading is halted: no order is taken, and no attempt is recorded."""

    def __init__(self, halt: Halt) -> None:
        super().__init__(f"trading is halted by {halt.by}: {halt.reason}")
        self.halt = halt


class PortFull(PortFailure):
    """The port has no room at the moment; nothing was taken."""


class PortDown(PortFailure):
    """The world behind the port did not answer."""
