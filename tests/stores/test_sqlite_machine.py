"""Walk the SQLite store beside its model."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings

from tests.contracts.store_harness import Opening
from tests.contracts.store_machine import StoreMachine
from tests.stores.sqlite_stores import sqlite_at


class SqliteMachine(StoreMachine):
    """A new file for each walk, written on the loop."""

    def open_at(self) -> Opening:
        self.folder = TemporaryDirectory()
        return sqlite_at(Path(self.folder.name) / "orders.db", inline=True)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


TestSqliteMachine = SqliteMachine.TestCase
TestSqliteMachine.settings = settings(max_examples=40, stateful_step_count=30)
