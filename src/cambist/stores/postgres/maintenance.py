"""Audits and prunes a PostgreSQL store, beside any number of processes that write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from cambist.stores.archive import ORDERS_AT_ONCE, Archive, Progress, PrunableOrder, build_archive
from cambist.stores.audit import AuditReport, Rows, audit_steps
from cambist.stores.errors import DatabaseUnusable
from cambist.stores.postgres import daily_fills
from cambist.stores.postgres.migrations import migrate
from cambist.stores.postgres.pool import ConnectionPool, Target
from cambist.stores.postgres.reader import SQL
from cambist.stores.rows import read_entry
from cambist.values.ids import OrderId, Principal, order_id
from cambist.values.time_units import Timestamp

ANSWER_WITHIN_S: Final = 600
"""How long one query of an audit may take: the counts read every journal entry."""


async def audit(target: Target, progress: Callable[[int], None]) -> AuditReport:
    """Check every order of a database; `progress` is called with how many were read.

    Raises DatabaseUnusable where no store is, and PortUnavailable.
    """
    pool = ConnectionPool(target, 1)
    try:
        await pool.open()
        return await pool.read(lambda line: _audit(line, progress))
    finally:
        await pool.close()


async def _audit(line: Any, progress: Callable[[int], None]) -> AuditReport:
    async with line.transaction(isolation="repeatable_read", readonly=True):
        return await audit_within(line, progress)


async def audit_within(line: Any, progress: Callable[[int], None]) -> AuditReport:
    """Audit within the snapshot at hand. Raises DatabaseUnusable and the driver's errors."""
    await line.execute(f"SET LOCAL statement_timeout = '{ANSWER_WITHIN_S}s'")
    await line.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    if await line.fetchval("SELECT to_regclass('engine_orders')") is None:
        msg = "the database holds no store of cambist"
        raise DatabaseUnusable(msg)
    asking, rows = audit_steps(), None
    try:
        while True:
            ask = asking.send(rows) if rows is not None else next(asking)
            progress(ask.orders)
            found: Rows = await line.fetch(SQL[ask.query], *ask.values, timeout=ANSWER_WITHIN_S)
            rows = found
    except StopIteration as done:
        report: AuditReport = done.value
        return report


async def prune(
    target: Target, before: Timestamp, archive: Archive | None, progress: Progress
) -> int:
    """Put away the orders that came to rest before an instant; return how many.

    Raises DatabaseUnusable, PortUnavailable and OSError; what was pruned until then is archived
    whole.
    """
    pool, total = ConnectionPool(target, 1), 0
    try:
        await pool.open()
        await migrate(pool)
        while await pool.read(daily_fills.add_up):  # what is put away stays in the sums of its day
            continue
        while names := await pool.read(lambda line: _some(line, before)):
            if archive is not None:
                found = await pool.read(lambda line, some=names: _read(line, some))  # type: ignore[misc]
                await asyncio.to_thread(archive.add, found)
            await pool.read(lambda line, some=names: _remove(line, some))  # type: ignore[misc]
            total += len(names)
            progress(total)
    finally:
        await pool.close()
    return total


async def _some(line: Any, before: Timestamp) -> tuple[PrunableOrder, ...]:
    rows = await line.fetch(SQL["prunable"], order_id(before, 0), before, ORDERS_AT_ONCE)
    return tuple(PrunableOrder(OrderId(row[0]), Principal(row[1]), row[2]) for row in rows)


async def _read(line: Any, names: tuple[PrunableOrder, ...]) -> Any:
    asked = [name.id for name in names]
    entries = [read_entry(tuple(row)) for row in await line.fetch(SQL["journals"], asked)]
    return build_archive(names, entries, map(tuple, await line.fetch(SQL["transactions"], asked)))


async def _remove(line: Any, names: tuple[PrunableOrder, ...]) -> None:
    async with line.transaction():
        await line.execute(SQL["hold_writers"])
        await line.execute(SQL["prune"], [name.id for name in names])
