"""Sets and reads the halt of all trading."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from cambist.ports.store import Halt
from cambist.stores.commands import RecordReconciliation
from cambist.stores.sqlite.connection import SQL, connect
from cambist.values.time_units import Timestamp


def halted(db: sqlite3.Connection, _: None = None) -> Halt | None:
    """Return the halt in force."""
    row = db.execute(SQL["halted"]).fetchone()
    return None if row is None else Halt(*row)


def halt(db: sqlite3.Connection, one: Halt) -> None:
    """Stop trading, within the transaction at hand."""
    db.execute(SQL["halt_now"], (one.reason, one.by, one.at))
    db.execute(SQL["log_halt"], (one.at, one.by, "halt", one.reason))


def resume(db: sqlite3.Connection, by: str, reason: str, now: Timestamp) -> None:
    """Let trading go on, within the transaction at hand; without a halt nothing is written."""
    if db.execute(SQL["resume_now"]).rowcount:
        db.execute(SQL["log_halt"], (now, by, "resume", reason))


def note_comparison(db: sqlite3.Connection, one: RecordReconciliation) -> None:
    """Note how the chain compares with the store, within the transaction at hand."""
    if one.halt is not None:
        halt(db, one.halt)
    for trace in one.missing:
        row = (trace.signature, trace.order_id, trace.attempt, trace.slot, trace.failed, one.now)
        db.execute(SQL["note_missing"], row)
    if one.slot is not None:
        db.execute(SQL["note_compared"], (one.slot,))


def halt_file(path: Path, one: Halt) -> None:
    """Stop trading from beside the engine, which may run or not. Raises sqlite3.Error."""
    with closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        halt(db, one)
        db.execute("COMMIT")


def resume_file(path: Path, by: str, reason: str, now: Timestamp) -> None:
    """Let trading go on from beside the engine. Raises sqlite3.Error."""
    with closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        resume(db, by, reason, now)
        db.execute("COMMIT")
