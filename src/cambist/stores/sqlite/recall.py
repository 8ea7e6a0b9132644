"""Remembers, in the embedded store, how the chain's record compares with the attempts."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from cambist.ports.chain import Trace
from cambist.ports.recall import Missing
from cambist.ports.store import Halt
from cambist.stores.sqlite.items import Compared
from cambist.stores.sqlite.many import SQL
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import OrderId, Signature
from cambist.values.time_units import Moment, Slot


class RecallingSqliteStore(SqliteStore):
    """The embedded store, which can be held against the chain."""

    async def open(self) -> None:
        """Open, and let nobody move an order whose fate only the chain knows."""
        await super().open()
        self._claimed.bar(await self._readers.run(_barred))

    async def compared(self) -> Slot | None:
        """Return the slot up to which the chain was held against the attempts."""
        return await self._readers.run(_compared)

    async def note_compared(self, slot: Slot) -> None:
        """Remember how far the comparison went."""
        await self._writer.lanes.settle(Compared(slot))

    async def unrecorded(self, signatures: Sequence[Signature]) -> frozenset[Signature]:
        """Return those that neither an attempt has nor a note of what is missing."""
        return frozenset(signatures) - await self._readers.run(_recorded, signatures)

    async def note_missing(self, missing: Sequence[Trace], halt: Halt, now: Moment) -> None:
        """Halt, and note what is missing."""
        await self._writer.lanes.settle(Compared(None, tuple(missing), halt, now))
        self._claimed.bar(await self._readers.run(_barred))

    async def missing(self, limit: int) -> Missing:
        """Return what was noted as missing, newest first."""
        return await self._readers.run(missing, limit)


def _compared(db: sqlite3.Connection, _: None) -> Slot | None:
    row = db.execute(SQL["compared"]).fetchone()
    return None if row is None else Slot(row[0])


def _recorded(db: sqlite3.Connection, signatures: Sequence[Signature]) -> frozenset[Signature]:
    asked = msgspec.json.encode(list(signatures)).decode()
    return frozenset(Signature(row[0]) for row in db.execute(SQL["recorded"], (asked,)))


def _barred(db: sqlite3.Connection, _: None) -> frozenset[OrderId]:
    return frozenset(OrderId(row[0]) for row in db.execute(SQL["barred"]))


def missing(db: sqlite3.Connection, limit: int) -> Missing:
    """Read what was noted as missing, newest first."""
    (total,) = db.execute(SQL["count_missing"]).fetchone()
    rows = db.execute(SQL["missing"], (limit,))
    return Missing(
        total, tuple(Trace(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows)
    )
