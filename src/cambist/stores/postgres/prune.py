"""Puts closed orders away, batch by batch, beside whoever uses the database."""

from __future__ import annotations

import asyncio
from typing import Any

from cambist.stores import records
from cambist.stores.archive import ORDERS_AT_ONCE, Archive, Name, Progress, archived
from cambist.stores.postgres import daily_fills
from cambist.stores.postgres.migrations import migrate
from cambist.stores.postgres.pool import Pool, Target
from cambist.stores.postgres.reader import SQL
from cambist.values.ids import OrderId, Principal, order_id
from cambist.values.time_units import Moment


async def prune(target: Target, before: Moment, archive: Archive | None, progress: Progress) -> int:
    """Put away the orders that came to rest before an instant; return how many.

    Raises UnfitDatabase, PortDown and OSError; what was put away until then is archived whole.
    """
    pool, total = Pool(target, 1), 0
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


async def _some(line: Any, before: Moment) -> tuple[Name, ...]:
    rows = await line.fetch(SQL["prunable"], order_id(before, 0), before, ORDERS_AT_ONCE)
    return tuple(Name(OrderId(row[0]), Principal(row[1]), row[2]) for row in rows)


async def _read(line: Any, names: tuple[Name, ...]) -> Any:
    asked = [one.id for one in names]
    entries = [records.read_entry(tuple(row)) for row in await line.fetch(SQL["journals"], asked)]
    return archived(names, entries, map(tuple, await line.fetch(SQL["transactions"], asked)))


async def _remove(line: Any, names: tuple[Name, ...]) -> None:
    async with line.transaction():
        await line.execute(SQL["hold_writers"])
        await line.execute(SQL["prune"], [one.id for one in names])
