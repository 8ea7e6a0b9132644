"""Partitions a batch into statements without conflicts, and collects their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cambist.orders.journal import RecordedEvent
from cambist.orders.order import Order
from cambist.ports.store import NewOrder
from cambist.stores.commands import (
    AppendNote,
    ApplyDecision,
    InsertOrder,
    InsertOrders,
    needs_trading,
)
from cambist.stores.rows import Row, RowConflict, WriteBatch, row_version, update_row
from cambist.values.ids import OrderId, Principal
from cambist.values.time_units import Timestamp

Write = InsertOrder | InsertOrders | ApplyDecision
KeyName = tuple[Principal, str]


class WriteUnit(NamedTuple):
    """What stands or falls together in a round: one birth, or one change."""

    order_id: OrderId
    events: tuple[RecordedEvent, ...]
    new_order: NewOrder | None = None


class Statement:
    """Writes that do not stand in each other's way: one change of an order, one order of a key."""

    def __init__(self) -> None:
        self.sheet = PostgresWriteBatch()
        self.parts: dict[int, list[WriteUnit]] = {}
        self._keys: set[KeyName] = set()

    def join(self, index: int, write: Write) -> bool:
        """Add a write, unless it must wait for the next round."""
        if isinstance(write, ApplyDecision):
            if not self.sheet.try_add(write):
                return False
            self.parts[index] = [WriteUnit(write.before.id, write.events)]
            return True
        births = new_orders_of(write)
        keys = {name for birth in births if (name := key_name(birth)) is not None}
        if keys & self._keys:
            return False
        self._keys |= keys
        self.parts[index] = [self._bear(birth) for birth in without_duplicate_keys(births)]
        return True

    def may_be_halted(self, index: int) -> bool:
        """Whether a halt keeps an item out, for its own sake or one written with it."""
        part = self.parts[index][0]
        return part.new_order is not None or part.order_id in self.sheet.trading

    def _bear(self, new_order: NewOrder) -> WriteUnit:
        self.sheet.add_order(new_order)
        return WriteUnit(new_order.event.order.id, (new_order.event,), new_order)


def partition(writes: Sequence[Write], indexes: Sequence[int]) -> list[Statement]:
    """Share writes out to rounds, keeping the order of each order's changes."""
    made: list[Statement] = []
    waiting = list(indexes)
    while waiting:
        one = Statement()
        waiting = [index for index in waiting if not one.join(index, writes[index])]
        made.append(one)
    return made


def new_orders_of(write: InsertOrder | InsertOrders) -> tuple[NewOrder, ...]:
    """Return the births of a write."""
    return write.births if isinstance(write, InsertOrders) else (write.new_order,)


def key_name(new_order: NewOrder) -> KeyName | None:
    """Return whose key a birth asks for."""
    return (
        None if new_order.key is None else (new_order.event.order.intent.principal, new_order.key)
    )


def without_duplicate_keys(new_orders: Sequence[NewOrder]) -> list[NewOrder]:
    """Leave out what asks for a key that one before it asks for too."""
    seen: set[KeyName] = set()
    kept: list[NewOrder] = []
    for birth in new_orders:
        name = key_name(birth)
        if name is None or name not in seen:
            kept.append(birth)
        if name is not None:
            seen.add(name)
    return kept


class PostgresWriteBatch(WriteBatch):
    """Rows to write together to PostgreSQL."""

    def __init__(self) -> None:
        super().__init__()
        self._wishes: set[OrderId] = set()
        self._now: dict[OrderId, Timestamp] = {}
        self._principals: list[Principal] = []
        self.trading: set[OrderId] = set()
        """The orders with a move that a halt forbids."""

    def add_order(self, new_order: NewOrder) -> None:
        """Add a new order."""
        super().add_order(new_order)
        self._principals.append(new_order.event.order.intent.principal)

    def try_add(self, move: ApplyDecision) -> bool:
        """Add a change, unless it must wait until what is here already has been written."""
        order_id = move.before.id
        is_wish = isinstance(move, AppendNote)
        if order_id in self._wishes or (is_wish and order_id in self.moves):
            return False
        try:
            self.add_decision(move.before, move.after, move.events, move.decision)
        except RowConflict:
            return False
        self._principals += [move.before.intent.principal] * len(move.events)
        self._now[order_id] = move.now
        if needs_trading(move.decision):
            self.trading.add(order_id)
        if is_wish:
            self._wishes.add(order_id)
        return True

    def rows(self) -> list[Sequence[Row] | None]:
        """Return the rows of each table, in the order of the parameters of `write_batch`.

        Where there are none it is None. Moves are sorted by the id of their order, since the rows
        are locked in this order.
        """
        moves = [
            (*self._move_row(since, after), order_id in self.trading)
            for order_id, (since, after) in sorted(self.moves.items())
        ]
        entries = [
            (*row, principal) for row, principal in zip(self.entries, self._principals, strict=True)
        ]
        tables = (self.births, moves, entries, self.closings, self.attempts, self.fills)
        return [table or None for table in (*tables, self._counts())]

    def _move_row(self, since: Order, after: Order) -> Row:
        """Return a row of the moves: who is not the order's holder fences by its place alone."""
        row = update_row(after, row_version(since))
        is_wish = after.id in self._wishes
        fence = None if is_wish else since.lease_epoch
        wake_at = after.wake_at
        delay = None if wake_at is None else wake_at - self._now[after.id]
        return (*row[:5], fence, delay, *row[8:])

    def _counts(self) -> list[Row]:
        """Return by how much each order changes the count of which status."""
        rows: list[Row] = [(row[0], row[1], row[5], 1) for row in self.births]
        for since, after in self.moves.values():
            if since.status is not after.status:
                principal = since.intent.principal
                rows.append((since.id, principal, since.status.value, -1))
                rows.append((since.id, principal, after.status.value, 1))
        return rows
