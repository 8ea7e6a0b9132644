"""Adds to what every store is asked to write what the embedded one is asked besides."""

from __future__ import annotations

import msgspec

from cambist.ports.chain import Trace
from cambist.ports.store import Halt
from cambist.stores.writes import Add, AddAll, Facts, Move, Untold
from cambist.values.ids import OrderId
from cambist.values.time_units import Moment, Slot

__all__ = [
    "Add", "AddAll", "AddUp", "Cancel", "Compared", "Facts", "Move", "Probe", "Summed", "Switch",
    "Untold", "Write", "Written",
]  # fmt: skip


class Cancel(msgspec.Struct, frozen=True):
    """A user's wish to end an order."""

    order_id: OrderId
    now: Moment


class Switch(msgspec.Struct, frozen=True):
    """A move of the switch that stops all trading: to a halt, or away from it."""

    halt: Halt | None
    by: str
    reason: str
    now: Moment


class Probe(msgspec.Struct, frozen=True):
    """The question whether the disk takes a write, asked by making one that changes nothing."""


class Compared(msgspec.Struct, frozen=True):
    """The word that the chain was held against the attempts: up to a slot, or what is missing."""

    slot: Slot | None = None
    missing: tuple[Trace, ...] = ()
    halt: Halt | None = None
    now: Moment = Moment(0)


class AddUp(msgspec.Struct, frozen=True):
    """The request to put some fills into the sums of their days."""


class Summed(msgspec.Struct, frozen=True, kw_only=True):
    """Its answer: whether more fills are waiting."""

    is_more: bool
    untold: Untold | None = None


Write = Add | AddAll | Move | Cancel | Switch | Compared | Probe | AddUp
Written = Facts | Summed
