"""Measures the stores alone: whole lives of seven facts, in SQLite and in PostgreSQL by turns.

`python -m bench.stores` starts a PostgreSQL of its own, or takes the one that --url names; the
databases it makes there are dropped again.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

import uvloop

from cambist.clock import Entropy, SystemClock
from cambist.orders import events
from cambist.orders.order import Status
from cambist.ports.store import Store
from cambist.stores.postgres import Target, open_postgres
from cambist.stores.sqlite.store import SqliteStore
from tests import order_factory
from tests.contracts.store_harness import change
from tests.servers.postgres import some_postgres
from tests.stores.postgres_stores import database, talk

FACTS: Final = 7
entropy = Entropy()
clock = SystemClock()


async def live(store: Store, waits_ms: list[int]) -> None:
    """Bring one order from birth to end, as the engine does: begun in turn, awaited at a Send."""
    now = clock.now()
    birth = order_factory.birth(entropy(), f"{entropy():x}", now)
    began = time.perf_counter_ns()
    await store.add(birth)
    waits_ms.append((time.perf_counter_ns() - began) // 1_000)
    order = await store.claim(birth.event.order.id)
    if order is None:
        raise LookupError(birth.event.order.id)
    tried = order_factory.attempt(1, order.id)
    path = order_factory.path(Status.CONFIRMED, tried)
    for together in (path[:3], path[3:4], path[4:5], (events.Finalized(2_100),)):
        begun = []
        for event in together:
            commit = store.begin_commit(order, change(event, tried, now), now)
            order = commit.order
            begun.append(commit.durable)
        for durable in begun:
            await durable
    await store.release(order)


async def measure(name: str, stores: Sequence[Store], orders: int, at_once: int) -> str:
    """Live so many lives, so many at once; return a line of figures."""
    waits_us: list[int] = []
    left = iter(range(orders))

    async def one_after_the_other(store: Store) -> None:
        for _ in left:
            await live(store, waits_us)

    began, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(at_once):
            tasks.create_task(one_after_the_other(stores[number % len(stores)]))
    took, spent = time.perf_counter() - began, time.process_time() - cpu
    cuts = quantiles(waits_us, n=100)
    return (
        f"{name:<28} {orders / took:>8,.0f} orders/s {FACTS * orders / took:>9,.0f} facts/s  "
        f"add p50 {median(waits_us) / 1_000:6.1f} ms p99 {cuts[98] / 1_000:6.1f} ms  "
        f"our CPU {spent / orders * 1e6:6.0f} us/order"
    )


@asynccontextmanager
async def embedded() -> AsyncIterator[list[Store]]:
    """Open a SQLite store."""
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "orders.db", _tell_nobody, owner="bench")
        await store.open()
        try:
            yield [store]
        finally:
            await store.close()


@asynccontextmanager
async def shared(url: str, many: int) -> AsyncIterator[list[Store]]:
    """Open so many PostgreSQL stores of one new database."""
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(database(url))
        yield [
            await stack.enter_async_context(
                open_postgres(Target(made), _tell_nobody, clock, owner=f"bench {number}")
            )
            for number in range(many)
        ]


def _tell_nobody(*_: Any) -> None:
    """Hear the news."""


@contextmanager
def _server(url: str | None) -> Any:
    if url:
        yield url
        return
    with some_postgres() as found:
        yield found


async def main(options: argparse.Namespace, url: str) -> None:
    """Measure each store in turn, again and again."""
    async with talk(url) as line:
        for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers"):
            print(f"{name} = {await line.fetchval(f'SHOW {name}')}")
    for _ in range(options.rounds):
        for name, opening in (
            ("SQLite", embedded()),
            ("PostgreSQL, one process", shared(url, 1)),
            ("PostgreSQL, two stores", shared(url, 2)),
        ):
            async with opening as stores:
                print(await measure(name, stores, options.orders, options.at_once), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.stores", description=__doc__)
    parser.add_argument("--url", help="a PostgreSQL server, instead of one of its own")
    parser.add_argument("--orders", type=int, default=5_000)
    parser.add_argument("--at-once", type=int, default=128, dest="at_once")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with _server(asked.url) as address, asyncio.Runner(loop_factory=uvloop.new_event_loop) as run:
        run.run(main(asked, address))
