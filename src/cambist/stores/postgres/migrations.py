"""Brings a PostgreSQL database up to date, in two halves, so that versions may overlap.

The first half of a migration (`pre`) adds, and what ran before still runs after it. The second
(`post`) takes away what only the version before needed. Whoever starts first runs all first
halves that are missing; a second half runs at once in an empty database, and otherwise when the
migration after it comes, since by then no process of the version before is left.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import asyncpg

from cambist.ports.errors import PortUnavailable
from cambist.stores.errors import SchemaTooNew
from cambist.stores.postgres.errors import OutcomeUnknown
from cambist.stores.postgres.pool import ConnectionPool
from cambist.stores.sql import TwoPhaseMigration, halves

MIGRATE_WITHIN_S: Final = 120
_LOCK: Final = 0x63616D62697374
"""The name of our advisory lock: "cambist" in ASCII."""
_SETUP: Final = """
CREATE TABLE IF NOT EXISTS migrations (
    number       int PRIMARY KEY,
    is_finished  boolean NOT NULL
)
"""


_STANDING: Final = """
SELECT max(number), coalesce(max(number) FILTER (WHERE is_finished), 0) FROM migrations
"""


class SchemaVersion(NamedTuple):
    """Where a database stands: its newest migration, and the newest that is finished."""

    newest: int
    finished: int


async def migrate(pool: ConnectionPool) -> SchemaVersion:
    """Bring the database up to date, one process at a time, in one transaction.

    Raises SchemaTooNew when a migration this program does not know was finished, and
    PortUnavailable.
    """
    try:
        return await pool.run(_migrate)
    except (OutcomeUnknown, asyncpg.PostgresError) as error:
        msg = f"the database could not be brought up to date: {error}"
        raise PortUnavailable(msg) from error


async def migrate_to(connection: Any, number: int) -> None:
    """Bring an empty database to a migration, within the transaction at hand.

    Raises SchemaTooNew when this program does not know it.
    """
    known = halves("postgres")
    if number > known[-1].number:
        msg = (
            f"this is of migration {number}, this program knows {known[-1].number}: upgrade cambist"
        )
        raise SchemaTooNew(msg)
    await _migrate(connection, tuple(one for one in known if one.number <= number))


async def _migrate(
    connection: Any, known: tuple[TwoPhaseMigration, ...] | None = None
) -> SchemaVersion:
    known = halves("postgres") if known is None else known
    async with connection.transaction():
        await _say(connection, f"SET LOCAL statement_timeout = '{MIGRATE_WITHIN_S}s'")
        await _say(connection, f"SET LOCAL lock_timeout = '{MIGRATE_WITHIN_S}s'")
        await _say(connection, f"SELECT pg_advisory_xact_lock({_LOCK})")
        await _say(connection, _SETUP)
        rows = await connection.fetch("SELECT number, is_finished FROM migrations ORDER BY number")
        done = {row["number"]: row["is_finished"] for row in rows}
        _refuse_newer(done, known)
        before = max(done, default=0)
        for one in known:
            if (
                one.number <= before
                and not done.get(one.number, True)
                and known[-1].number > before
            ):
                await _finish(connection, one)
            elif one.number > before:
                await _say(connection, one.pre)
                await connection.execute("INSERT INTO migrations VALUES ($1, false)", one.number)
                if not before:
                    await _finish(connection, one)
        newest, finished = await connection.fetchrow(_STANDING)
        return SchemaVersion(newest, finished)


def _refuse_newer(done: dict[int, bool], known: tuple[TwoPhaseMigration, ...]) -> None:
    ours = known[-1].number
    finished = max((number for number, is_finished in done.items() if is_finished), default=0)
    if finished > ours:
        msg = f"the database is at migration {finished}, this program knows {ours}: upgrade cambist"
        raise SchemaTooNew(msg)


async def _finish(connection: Any, one: TwoPhaseMigration) -> None:
    await _say(connection, one.post)
    await connection.execute(
        "UPDATE migrations SET is_finished = true WHERE number = $1", one.number
    )


async def _say(connection: Any, script: str) -> None:
    await connection.execute(script, timeout=MIGRATE_WITHIN_S)
