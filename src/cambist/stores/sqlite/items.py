"""Lists what may be written to the store, and what becomes of it."""

from __future__ import annotations

import msgspec

from cambist.orders.decide import Change
from cambist.orders.journal import Told
from cambist.orders.order import Order
from cambist.ports.store import Birth, Halt, Keyed
from cambist.values.ids import OrderId
from cambist.values.moment import Moment


class Add(msgspec.Struct, frozen=True):
    """A new order."""

    birth: Birth


class AddAll(msgspec.Struct, frozen=True):
    """New orders that belong together: all durable at once."""

    births: tuple[Birth, ...]


class Move(msgspec.Struct, frozen=True):
    """A change of a claimed order, its journal lines already written out."""

    before: Order
    after: Order
    told: tuple[Told, ...]
    change: Change


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


class Count(msgspec.Struct, frozen=True):
    """The question how many orders stand where, asked between two writes."""


class Counted(msgspec.Struct, frozen=True):
    """Its answer: principal, status and number."""

    rows: tuple[tuple[str, str, int], ...]


class Facts(msgspec.Struct, frozen=True, gc=False):
    """Lines that became durable; `place` is the first one's, and the others follow."""

    told: tuple[Told, ...]
    place: int = 0
    taken: tuple[Keyed | None, ...] = ()


Write = Add | AddAll | Move | Cancel | Switch | Probe | Count
Written = Facts | Counted
