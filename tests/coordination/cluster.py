"""Run several engines on one database, in one process: one takes orders in, others work on them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from cambist.bootstrap.coordination import Coordination, ProcessRole, build_coordination
from cambist.clock import Entropy, SystemClock
from cambist.config import Settings
from cambist.engine.dependencies import ChainPorts as Ports
from cambist.engine.dependencies import EngineDependencies
from cambist.engine.engine import Engine
from cambist.engine.intake import SubmitOrder
from cambist.engine.publisher import EventPublisher
from cambist.paper.adapters import PaperChain, PaperMarket, PaperSigner
from cambist.paper.fault_model import INSTANT
from cambist.paper.network import PaperNetwork
from cambist.ports.rate_limits import RateLimit
from cambist.ports.store import Store
from cambist.stores.postgres import Target, open_postgres
from cambist.values.ids import LOCAL, OrderId
from tests import order_factory
from tests.stores.postgres_stores import database

CLOSE_WITHIN_S = 60
FOLLOWED = 100
TICK_S = 0.01
ALLOWANCE = RateLimit(1_000_000, 1_000_000)
SEED = 3


class Claims:
    """A store that counts how often a claim was tried, and how often it was had."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.tried = self.had = 0

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return getattr(self._store, name)

    async def claim(self, order_id: OrderId):  # type: ignore[no-untyped-def]
        self.tried += 1
        order = await self._store.claim(order_id)
        self.had += order is not None
        return order


class Figures(NamedTuple):
    """What a run took, in milliseconds, each sorted: from acceptance to landing, from an event to
    its hearing, answers to requests, waits for a rate, and how late the loop itself is."""

    ends: list[float]
    heard: list[float]
    answers: list[float]
    takes: list[float]
    lags: list[float]

    def __str__(self) -> str:
        return "; ".join(
            f"{name} p50 {one[len(one) // 2]:.0f} p99 {one[len(one) * 99 // 100]:.0f} "
            f"max {one[-1]:.0f} ms"
            for name, one in zip(self._fields, self, strict=True)
        )


class Cluster:
    """One engine that serves, and others that work."""

    def __init__(
        self, api: Engine, signals: Coordination, store: Store, claims: list[Claims]
    ) -> None:
        self.api = api
        self.signals = signals
        self.store = store
        self.claims = claims
        self.ids: list[OrderId] = []
        self._lines: dict[OrderId, list[int]] = {}
        self._ended: dict[OrderId, float] = {}
        self._figures = Figures([], [], [], [], [])

    async def place(self, orders: int, a_second: int) -> None:
        """Place orders at a rate, whatever becomes of the others."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(orders):
                await asyncio.sleep(max(began + number / a_second - time.monotonic(), 0))
                is_followed = number % max(orders // FOLLOWED, 1) == 0
                tasks.create_task(self._place(is_followed=is_followed))

    async def _place(self, *, is_followed: bool) -> None:
        began = time.monotonic()
        await self.signals.limits.try_acquire("orders:one", 1, ALLOWANCE)
        self._figures.takes.append((time.monotonic() - began) * 1_000)
        taken = await self.api.submit(SubmitOrder(order_factory.intent(), lambda _: b"{}"))
        self._figures.answers.append((time.monotonic() - began) * 1_000)
        self.ids.append(taken.order_id)
        if is_followed:
            await self._follow(taken.order_id)

    async def _follow(self, order_id: OrderId) -> None:
        """Follow an order to its end, and note how late each of its events is heard."""
        seqs: list[int] = []
        async for heard in self.api.follow_order(order_id):
            now = time.time() * 1_000
            seqs += [event.entry.seq for event in heard.events]
            self._figures.heard.extend(now - told.entry.at for told in heard.events)
        assert seqs == list(range(1, len(seqs) + 1))

    async def hear(self, orders: int) -> None:
        """Listen to all orders until so many have ended for good."""
        last = 0
        async with aclosing(self.api.follow_principal(LOCAL, 0)) as feed:  # type: ignore[type-var]
            async for heard in feed:
                now = time.time() * 1_000
                for place, told in heard.events:
                    assert place > last
                    last = place
                    self._lines.setdefault(told.order.id, []).append(told.entry.seq)
                    if told.entry.kind == "landed":
                        self._figures.ends.append(told.entry.at - told.order.created_at)
                    if told.order.is_closed and not told.order.awaits_chain:
                        self._ended[told.order.id] = now
                if len(self._ended) >= orders:
                    return

    async def watch_the_loop(self) -> None:
        """Note how late the loop is: what is slow here is not for others to answer for."""
        while True:
            due = time.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            self._figures.lags.append((time.monotonic() - due) * 1_000)

    async def judge(self) -> Figures:
        """Hold what was heard to the journals: every line, once, in order."""
        for order_id in self.ids:
            entries = await self.store.read_journal(order_id, 0, 1_000)
            assert self._lines[order_id] == [entry.seq for entry in entries]
            assert [one.seq for one in entries] == list(range(1, len(entries) + 1))
            assert sum(one.kind == "landed" for one in entries) == 1
        return Figures(*(sorted(figure) for figure in self._figures))


@asynccontextmanager
async def cluster(
    folder: Path, url: str, redis: str | None, workers: int = 1
) -> AsyncIterator[Cluster]:
    """Open a cluster on a database of its own."""
    clock, settings = SystemClock(), Settings(redis_url=redis)
    world = PaperNetwork(clock, folder / "chain.db", SEED, INSTANT)
    world.open()
    ports = Ports(PaperMarket(world, clock), PaperChain(world), PaperSigner(SEED))
    async with AsyncExitStack() as opened:
        opened.callback(world.close)
        database_url = await opened.enter_async_context(database(url))
        tasks = await opened.enter_async_context(_tasks())
        tasks.append(asyncio.create_task(world.run()))

        async def part(owner: str, *, works: bool) -> tuple[Engine, Coordination, Claims]:
            who = ProcessRole(owner, serves=not works, works=works, notices=database_url)
            signals = build_coordination(settings, clock, who)
            relay, target = EventPublisher(signals.bus), Target(database_url)
            store = await opened.enter_async_context(
                open_postgres(target, relay, clock, owner=owner)
            )
            await opened.enter_async_context(signals.running(store))
            claims = Claims(store)
            tells = signals.wakeups, signals.bus
            dependencies = EngineDependencies(
                claims, *tells, ports, clock, Entropy(), signals.redis
            )  # type: ignore[arg-type]
            return Engine(dependencies), signals, claims

        api, signals, store = await part("api", works=False)
        counted = []
        for number in range(workers):
            worker, _, claims = await part(f"worker-{number}", works=True)
            running = asyncio.create_task(worker.run())
            counted.append(claims)
            opened.push_async_callback(_end, worker, running)
        yield Cluster(api, signals, store, counted)  # type: ignore[arg-type]


async def _end(worker: Engine, running: asyncio.Task[None]) -> None:
    await worker.drain()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def _tasks() -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks: list[asyncio.Task[None]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run(town: Cluster, orders: int, a_second: int) -> Figures:
    """Place orders, hear of all of them to their ends, and judge what was heard."""
    async with asyncio.timeout(orders / a_second + CLOSE_WITHIN_S), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(town.watch_the_loop())
        hearing = tasks.create_task(town.hear(orders))
        await town.place(orders, a_second)
        await hearing
        watching.cancel()
    return await town.judge()
