"""Lays out the rows that a batch of births and moves implies, table by table."""

from __future__ import annotations

from cambist.orders import events as fact
from cambist.orders.decide import Change
from cambist.orders.journal import Told
from cambist.orders.order import Order
from cambist.ports.store import Birth
from cambist.stores import records
from cambist.stores.records import Row
from cambist.values import json_codec
from cambist.values.ids import OrderId


class StaleRows(Exception):
    """Some order of the sheet is not where its move was made from."""


class Sheet:
    """Rows to write together; an order's changes in turn become one move."""

    def __init__(self) -> None:
        self.births: list[Row] = []
        self.moves: dict[OrderId, tuple[Order, Order]] = {}
        self.entries: list[Row] = []
        self.attempts: list[Row] = []
        self.closings: list[Row] = []
        self.fills: list[Row] = []

    def bear(self, birth: Birth) -> None:
        """Add a new order."""
        self.births.append(records.birth_row(birth))
        self.entries.append(records.entry_row(birth.told.entry))

    def move(self, before: Order, after: Order, told: tuple[Told, ...], change: Change) -> None:
        """Add a change of an order. Raises StaleRows unless it follows from the one before."""
        since, until = self.moves.get(before.id, (before, before))
        if records.mark(until) != records.mark(before):
            raise StaleRows
        self.moves[before.id] = (since, after)
        for line in told:
            self.entries.append(records.entry_row(line.entry))
            self._imply(line, before)
        if change.signed is not None:
            self.attempts.append(records.attempt_row(after.id, change.signed))

    def _imply(self, line: Told, before: Order) -> None:
        """Add the rows of attempts and fills that a fact implies."""
        attempt = before.attempt
        if attempt is None:
            return
        match line.fact:
            case fact.Landed(fill):
                self.closings.append((before.id, attempt.number, "landed", None))
                self.fills.append(records.fill_row(before.id, fill))
            case fact.Reverted():
                self.closings.append((before.id, attempt.number, "reverted", None))
            case fact.Lapsed(_, evidence):
                proof = json_codec.encode(evidence).decode()
                self.closings.append((before.id, attempt.number, "lapsed", proof))
            case _:
                return
