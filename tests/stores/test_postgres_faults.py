"""Prove that what networks and servers do to the shared store loses and doubles nothing."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import pytest

from cambist.clock import Entropy, SystemClock
from cambist.ports.errors import PortUnavailable
from cambist.stores.postgres.pool import Target
from cambist.stores.postgres.store import PostgresStore, open_postgres
from tests import order_factory
from tests.servers.postgres import Postgres, with_database
from tests.servers.proxy import Loss, Proxy
from tests.stores.postgres_stores import database, talk, through
from tests.stores.retrying_driver import Carer, Witness, judge

# A connection that is broken off while it is being made leaves a socket for the collector.
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SMALL, BIG = 60, 2_000
LEASE_MS = 1_000
A_LINE = b'"kind":"'
"""Stands in every statement that writes lines of a journal, and in no other."""
entropy = Entropy()


async def two_stores(
    stack: AsyncExitStack, *urls: str
) -> tuple[list[PostgresStore], list[Witness]]:
    """Open a store for each URL, as processes of their own would."""
    stores, witnesses = [], []
    for number, url in enumerate(urls):
        witness = Witness()
        opening = open_postgres(
            Target(url), witness, SystemClock(), owner=f"worker {number}", lease_ms=LEASE_MS
        )
        stores.append(await stack.enter_async_context(opening))
        witnesses.append(witness)
    return stores, witnesses


async def live(stores: list[PostgresStore], orders: int, at_once_: int = 32) -> list[Carer]:
    """Bring so many orders from birth to end, on all stores at once; some by two of them."""
    clock = SystemClock()
    carers = [Carer(store, clock) for store in stores]
    numbers = count()
    room = asyncio.Semaphore(at_once_)

    async def one(number: int) -> None:
        birth = order_factory.birth(entropy(), f"key {number}", clock.now())
        async with room:
            first = carers[number % len(carers)]
            # Every tenth order is cared for twice: leases keep the two apart.
            both = carers if number % 10 == 0 else [first]
            await first.add(birth)
            await asyncio.gather(*(carer.care_for(birth.event.order.id) for carer in both))

    await asyncio.gather(*(one(next(numbers)) for _ in range(orders)))
    return carers


def tell(what: str, carers: list[Carer], lines: int) -> None:
    """Print what a run went through."""
    print(f"\n{what}: {lines} lines, setbacks {[dict(carer.setbacks) for carer in carers]}")


async def test_two_processes_leave_no_gap_and_count_right(postgres_url: str) -> None:
    async with database(postgres_url) as url, AsyncExitStack() as stack:
        stores, witnesses = await two_stores(stack, url, url)
        await live(stores, 4 * SMALL)
        async with talk(url) as line:
            await judge(line, 4 * SMALL, witnesses)


async def dropped(postgres_url: str, orders: int) -> None:
    """Break one of three writes: mostly its reply, sometimes the request itself."""
    chance = random.Random(7)
    broken: list[Loss] = []

    def choose(data: bytes) -> Loss | None:
        if A_LINE not in data or chance.randrange(3):
            return None
        broken.append(Loss.REQUEST if not chance.randrange(4) else Loss.REPLY)
        return broken[-1]

    async with database(postgres_url) as url, AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy.before(url))
        stores, witnesses = await two_stores(stack, through(url, proxy.port), url)
        proxy.choose = choose
        carers = await live(stores, orders)
        proxy.choose = None
        async with talk(url) as line:
            lines = await judge(line, orders, witnesses)
    assert Loss.REPLY in broken
    tell(
        f"dropped {broken.count(Loss.REPLY)} replies, {broken.count(Loss.REQUEST)} requests",
        carers,
        lines,
    )


async def test_a_commit_whose_reply_is_lost_is_found_again(postgres_url: str) -> None:
    await dropped(postgres_url, SMALL)


@pytest.mark.proofs
@pytest.mark.timeout(600)
async def test_many_lost_replies_lose_and_double_nothing(postgres_url: str) -> None:
    await dropped(postgres_url, BIG)


async def restarted(server: Postgres, orders: int, every_s: float, most: int) -> None:
    """Restart the server under load again and again: fast, immediate, and killed."""
    restarts = 0

    async def trouble() -> None:
        nonlocal restarts
        ways: list[Any] = [
            lambda: server.restart(signal.SIGINT),
            lambda: server.restart(signal.SIGQUIT),
            lambda: (server.kill9(), server.start()),
        ]
        while restarts < most:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(ways[restarts % len(ways)])
            restarts += 1

    async with AsyncExitStack() as stack:
        url = with_database(server.url, "postgres")
        stores, witnesses = await two_stores(stack, url, url)
        ending = asyncio.ensure_future(trouble())
        try:
            carers = await live(stores, orders)
        finally:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
        for store in stores:
            await until_up(store)
        async with talk(url) as line:
            lines = await judge(line, orders, witnesses)
    gc.collect()
    assert restarts
    tell(f"{restarts} restarts", carers, lines)


async def until_up(store: PostgresStore) -> None:
    """Ask until the store answers."""
    for _ in range(500):
        try:
            return await store.ping()
        except PortUnavailable:
            await asyncio.sleep(0.02)
    raise AssertionError("the store never came back")


async def test_a_server_restarted_under_load_loses_nothing(breakable_postgres: Postgres) -> None:
    await restarted(breakable_postgres, 10 * SMALL, every_s=0.3, most=6)


@pytest.mark.proofs
@pytest.mark.timeout(900)
async def test_a_server_restarted_many_times_loses_nothing(breakable_postgres: Postgres) -> None:
    await restarted(breakable_postgres, 10 * BIG, every_s=0.5, most=100)
