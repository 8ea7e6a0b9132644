"""Adds to what every store is asked to write what the embedded one is asked besides."""

from __future__ import annotations

import msgspec

from cambist.ports.chain import Trace
from cambist.ports.store import Halt
from cambist.stores.writes import Add, AddAll, Facts, Move, Untold
from cambist.values.ids import OrderId
from cambist.values.moment import Moment, Slot

__all__ = [
    "Add", "AddAll", "Cancel", "Compared", "Count", "Counted", "Facts", "Move", "Probe", "Switch",
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


class Count(msgspec.Struct, frozen=True):
    """The question how many orders stand where, asked between two writes."""


class Counted(msgspec.Struct, frozen=True):
    """Its answer: principal, status and number, and how many orders were put away."""

    rows: tuple[tuple[str, str, int], ...]
    pruned: int = 0
    untold: Untold | None = None


Write = Add | AddAll | Move | Cancel | Switch | Compared | Probe | Count
Written = Facts | Counted
