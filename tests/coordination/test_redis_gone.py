"""Prove that a Redis that is emptied, killed, frozen or never there costs time and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cambist.coordination.redis.client import RedisAddress
from tests.coordination.cluster import cluster, run
from tests.coordination.waiting import until
from tests.servers.valkey import Valkey

pytestmark = [pytest.mark.redis, pytest.mark.postgres]
Mischief = Callable[[Valkey, float], object]


async def nothing(server: Valkey, scale: float) -> None:
    """Leave Redis alone."""


async def flush(server: Valkey, scale: float) -> None:
    """Empty it every second."""
    async with RedisAddress(server.url).dial() as line:
        while True:
            await asyncio.sleep(1 * scale)
            await line.ask("FLUSHALL", within_ms=5_000)


async def kill(server: Valkey, scale: float) -> None:
    """Kill it every ten seconds; half a second later it is back."""
    while True:
        await asyncio.sleep(10 * scale)
        server.kill9()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.start)


async def freeze(server: Valkey, scale: float) -> None:
    """Let it stand still for thirty seconds."""
    await asyncio.sleep(1 * scale)
    server.freeze()
    await asyncio.sleep(30 * scale)
    server.thaw()


async def absent(server: Valkey, scale: float) -> None:
    """Have none from the start."""


KINDS = [nothing, flush, kill, freeze, absent]


@asynccontextmanager
async def done_to(server: Valkey, mischief: Mischief, scale: float) -> AsyncIterator[None]:
    task = asyncio.create_task(mischief(server, scale))  # type: ignore[arg-type]
    try:
        yield
    finally:
        server.thaw()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def go(
    folder: Path, url: str, server: Valkey, mischief: Mischief, orders: int, scale: float
) -> str:
    if mischief is absent:
        server.kill9()
    async with cluster(folder, url, server.url) as town:
        if mischief is not absent:
            await until(lambda: town.signals.redis() == "ok")
        async with done_to(server, mischief, scale):
            figures = await run(town, orders, a_second=150 if orders > 1_000 else 100)
        return str(figures)


@pytest.mark.parametrize("mischief", KINDS, ids=lambda one: one.__name__)
async def test_no_event_is_lost(
    tmp_path: Path, postgres_url: str, breakable_valkey: Valkey, mischief: Mischief
) -> None:
    print(await go(tmp_path, postgres_url, breakable_valkey, mischief, orders=150, scale=0.1))


@pytest.mark.proofs
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mischief", KINDS, ids=lambda one: one.__name__)
async def test_no_event_of_5000_orders_is_lost(
    tmp_path: Path, postgres_url: str, breakable_valkey: Valkey, mischief: Mischief
) -> None:
    print(await go(tmp_path, postgres_url, breakable_valkey, mischief, orders=5_000, scale=1))
