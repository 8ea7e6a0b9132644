"""Audits the shared store: one read-only snapshot, beside any number of processes that write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cambist.stores.audit import Report, Rows, walk
from cambist.stores.postgres.pool import Pool, Target
from cambist.stores.sql import queries
from cambist.stores.sqlite.migrations import UnfitDatabase

ANSWER_WITHIN_S: Final = 600
"""How long one query of an audit may take: the counts read every line there is."""
SQL: Final = queries("postgres")


async def audit(target: Target, progress: Callable[[int], None]) -> Report:
    """Check every order of a database; `progress` hears how many were read.

    Raises UnfitDatabase where no store is, and PortDown.
    """
    pool = Pool(target, 1)
    try:
        await pool.open()
        return await pool.read(lambda line: _audit(line, progress))
    finally:
        await pool.close()


async def _audit(line: Any, progress: Callable[[int], None]) -> Report:
    async with line.transaction(isolation="repeatable_read", readonly=True):
        return await audit_within(line, progress)


async def audit_within(line: Any, progress: Callable[[int], None]) -> Report:
    """Audit within the snapshot at hand. Raises UnfitDatabase and the driver's errors."""
    await line.execute(f"SET LOCAL statement_timeout = '{ANSWER_WITHIN_S}s'")
    await line.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    if await line.fetchval("SELECT to_regclass('engine_orders')") is None:
        msg = "the database holds no store of cambist"
        raise UnfitDatabase(msg)
    asking, rows = walk(), None
    try:
        while True:
            ask = asking.send(rows) if rows is not None else next(asking)
            progress(ask.orders)
            found: Rows = await line.fetch(SQL[ask.query], *ask.values, timeout=ANSWER_WITHIN_S)
            rows = found
    except StopIteration as done:
        report: Report = done.value
        return report
