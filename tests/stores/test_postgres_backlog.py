"""Prove that the count of open orders never goes back behind what this process wrote itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from cambist.clock import SystemClock
from cambist.stores.postgres import Target, open_postgres, reader
from tests import order_factory
from tests.stores.postgres_stores import database

pytestmark = pytest.mark.postgres


async def test_a_count_asked_for_earlier_does_not_replace_a_later_one(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, gate, asked = reader.fetch, asyncio.Event(), asyncio.Event()

    async def late(pool: Any, name: str, *values: Any) -> Sequence[Any]:
        rows = await real(pool, name, *values)
        if name == "feed_end":
            asked.set()
            await gate.wait()
        return rows

    monkeypatch.setattr(reader, "fetch", late)
    async with (
        database(postgres_url) as url,
        open_postgres(Target(url), lambda *_: None, SystemClock(), owner="me") as store,
    ):
        asking = asyncio.ensure_future(store.backlog())
        await asked.wait()
        await store.add(order_factory.birth(1))
        assert await store.backlog() == 1
        gate.set()
        assert await asking == 1
        assert await store.backlog() == 1, "there is no room where there was none a moment ago"
