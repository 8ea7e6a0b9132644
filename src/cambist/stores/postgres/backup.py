"""Writes a shared store into one archive, from one snapshot, and fills an empty database from it.

The archive is a zip: each table as CSV, as PostgreSQL's own COPY writes it, and a manifest that
says of which migration they are and how many rows each has. Any version of PostgreSQL that is
supported can read what any other wrote, and so can a person.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

import asyncpg
import msgspec

from cambist.ports.store import Halt
from cambist.stores.audit import AuditReport
from cambist.stores.errors import DatabaseUnusable, InvalidBackup
from cambist.stores.postgres.maintenance import audit_within
from cambist.stores.postgres.migrations import migrate, migrate_to
from cambist.stores.postgres.pool import ConnectionPool, Target
from cambist.stores.postgres.reader import SQL

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
COPY_WITHIN_S: Final = 24 * 3_600
MANIFEST_BYTES_MAX: Final = 1_024 * 1_024
_TABLES: Final = """
SELECT c.relname FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
  AND c.relname <> 'migrations'
ORDER BY 1
"""
_IDENTITIES: Final = """
SELECT table_name, column_name FROM information_schema.columns
WHERE is_identity = 'YES' AND table_schema = current_schema()
"""


class Manifest(msgspec.Struct, frozen=True):
    """What an archive holds: the migration its tables are of, and the rows of each."""

    format: int
    migration: int
    server: str
    tables: dict[str, int]


async def back_up(target: Target, path: Path, progress: Callable[[int], None]) -> AuditReport:
    """Write the store of a database into an archive, and audit it, in one snapshot.

    Raises DatabaseUnusable where no store is, PortUnavailable, and OSError.
    """
    pool = ConnectionPool(target, 1)
    try:
        await pool.open()
        return await pool.read(lambda line: _back_up(line, path, progress))
    finally:
        await pool.close()


async def _back_up(line: Any, path: Path, progress: Callable[[int], None]) -> AuditReport:
    async with line.transaction(isolation="repeatable_read", readonly=True):
        report = await audit_within(line, progress)
        await line.execute("SET LOCAL statement_timeout = 0")
        tables = {}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for (name,) in await line.fetch(_TABLES):
                with archive.open(f"{name}.csv", "w", force_zip64=True) as out:
                    done = await line.copy_from_table(
                        name, output=out, format="csv", header=True, timeout=COPY_WITHIN_S
                    )
                tables[name] = int(done.rpartition(" ")[2])
            migration = await line.fetchval("SELECT max(number) FROM migrations")
            server = await line.fetchval("SHOW server_version")
            manifest = Manifest(FORMAT, migration, server, tables)
            archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return report


def read_manifest(path: Path) -> Manifest:
    """Return what an archive says it holds. Raises InvalidBackup and OSError."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MANIFEST) as text:
            manifest = msgspec.json.decode(text.read(MANIFEST_BYTES_MAX), type=Manifest)
            names = set(archive.namelist())
    except (zipfile.BadZipFile, KeyError, msgspec.DecodeError) as error:
        msg = f"{path} is no whole archive of a store: {error}"
        raise InvalidBackup(msg) from None
    if manifest.format != FORMAT or names != {
        MANIFEST,
        *(f"{name}.csv" for name in manifest.tables),
    }:
        msg = f"{path} is no archive of a store that this version knows"
        raise InvalidBackup(msg)
    return manifest


async def restore(target: Target, path: Path, halt: Halt) -> None:
    """Fill an empty database from an archive, all of it or nothing, and halt it.

    One that was halted when it was written stays so. Raises InvalidBackup, DatabaseUnusable where
    the
    database is not empty, SchemaTooNew for an archive of a newer version, and PortUnavailable.
    """
    manifest = read_manifest(path)
    pool = ConnectionPool(target, 1)
    try:
        await pool.open()
        await pool.read(lambda line: _restore(line, path, manifest))
        await migrate(pool)
        await pool.read(lambda line: _halt(line, halt))
    finally:
        await pool.close()


async def _restore(line: Any, path: Path, manifest: Manifest) -> None:
    async with line.transaction():
        if await line.fetchval("SELECT to_regclass('engine_orders')") is not None:
            msg = "the database holds a store already, and is not written over: name an empty one"
            raise DatabaseUnusable(msg)
        await migrate_to(line, manifest.migration)
        await line.execute("SET LOCAL statement_timeout = 0")
        known = {row[0] for row in await line.fetch(_TABLES)}
        if not manifest.tables.keys() <= known:
            msg = f"{path} holds tables that migration {manifest.migration} does not have"
            raise InvalidBackup(msg)
        await line.execute(f"TRUNCATE {', '.join(sorted(known))}")
        # What triggers add stands in tables of its own, which are in the archive too.
        await line.execute("ALTER TABLE journal DISABLE TRIGGER USER")
        with zipfile.ZipFile(path) as archive:
            for name, rows in manifest.tables.items():
                with archive.open(f"{name}.csv") as text:
                    done = await _fill(line, name, text)
                if done != rows:
                    msg = f"{path} has {done} rows of {name}, and should have {rows}"
                    raise InvalidBackup(msg)
        await line.execute("ALTER TABLE journal ENABLE TRIGGER USER")
        for table, column in await line.fetch(_IDENTITIES):
            await line.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column}))"  # noqa: S608
                f" FROM {table}"
            )


async def _fill(line: Any, name: str, text: IO[bytes]) -> int:
    """Copy rows into a table, by the names in their first line."""
    try:
        columns = text.readline().decode().strip().split(",")
        done = await line.copy_to_table(
            name, source=text, columns=columns, format="csv", timeout=COPY_WITHIN_S
        )
    except (zipfile.BadZipFile, asyncpg.DataError, asyncpg.UndefinedColumnError) as error:
        msg = f"the archive's {name} cannot be read: {error}"
        raise InvalidBackup(msg) from None
    return int(done.rpartition(" ")[2])


async def _halt(line: Any, halt: Halt) -> None:
    """Halt what was restored, unless it was halted when it was written."""
    async with line.transaction():
        if not await line.fetch(SQL["halted"]):
            await line.execute(SQL["halt"], halt.reason, halt.by, halt.at)
