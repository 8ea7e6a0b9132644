"""Fail every single call in an order's life, one after the other: it ends all the same, once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from cambist.clock import Entropy, SystemClock
from cambist.coordination.memory import InMemoryEventBus, InMemoryWakeupQueue
from cambist.engine import dispatcher, inflight_tracker
from cambist.engine.dependencies import ChainPorts, EngineDependencies
from cambist.engine.engine import Engine
from cambist.engine.intake import SubmitOrder
from cambist.engine.publisher import EventPublisher
from cambist.faults import RequestRejected
from cambist.orders.order import Order, Status
from cambist.paper.adapters import PaperChain, PaperMarket, PaperSigner
from cambist.paper.chain_ledger import executions
from cambist.paper.fault_model import INSTANT
from cambist.paper.network import PaperNetwork as PaperWorld
from cambist.ports.event_bus import EventBus
from cambist.ports.store import Store
from cambist.stores.postgres import Target, open_postgres
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import LOCAL
from tests.engine.engine_harness import SEED, sell
from tests.engine.port_failures import Failing, Fuse, Strike, When
from tests.stores.postgres_stores import database

CALLS_MIN = 20
"""An order's life has more calls than this; a sweep that ends sooner swept nothing."""
MOVING = {
    "store.add", "store.claim", "store.begin_commit", "bus.publish", "wakeups.notify",
    "chain.blockhash",
    "chain.simulate", "signer.sign", "chain.send", "chain.observe", "chain.fetch_fill",
}  # fmt: skip
NONE: frozenset[str] = frozenset()
CLAIMS_IN_MEMORY = frozenset(("store.claim", "store.claim_due"))
"""On SQLite a claim is a mark in memory: it cannot be made and then fail to be told."""
CHAIN = "paper-chain.db"
TRIES_MAX = 5
LOOK_S = 0.005
END_WITHIN_S = 20


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten every wait after a failure."""
    for name in ("STORE_RETRY_MS", "FAILURE_RETRY_MS"):
        monkeypatch.setattr(dispatcher, name, 10)
    monkeypatch.setattr(dispatcher, "SWEEP_EVERY_MS", 100)
    monkeypatch.setattr(inflight_tracker, "CHAIN_RETRY_MS", 10)
    monkeypatch.setattr(inflight_tracker, "RESEND_EVERY_MS", 100)


class Town:
    """A store and a chain that outlive each engine, all of whose calls pass one fuse."""

    def __init__(self, store: Store, bus: EventBus, world: PaperWorld, fuse: Fuse) -> None:
        self.store = store
        self.fuse = fuse
        self._bus = bus
        self._network = world

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """Run an engine."""
        clock, fuse = SystemClock(), self.fuse
        ports = ChainPorts(
            PaperMarket(self._network, clock),
            Failing(PaperChain(self._network), "chain", fuse),
            Failing(PaperSigner(SEED), "signer", fuse),
        )
        wakeups = Failing(InMemoryWakeupQueue(clock), "wakeups", fuse)
        store = Failing(self.store, "store", fuse)
        engine = Engine(EngineDependencies(store, wakeups, self._bus, ports, clock, Entropy()))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(engine.run())
            try:
                yield engine
            finally:
                await engine.drain()
                running.cancel()


@asynccontextmanager
async def town(folder: Path, url: str | None) -> AsyncIterator[Town]:
    """Open a store, in a database or in a file, beside a chain."""
    clock, fuse = SystemClock(), Fuse()
    bus = Failing(InMemoryEventBus(), "bus", fuse)
    world = PaperWorld(clock, folder / CHAIN, SEED, INSTANT)
    world.open()
    async with AsyncExitStack() as opened:
        opened.callback(world.close)
        store: Store
        if url is None:
            store = SqliteStore(folder / "cambist.db", EventPublisher(bus), owner="rig")
            await store.open()
            opened.push_async_callback(store.close)
        else:
            opening = open_postgres(
                Target(url), EventPublisher(bus), clock, owner="rig", lease_ms=500
            )
            store = await opened.enter_async_context(opening)
        tasks = await opened.enter_async_context(asyncio.TaskGroup())
        trading = tasks.create_task(world.run())
        opened.callback(trading.cancel)
        yield Town(store, bus, world, fuse)


async def live(place: Town, strike: Strike | None, key: str) -> Order:
    """Bring one order from its first POST to its end, past the one failure."""
    place.fuse.arm(strike)
    async with place.engine() as engine, asyncio.timeout(END_WITHIN_S):
        command = SubmitOrder(sell(name=key), lambda order: order.id.encode(), key, b"same")
        for _ in range(TRIES_MAX):
            try:
                taken = await engine.submit(command)
                break
            except RequestRejected:
                continue
        else:
            raise AssertionError("never taken")
        while True:
            order = await place.store.get(taken.order_id)
            if order is not None and order.is_closed and not order.awaits_chain:
                return order
            await asyncio.sleep(LOOK_S)


async def sweep(place: Town, chain: Path, when: When, spared: frozenset[str] = NONE) -> int:
    """Fail each call in a life of its own: of every name the first, the second, to the last."""
    await live(place, None, f"{when} whole")
    names, struck = sorted(place.fuse.calls), Counter[str]()
    assert set(names) >= MOVING
    for name in (one for one in names if one not in spared):
        for nth in count(1):
            strike = Strike(name, nth, when)
            order = await live(place, strike, str(strike))
            done = [execution for execution in executions(chain) if execution.order_id == order.id]
            assert sum(one.fault is None for one in done) == 1, strike
            assert order.status is Status.CONFIRMED, strike
            entries = await place.store.read_journal(order.id, 0, 1_000)
            assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1)), strike
            known = await place.store.find_by_key(LOCAL, str(strike))
            assert known is not None, strike
            assert known.order_id == order.id, strike
            if not place.fuse.has_struck:
                break
            struck[name] += 1
    print(f"\n{struck.total()} calls failed {when} they acted, each in a life of its own: {struck}")
    return struck.total()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_any_one_failed_call_costs_an_embedded_order_nothing(
    when: When, tmp_path: Path
) -> None:
    async with town(tmp_path, None) as place:
        spared = CLAIMS_IN_MEMORY if when == "after" else NONE
        assert await sweep(place, tmp_path / CHAIN, when, spared) >= CALLS_MIN


@pytest.mark.postgres
@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_any_one_failed_call_costs_a_shared_order_nothing(
    when: When, tmp_path: Path, postgres_url: str
) -> None:
    async with database(postgres_url) as url, town(tmp_path, url) as place:
        assert await sweep(place, tmp_path / CHAIN, when) >= CALLS_MIN
