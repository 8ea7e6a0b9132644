"""Prove that operators see what stands still in a shared database, and that their word is noted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cambist.cli.main import app
from cambist.clock import SystemClock
from cambist.orders import events
from cambist.orders.order import Status
from cambist.ports.errors import VersionConflict
from cambist.stores.postgres import Target, open_postgres
from cambist.values.time_units import Timestamp
from tests import order_factory
from tests.contracts.store_harness import change
from tests.stores.postgres_stores import database

pytestmark = pytest.mark.postgres
NOW = Timestamp(order_factory.START)
WORD = events.WrittenOff("me", "the explorer has nothing of it")


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    async with database(postgres_url) as made:
        yield made


async def test_a_word_is_noted_beside_the_holder_who_then_decides_anew(url: str) -> None:
    async def flown(store) -> object:  # type: ignore[no-untyped-def]
        await store.add(order_factory.birth(1))
        order = await store.claim(order_factory.birth(1).event.order.id)
        assert (await store.write_off(order.id, WORD, NOW)).written_off_at is None
        for one in order_factory.path(Status.SUBMITTED):
            order = await store.commit(order, change(one, order_factory.attempt()), NOW)
        return order

    def opened(owner: str):  # type: ignore[no-untyped-def]
        return open_postgres(Target(url), lambda *_: None, SystemClock(), owner=owner)

    async with opened("holder") as holder, opened("operator") as operator:
        order = await flown(holder)
        still = await operator.list_stuck(NOW, 10)
        assert [order.id for order in still.orders] == [order.id]  # type: ignore[attr-defined]
        assert (still.open, still.in_flight) == (1, 1)
        noted = await operator.write_off(order.id, WORD, NOW)  # type: ignore[attr-defined]
        assert noted is not None
        assert noted.written_off_at is not None
        again = await operator.write_off(noted.id, WORD, NOW)
        assert again is not None
        assert again.last_seq == noted.last_seq
        with pytest.raises(VersionConflict) as stale:
            await holder.commit(order, change(events.Seen(2_010)), NOW)  # type: ignore[arg-type]
        assert stale.value.current is not None
        assert stale.value.current.written_off_at == noted.written_off_at


async def test_the_commands_look_at_the_database(url: str, tmp_path: Path) -> None:
    env = {"CAMBIST_DATABASE_URL": url, "CAMBIST_HOME": str(tmp_path)}
    for words, said in (
        (("orders", "stuck"), "0 open, 0 with a transaction in flight"),
        (("drain", "a new disk"), "Nothing is in flight"),
        (("resume", "it is in"), "The halt of"),
    ):
        result = await asyncio.to_thread(CliRunner().invoke, app, [*words], env=env)
        assert result.exit_code == 0, result.output
        assert said in result.output
