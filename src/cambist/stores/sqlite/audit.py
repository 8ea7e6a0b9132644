"""Reads a whole store as a stranger would, and reports where journal and rows disagree."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from cambist.orders.event import Signed
from cambist.orders.journal import BrokenJournal, Entry, Told, retell
from cambist.orders.lifecycle import IllegalFact
from cambist.orders.order import Order
from cambist.stores import records
from cambist.stores.sqlite.connection import NotAStore, connect
from cambist.stores.sqlite.many import SQL
from cambist.stores.sqlite.writes import load
from cambist.values.ids import OrderId

_NO_LIMIT: Final = -1
_FOLDED: Final = (
    "intent", "created_at", "status", "terms", "tries", "attempts_made", "route", "route_seq",
    "attempt", "fill", "fault", "setbacks", "cancel_requested_at", "closed_at", "is_final",
    "last_seq", "last_at", "head_hash",
)  # fmt: skip


class Break(msgspec.Struct, frozen=True):
    """One order whose journal does not bear out its row."""

    order_id: OrderId
    reason: str


class Report(msgspec.Struct, frozen=True):
    """What was read, and what is wrong."""

    orders: int
    entries: int
    breaks: tuple[Break, ...]


def audit(path: Path) -> Report:
    """Check every order of a store, reading only. Raises NotAStore and sqlite3.Error."""
    db = connect(path, read_only=True)
    try:
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            msg = f"{path} is no store of cambist"
            raise NotAStore(msg)
        db.execute("BEGIN")
        breaks: list[Break] = []
        orders = entries = 0
        for (text,) in db.execute(
            "SELECT id FROM engine_orders UNION SELECT order_id FROM journal ORDER BY 1"
        ):
            order_id = OrderId(text)
            lines = [
                records.read_entry(row)
                for row in db.execute(SQL["entries"], (order_id, 0, _NO_LIMIT))
            ]
            orders, entries = orders + 1, entries + len(lines)
            reason = _check(db, order_id, lines)
            if reason:
                breaks.append(Break(order_id, reason))
        return Report(orders, entries, tuple(breaks))
    finally:
        db.close()


def _check(db: sqlite3.Connection, order_id: OrderId, lines: list[Entry]) -> str:
    """Return what is wrong with one order, or nothing."""
    try:
        row = load(db, order_id)
        told = retell(lines)
    except (BrokenJournal, IllegalFact, records.CorruptRow, msgspec.DecodeError) as error:
        return str(error)
    if row is None or not told:
        return "there is a journal without an order" if row is None else "the journal is empty"
    return _compare(row, told) or _check_attempts(db, order_id, told)


def _compare(row: Order, told: tuple[Told, ...]) -> str:
    folded = told[-1].order
    bare = row.attempt
    if bare is not None:
        row = replace(row, attempt=replace(bare, transaction=b""))
    unlike = [name for name in _FOLDED if getattr(row, name) != getattr(folded, name)]
    return f"the row differs from its journal in {', '.join(unlike)}" if unlike else ""


def _check_attempts(db: sqlite3.Connection, order_id: OrderId, told: tuple[Told, ...]) -> str:
    """Compare the bytes kept with what was signed, and count the attempts alive."""
    signed = {one.fact.signature: one.fact for one in told if isinstance(one.fact, Signed)}
    rows = db.execute(
        "SELECT signature, state, transaction_bytes FROM attempts WHERE order_id = ?", (order_id,)
    ).fetchall()
    if {row[0] for row in rows} != set(signed):
        return "the attempts kept are not those the journal signed"
    for signature, _, transaction in rows:
        if sha256(transaction).hexdigest() != signed[signature].transaction_sha256:
            return f"the bytes of {signature} are not those that were signed"
    if sum(row[1] in ("in_flight", "landed") for row in rows) > 1:
        return "more than one attempt is alive"
    return ""
