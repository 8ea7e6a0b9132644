"""Looks at a shared database without changing it."""

from __future__ import annotations

from cambist.stores.postgres.pool import Pool, Target


async def look(target: Target) -> str:
    """Return the server's version, if it is to be trusted. Raises UnfitDatabase and PortDown."""
    pool = Pool(target, 1)
    try:
        await pool.open()
        return str(await pool.read(lambda line: line.fetchval("SHOW server_version")))
    finally:
        await pool.close()
