"""Audits the embedded store: one read transaction, beside an engine that runs or does not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from cambist.stores.audit import Break, Report, walk
from cambist.stores.sqlite.connection import NotAStore, connect
from cambist.stores.sqlite.many import SQL

__all__ = ["Break", "Report", "audit"]


def _say_nothing(orders: int) -> None:
    """Hear how many orders were read, and tell nobody."""


def audit(path: Path, progress: Callable[[int], None] = _say_nothing) -> Report:
    """Check every order of a store, reading only. Raises NotAStore and sqlite3.Error.

    `progress` hears now and then how many orders were read.
    """
    with closing(connect(path, read_only=True)) as db:
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            msg = f"{path} is no store of cambist"
            raise NotAStore(msg)
        db.execute("BEGIN")
        asking, rows = walk(), None
        try:
            while True:
                ask = asking.send(rows) if rows is not None else next(asking)
                progress(ask.orders)
                rows = db.execute(SQL[ask.query], ask.values).fetchall()
        except StopIteration as done:
            report: Report = done.value
            return report
