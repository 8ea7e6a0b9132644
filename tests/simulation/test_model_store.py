"""Hold the model of a store for several processes to the contract of every store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import settings

from cambist.ports.errors import VersionConflict
from cambist.ports.store import CommitListener
from tests import order_factory
from tests.contracts.store import StoreContract
from tests.contracts.store_harness import Opening, Shelf, same
from tests.contracts.store_machine import StoreMachine
from tests.simulation.database import Database
from tests.simulation.model_store import ModelStore, Wire

LEASE_MS = 3_000


class Hands:
    """A clock that is set by hand."""

    at = 1_000_000

    def now(self) -> int:
        return self.at


def model_of(database: Database) -> Opening:
    """Return how a process comes to a database."""

    @asynccontextmanager
    async def opening(news: CommitListener) -> AsyncIterator[ModelStore]:
        store = ModelStore(database, news, owner="me", wire=Wire())
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return opening


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    async with Shelf(model_of(Database(Hands().now, LEASE_MS))) as opened:
        yield opened


class TestModelStore(StoreContract):
    """Inherits every promise."""


class ModelMachine(StoreMachine):
    """An empty database for each walk."""

    def open_at(self) -> Opening:
        return model_of(Database(Hands().now, LEASE_MS))


TestModelMachine = ModelMachine.TestCase
TestModelMachine.settings = settings(max_examples=40, stateful_step_count=30)


async def test_a_lease_runs_out_by_the_servers_clock_and_fences_its_owner() -> None:
    hands = Hands()
    database = Database(hands.now, LEASE_MS)
    async with Shelf(model_of(database)) as shelf:
        held = await shelf.claimed()
        other = ModelStore(database, lambda *_: None, owner="other", wire=Wire())
        await other.open()
        assert await other.claim(held.id) is None
        hands.at += LEASE_MS
        got = await other.claim(held.id)
        assert same(got, held)
        with pytest.raises(VersionConflict) as stale:
            await shelf.bring(held, order_factory.Status.ROUTING)
        assert stale.value.current is None
        await shelf.store.release(held)
        assert await shelf.store.claim(held.id) is None, "a fenced owner releases nothing"
        await other.close()


async def test_a_clock_that_steps_back_holds_no_order_for_ever() -> None:
    hands = Hands()
    database = Database(hands.now, LEASE_MS)
    async with Shelf(model_of(database)) as shelf:
        held = await shelf.claimed()
        hands.at -= 3_600_000
        assert same(await shelf.store.claim(held.id), held)
