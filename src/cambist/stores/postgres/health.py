"""Looks at a shared database without changing it."""

from __future__ import annotations

from cambist.ports.store import Halt, Missing
from cambist.stores.postgres import reader
from cambist.stores.postgres.pool import Pool, Target
from cambist.stores.postgres.store import missing


async def look_at_trading(target: Target, limit: int) -> tuple[Halt | None, Missing]:
    """Return the halt in force and what the chain knows more. Raises UnfitDatabase and PortDown."""
    pool = Pool(target, 1)
    try:
        await pool.open()
        return await reader.halted(pool), await missing(pool, limit)
    finally:
        await pool.close()


async def look(target: Target) -> str:
    """Return the server's version, if it is to be trusted. Raises UnfitDatabase and PortDown."""
    pool = Pool(target, 1)
    try:
        await pool.open()
        return str(await pool.read(lambda line: line.fetchval("SHOW server_version")))
    finally:
        await pool.close()
