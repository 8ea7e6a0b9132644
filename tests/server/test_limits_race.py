"""Prove that a crowd that comes at once is let in up to the limit, and not one further."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from cambist.bootstrap import open_keys, run_engine
from cambist.clock import Entropy, SystemClock, draw_secret
from cambist.config import Settings
from cambist.coordination.memory import InMemoryEventBus, InMemoryWakeupQueue
from cambist.engine.dependencies import ChainPorts, EngineDependencies
from cambist.engine.engine import Engine, EngineLimits
from cambist.engine.intake import SubmitOrder, SubmitResult
from cambist.engine.publisher import EventPublisher
from cambist.faults import Code, RequestRejected
from cambist.paper.adapters import PaperChain, PaperMarket, PaperSigner
from cambist.paper.fault_model import INSTANT
from cambist.paper.network import PaperNetwork as PaperWorld
from cambist.ports.api_keys import Permission
from cambist.ports.store import Store
from cambist.server.app import create_app
from cambist.server.auth.authenticator import AuthDependencies
from cambist.server.settings import CallerRates, ServerSettings
from cambist.stores.api_key_pepper import Pepper, make_pepper
from cambist.stores.postgres import Target, open_postgres
from cambist.stores.sqlite.store import SqliteStore
from tests import order_factory
from tests.server.app_harness import ORDER, client_of, until
from tests.server.authenticated_app import made_key
from tests.stores.postgres_stores import database

SEED = 5
ROOM = 100
CROWD = 500
BATCH = 7
SPREAD_S = 0.6
"""Every other crowd comes by and by: then counts are taken while others are being written."""
TURNS, TURNS_MAX = 3, 50
PER_MINUTE = 20
TAKEN_ANEW = 60 / PER_MINUTE
"""Seconds until a bucket that is empty has room for one more."""


@asynccontextmanager
async def stored(folder: Path, url: str | None) -> AsyncIterator[Store]:
    """Open a store in a file or a database."""
    relay, clock = EventPublisher(InMemoryEventBus()), SystemClock()
    if url is not None:
        async with open_postgres(Target(url), relay, clock, owner="door") as shared:
            yield shared
        return
    store = SqliteStore(folder / "cambist.db", relay, owner="door")
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def door(store: Store, folder: Path, room: int) -> Engine:
    """Return an engine that takes orders and moves none, with so much room in all."""
    clock = SystemClock()
    world = PaperWorld(clock, folder / "paper-chain.db", SEED, INSTANT)
    ports = ChainPorts(PaperMarket(world, clock), PaperChain(world), PaperSigner(SEED))
    dependencies = EngineDependencies(
        store, InMemoryWakeupQueue(clock), InMemoryEventBus(), ports, clock, Entropy()
    )
    return Engine(dependencies, EngineLimits(backlog_max=room))


def wish(key: str | None = None) -> SubmitOrder:
    return SubmitOrder(order_factory.intent(), lambda order: order.id.encode(), key)


async def crowd(engine: Engine, within_s: float) -> Counter[str]:
    """Send a crowd, single and in batches; count who was taken and who was refused."""

    async def one(number: int) -> Counter[str]:
        await asyncio.sleep(within_s * number / CROWD)
        try:
            await engine.submit(wish())
        except RequestRejected as refused:
            return Counter([refused.faults[0].code.value])
        return Counter(["taken"])

    async def batch(number: int) -> Counter[str]:
        await asyncio.sleep(within_s * number / CROWD)
        try:
            answers = await engine.submit_all([wish() for _ in range(BATCH)])
        except RequestRejected as refused:
            return Counter([refused.faults[0].code.value])
        assert all(isinstance(answer, SubmitResult) for answer in answers)
        return Counter({"taken": len(answers)})

    sent = [batch(number) if number % 20 == 0 else one(number) for number in range(CROWD)]
    return sum(await asyncio.gather(*sent), Counter())


async def race(folder: Path, url: str | None, turns: int) -> None:
    """Race for what room there is, again and again."""
    async with stored(folder, url) as store:
        for turn in range(1, turns + 1):
            within_s = SPREAD_S if turn % 2 == 0 else 0.0
            told = await crowd(door(store, folder, turn * ROOM), within_s)
            assert told["taken"] == ROOM, told
            assert told.keys() == {"taken", Code.BACKLOG_FULL.value}
            assert await store.backlog() == turn * ROOM


async def test_a_backlog_of_a_file_takes_exactly_what_it_has_room_for(tmp_path: Path) -> None:
    await race(tmp_path, None, TURNS)


@pytest.mark.postgres
async def test_a_backlog_of_a_database_takes_exactly_what_it_has_room_for(
    tmp_path: Path, postgres_url: str
) -> None:
    async with database(postgres_url) as url:
        await race(tmp_path, url, TURNS)


@pytest.mark.proofs
@pytest.mark.timeout(600)
async def test_fifty_races_for_room_end_alike(tmp_path: Path, postgres_url: str) -> None:
    await race(tmp_path, None, TURNS_MAX)
    async with database(postgres_url) as url:
        await race(tmp_path, url, TURNS_MAX)


async def key_race(folder: Path, url: str, redis: str, turns: int) -> None:
    """Place orders with one key at two servers at once, as many as both let in."""
    given = Settings(
        home=str(folder), database_url=url, redis_url=redis, paper_chain="socket", role="api"
    )
    settings = ServerSettings(rates=CallerRates(PER_MINUTE, 0, 0, 0, 0))
    pepper = make_pepper(folder / "pepper", draw_secret)
    async with AsyncExitStack() as opened:
        keys = await opened.enter_async_context(open_keys(given))
        clients: list[httpx.AsyncClient] = []
        for _ in range(2):
            part = await opened.enter_async_context(run_engine(given))
            await until(lambda part=part: part.engine._dependencies.redis() == "ok")
            locks = AuthDependencies(keys, Pepper(folder / "pepper"), part.rates, draw_secret)
            app = create_app(part.engine, settings, locks)
            clients.append(await opened.enter_async_context(client_of(app)))
        for _ in range(turns):
            text, key = made_key(pepper, Permission.TRADE)
            await keys.add(key)
            shown = {"authorization": f"Bearer {text}"}
            began = time.monotonic()
            answers = await asyncio.gather(
                *(
                    client.post("/api/orders/execute", json=ORDER, headers=shown)
                    for _ in range(3 * PER_MINUTE // 2)
                    for client in clients
                )
            )
            told = Counter(answer.status_code for answer in answers)
            late = int((time.monotonic() - began) / TAKEN_ANEW)
            assert PER_MINUTE <= told[202] <= PER_MINUTE + late, told
            assert told.keys() == {202, 429}


@pytest.mark.postgres
@pytest.mark.redis
async def test_two_servers_let_one_key_in_as_often_as_one_would(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    async with database(postgres_url) as url:
        await key_race(tmp_path, url, redis_url, TURNS)


@pytest.mark.proofs
@pytest.mark.timeout(600)
async def test_fifty_races_with_one_key_end_alike(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    async with database(postgres_url) as url:
        await key_race(tmp_path, url, redis_url, TURNS_MAX)
