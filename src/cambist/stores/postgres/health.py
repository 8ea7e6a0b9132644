"""Checks a PostgreSQL database without changing it."""

from __future__ import annotations

from cambist.ports.store import Halt, UnrecordedTransactions
from cambist.stores.postgres import reader
from cambist.stores.postgres.pool import ConnectionPool, Target


async def inspect_halt(target: Target, limit: int) -> tuple[Halt | None, UnrecordedTransactions]:
    """Return the halt in force and what the chain knows more.

    Raises DatabaseUnusable and PortUnavailable.
    """
    pool = ConnectionPool(target, 1)
    try:
        await pool.open()
        return await reader.halted(pool), await reader.unrecorded_transactions(pool, limit)
    finally:
        await pool.close()


async def inspect_server(target: Target) -> str:
    """Return the server's version, if it is to be trusted.

    Raises DatabaseUnusable and PortUnavailable.
    """
    pool = ConnectionPool(target, 1)
    try:
        await pool.open()
        return str(await pool.read(lambda line: line.fetchval("SHOW server_version")))
    finally:
        await pool.close()
