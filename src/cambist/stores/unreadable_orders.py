"""Remembers which orders could not be read, and logs each of them once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import structlog

from cambist.orders.order import Order
from cambist.ports.errors import Unreadable
from cambist.stores.errors import CorruptRow
from cambist.stores.rows import Row, read_order
from cambist.values.ids import OrderId, Principal

log = structlog.get_logger("cambist.store")

REMEMBERED_MAX: Final = 10_000
_PRINCIPAL: Final = 25


class UnreadableRow(NamedTuple):
    """Why an order cannot be read, and whose it is, where at least that can be."""

    reason: str
    principal: Principal | None = None


def shown_id(order_id: str) -> OrderId:
    """Return an id as it can be printed, whatever bytes the row has for it."""
    return OrderId(order_id.encode("ascii", "backslashreplace").decode())


class ReadRows(NamedTuple):
    """Orders in the order of their rows, and why each of the others could not be read."""

    orders: tuple[Order, ...]
    unreadable: dict[OrderId, UnreadableRow]

    def one(self) -> Order | None:
        """Return the order that was asked for alone. Raises Unreadable."""
        for order_id, damage in self.unreadable.items():
            raise Unreadable(order_id, *damage)
        return self.orders[0] if self.orders else None


def read_rows(rows: Iterable[Row]) -> ReadRows:
    """Read rows; one that no order can have hides no other."""
    orders: list[Order] = []
    unreadable: dict[OrderId, UnreadableRow] = {}
    for row in rows:
        try:
            orders.append(read_order(row))
        except CorruptRow as error:
            unreadable[shown_id(str(row[0]))] = UnreadableRow(
                str(error), Principal(row[_PRINCIPAL])
            )
    return ReadRows(tuple(orders), unreadable)


class UnreadableOrders:
    """The orders of one store that were found unreadable since the process began."""

    def __init__(self) -> None:
        self._known: dict[OrderId, None] = {}

    def __len__(self) -> int:
        return len(self._known)

    def note(self, found: Iterable[tuple[OrderId, str]]) -> None:
        """Remember orders, and log each the first time."""
        for order_id, reason in found:
            if order_id in self._known:
                continue
            if len(self._known) < REMEMBERED_MAX:
                self._known[order_id] = None
            log.critical("corrupt_row", order_id=order_id, error=reason)

    def note_all(self, loaded: ReadRows) -> tuple[Order, ...]:
        """Remember what could not be read of some rows, and return what could."""
        self.note((order_id, damage.reason) for order_id, damage in loaded.unreadable.items())
        return loaded.orders

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Remember the order whose reading raises Unreadable, which goes on."""
        try:
            yield
        except Unreadable as error:
            self.note(((error.order_id, str(error)),))
            raise
