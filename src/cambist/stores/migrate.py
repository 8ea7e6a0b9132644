"""Applies numbered SQL files to a database, once each and in order."""

from __future__ import annotations

import sqlite3

from cambist.stores.sql import migrations


class NewerDatabase(RuntimeError):
    """The database was written by a newer cambist."""


def migrate_sqlite(connection: sqlite3.Connection) -> int:
    """Bring a database up to date, each migration in one transaction; return its number.

    Raises NewerDatabase when the database has a migration this program does not know.
    """
    known = migrations("sqlite")
    (done,) = connection.execute("PRAGMA user_version").fetchone()
    newest = known[-1][0]
    if done > newest:
        msg = f"the database is at migration {done}, this program knows {newest}: upgrade cambist"
        raise NewerDatabase(msg)
    for number, script in known:
        if number > done:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number:d};\nCOMMIT;"
            )
    return newest
