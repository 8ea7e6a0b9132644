"""Chooses which of the waiting writes go together in one statement, and knows what each wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cambist.orders.journal import Told
from cambist.ports.store import Birth
from cambist.stores.postgres.sheet import PostgresSheet
from cambist.stores.writes import Add, AddAll, Move
from cambist.values.ids import OrderId, Principal

Write = Add | AddAll | Move
KeyName = tuple[Principal, str]


class Part(NamedTuple):
    """What stands or falls together in a round: one birth, or one change."""

    order_id: OrderId
    told: tuple[Told, ...]
    birth: Birth | None = None


class Round:
    """Writes that do not stand in each other's way: one change of an order, one order of a key."""

    def __init__(self) -> None:
        self.sheet = PostgresSheet()
        self.parts: dict[int, list[Part]] = {}
        self._keys: set[KeyName] = set()

    def join(self, index: int, write: Write) -> bool:
        """Add a write, unless it must wait for the next round."""
        if isinstance(write, Move):
            if not self.sheet.join(write):
                return False
            self.parts[index] = [Part(write.before.id, write.told)]
            return True
        births = births_of(write)
        keys = {name for birth in births if (name := key_name(birth)) is not None}
        if keys & self._keys:
            return False
        self._keys |= keys
        self.parts[index] = [self._bear(birth) for birth in first_of_each_key(births)]
        return True

    def may_be_halted(self, index: int) -> bool:
        """Whether a halt keeps an item out, for its own sake or one written with it."""
        part = self.parts[index][0]
        return part.birth is not None or part.order_id in self.sheet.trying

    def _bear(self, birth: Birth) -> Part:
        self.sheet.bear(birth)
        return Part(birth.told.order.id, (birth.told,), birth)


def rounds(writes: Sequence[Write], indexes: Sequence[int]) -> list[Round]:
    """Share writes out to rounds, keeping the order of each order's changes."""
    made: list[Round] = []
    waiting = list(indexes)
    while waiting:
        one = Round()
        waiting = [index for index in waiting if not one.join(index, writes[index])]
        made.append(one)
    return made


def births_of(write: Add | AddAll) -> tuple[Birth, ...]:
    """Return the births of a write."""
    return write.births if isinstance(write, AddAll) else (write.birth,)


def key_name(birth: Birth) -> KeyName | None:
    """Return whose key a birth asks for."""
    return None if birth.key is None else (birth.told.order.intent.principal, birth.key)


def first_of_each_key(births: Sequence[Birth]) -> list[Birth]:
    """Leave out what asks for a key that one before it asks for too."""
    seen: set[KeyName] = set()
    kept: list[Birth] = []
    for birth in births:
        name = key_name(birth)
        if name is None or name not in seen:
            kept.append(birth)
        if name is not None:
            seen.add(name)
    return kept
