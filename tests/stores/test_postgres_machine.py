"""Walk the PostgreSQL store beside its model."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import settings

from tests.contracts.store_harness import Opening
from tests.contracts.store_machine import StoreMachine
from tests.stores.postgres_stores import postgres_at, still_database

pytestmark = pytest.mark.postgres


class PostgresMachine(StoreMachine):
    """A new database for each walk."""

    url: ClassVar[str]

    def open_at(self) -> Opening:
        self.database = still_database(self.url)
        return postgres_at(self.run(self.database.__aenter__()))

    def teardown(self) -> None:
        self.run(self.shelf.__aexit__())
        self.run(self.database.__aexit__(None, None, None))
        self.runner.close()


class TestPostgresMachine(PostgresMachine.TestCase):
    settings = settings(max_examples=15, stateful_step_count=25)

    @pytest.fixture(autouse=True)
    def at_the_server(self, postgres_url: str) -> None:
        PostgresMachine.url = postgres_url
