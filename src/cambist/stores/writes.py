"""Lists what a store is asked to write, and what it says became true."""

from __future__ import annotations

import msgspec

from cambist.orders.decide import Change
from cambist.orders.journal import Told
from cambist.orders.order import Order
from cambist.ports.store import Birth, Keyed
from cambist.values.time_units import Moment


class Add(msgspec.Struct, frozen=True):
    """A new order."""

    birth: Birth


class AddAll(msgspec.Struct, frozen=True):
    """New orders that belong together: all durable at once."""

    births: tuple[Birth, ...]


class Move(msgspec.Struct, frozen=True):
    """A change of a claimed order, its journal lines already written out, and when it was made."""

    before: Order
    after: Order
    told: tuple[Told, ...]
    change: Change
    now: Moment = Moment(0)


class Wish(Move, frozen=True):
    """A change by somebody who holds no claim."""


class Untold(msgspec.Struct, frozen=True, gc=False):
    """Lines that an earlier batch made durable, though it failed; `place` is the first one's."""

    told: tuple[Told, ...]
    place: int


class Facts(msgspec.Struct, frozen=True, gc=False):
    """Lines that became durable; `place` is the first one's, and the others follow."""

    told: tuple[Told, ...]
    place: int = 0
    taken: tuple[Keyed | None, ...] = ()
    untold: Untold | None = None
