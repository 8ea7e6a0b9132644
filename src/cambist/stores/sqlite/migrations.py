"""Applies numbered SQL files to a database, once each and in order."""

from __future__ import annotations

import sqlite3

from cambist.stores.errors import SchemaTooNew
from cambist.stores.sql import migrations


def migrate_sqlite(connection: sqlite3.Connection) -> int:
    """Bring a database up to date, each migration in one transaction; return its number.

    Two processes may do this at once: who comes second finds it done. Raises SchemaTooNew when
    the database has a migration this program does not know.
    """
    known = migrations("sqlite")
    done = _done(connection)
    newest = known[-1][0]
    if done > newest:
        msg = f"the database is at migration {done}, this program knows {newest}: upgrade cambist"
        raise SchemaTooNew(msg)
    for number, script in known:
        if number > done:
            _apply(connection, number, script)
    return newest


def _apply(connection: sqlite3.Connection, number: int, script: str) -> None:
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number:d};\nCOMMIT;"
        )
    except sqlite3.OperationalError:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if _done(connection) < number:
            raise


def _done(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
