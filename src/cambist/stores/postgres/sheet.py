"""Turns the rows of a batch into the columns its one statement takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cambist.orders.order import Order
from cambist.stores import records
from cambist.stores.records import Row
from cambist.stores.sheet import Sheet, StaleRows
from cambist.stores.writes import Move, Wish
from cambist.values.ids import OrderId
from cambist.values.time_units import Moment

_WIDTHS: Final = {
    "births": 15,
    "moves": 14,
    "entries": 6,
    "closings": 4,
    "attempts": 8,
    "fills": 6,
}


class PostgresSheet(Sheet):
    """Rows to write together to PostgreSQL."""

    def __init__(self) -> None:
        super().__init__()
        self._wishes: set[OrderId] = set()
        self._now: dict[OrderId, Moment] = {}

    def join(self, move: Move) -> bool:
        """Add a change, unless it must wait until what is here already has been written."""
        order_id = move.before.id
        is_wish = isinstance(move, Wish)
        if order_id in self._wishes or (is_wish and order_id in self.moves):
            return False
        try:
            self.move(move.before, move.after, move.told, move.change)
        except StaleRows:
            return False
        self._now[order_id] = move.now
        if is_wish:
            self._wishes.add(order_id)
        return True

    def columns(self) -> list[list[Any]]:
        """Return all columns, table by table, in the order of the statement's parameters."""
        rows: dict[str, Sequence[Row]] = {
            "births": self.births,
            "moves": [self._move_row(since, after) for since, after in self.moves.values()],
            "entries": self.entries,
            "closings": self.closings,
            "attempts": self.attempts,
            "fills": self.fills,
        }
        columns: list[list[Any]] = []
        for name, width in _WIDTHS.items():
            some = rows[name]
            columns += [list(one) for one in zip(*some, strict=True)] if some else [[]] * width
        return columns

    def begins(self) -> list[bool]:
        """Return which moves begin an attempt, in the order of the moves."""
        trying = self.trying
        return [order_id in trying for order_id in self.moves]

    @property
    def trying(self) -> set[OrderId]:
        """The orders that begin an attempt."""
        return {row[0] for row in self.attempts}

    def _move_row(self, since: Order, after: Order) -> Row:
        """Return a row of the moves: who is not the order's holder fences by its place alone."""
        row = records.move_row(after, records.mark(since))
        is_wish = after.id in self._wishes
        fence = None if is_wish else since.lease_epoch
        wake_at = after.wake_at
        delay = None if wake_at is None else wake_at - self._now[after.id]
        return (*row[:5], fence, delay, *row[8:], since.status.value)
