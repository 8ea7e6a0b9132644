"""Writes the rows of a batch table by table."""

from __future__ import annotations

import sqlite3

from cambist.stores import records
from cambist.stores.sheet import Sheet, StaleRows
from cambist.stores.sqlite.many import write_many


class SqliteSheet(Sheet):
    """Rows to write together to a SQLite file."""

    def write(self, db: sqlite3.Connection) -> None:
        """Write every row. Raises StaleRows, and sqlite3.IntegrityError where an index refuses."""
        moves = [
            records.move_row(after, records.mark(since)) for since, after in self.moves.values()
        ]
        if write_many(db, "move_orders", moves) != len(moves):
            raise StaleRows
        write_many(db, "add_orders", self.births)
        write_many(db, "add_entries", self.entries)
        write_many(db, "close_attempts", self.closings)
        write_many(db, "add_attempts", self.attempts)
        write_many(db, "add_fills", self.fills)
