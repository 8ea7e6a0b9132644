"""Names what the writer is asked to write, and what it answers."""

from __future__ import annotations

import msgspec

from cambist.orders.decide import Change
from cambist.orders.journal import Told
from cambist.orders.order import Order
from cambist.ports.store import Birth, Keyed
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


class Probe(msgspec.Struct, frozen=True):
    """The question whether the disk takes a write, asked by making one that changes nothing."""


class Count(msgspec.Struct, frozen=True):
    """The question how many orders stand where, asked between two writes."""


class Untold(msgspec.Struct, frozen=True, gc=False):
    """Lines that an earlier batch made durable, though it failed; `place` is the first one's."""

    told: tuple[Told, ...]
    place: int


class Counted(msgspec.Struct, frozen=True):
    """Its answer: principal, status and number."""

    rows: tuple[tuple[str, str, int], ...]
    untold: Untold | None = None


class Facts(msgspec.Struct, frozen=True, gc=False):
    """Lines that became durable; `place` is the first one's, and the others follow."""

    told: tuple[Told, ...]
    place: int = 0
    taken: tuple[Keyed | None, ...] = ()
    untold: Untold | None = None


Write = Add | AddAll | Move | Cancel | Probe | Count
Written = Facts | Counted
