"""Lays out the rows that a batch of births and moves implies, and writes them table by table."""

from __future__ import annotations

import sqlite3

from cambist.orders import event as fact
from cambist.orders.decide import Change
from cambist.orders.journal import Told
from cambist.orders.order import Order
from cambist.ports.store import Birth
from cambist.stores import records
from cambist.stores.records import Row
from cambist.stores.sqlite.many import write_many
from cambist.values import codec
from cambist.values.ids import OrderId


class StaleRows(Exception):
    """Some order of the sheet is not at the version its move was made for."""


class Sheet:
    """Rows to write together; an order's changes in turn become one move."""

    def __init__(self) -> None:
        self._births: list[Row] = []
        self._moves: dict[OrderId, Row] = {}
        self._entries: list[Row] = []
        self._attempts: list[Row] = []
        self._closings: list[Row] = []
        self._fills: list[Row] = []

    def bear(self, birth: Birth) -> None:
        """Add a new order."""
        self._births.append(records.birth_row(birth))
        self._entries.append(records.entry_row(birth.told.entry))

    def move(self, before: Order, after: Order, told: tuple[Told, ...], change: Change) -> None:
        """Add a change of an order."""
        was = self._moves.get(before.id)
        if was is not None and was[records.MOVED_TO] != before.version:
            raise StaleRows
        since = before.version if was is None else was[records.MOVED_FROM]
        self._moves[before.id] = records.move_row(after, since)
        for line in told:
            self._entries.append(records.entry_row(line.entry))
            self._imply(line, before)
        if change.signed is not None:
            self._attempts.append(records.attempt_row(after.id, change.signed))

    def _imply(self, line: Told, before: Order) -> None:
        """Add the rows of attempts and fills that a fact implies."""
        attempt = before.attempt
        if attempt is None:
            return
        match line.fact:
            case fact.Landed(fill):
                self._closings.append((before.id, attempt.number, "landed", None))
                self._fills.append(records.fill_row(before.id, fill))
            case fact.Reverted():
                self._closings.append((before.id, attempt.number, "reverted", None))
            case fact.Lapsed(_, evidence):
                proof = codec.encode(evidence).decode()
                self._closings.append((before.id, attempt.number, "lapsed", proof))
            case _:
                return

    def write(self, db: sqlite3.Connection) -> None:
        """Write every row. Raises StaleRows, and sqlite3.IntegrityError where an index refuses."""
        if write_many(db, "move_orders", [*self._moves.values()]) != len(self._moves):
            raise StaleRows
        write_many(db, "add_orders", self._births)
        write_many(db, "add_entries", self._entries)
        write_many(db, "close_attempts", self._closings)
        write_many(db, "add_attempts", self._attempts)
        write_many(db, "add_fills", self._fills)
