"""Builds a whole engine in one thread, on a clock that stands still until it is pushed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from cambist.clock import ManualClock
from cambist.coordination.memory import InMemoryEventBus, InMemoryWakeupQueue
from cambist.engine.dependencies import ChainPorts as Ports
from cambist.engine.dependencies import EngineDependencies
from cambist.engine.engine import Engine, EngineLimits
from cambist.engine.intake import SubmitOrder
from cambist.engine.publisher import EventPublisher
from cambist.orders.intent import Intent
from cambist.orders.order import Order
from cambist.orders.terms import Terms
from cambist.paper.adapters import PaperChain, PaperMarket, PaperSigner
from cambist.paper.fault_model import REALISTIC, Profile
from cambist.paper.network import PaperNetwork
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.amount import RawAmount
from cambist.values.ids import LOCAL, OrderId
from cambist.values.token import SOL, USDC, Pair
from cambist.venues.pool import Pool

CALM = replace(REALISTIC, name="calm", reverted_ppm=0, dropped_ppm=0)
SEED = 7
STEP_MS = 50


class Rig:
    """An engine, its clock, and the rooms a test looks into."""

    def __init__(self, engine: Engine, clock: ManualClock, store: SqliteStore) -> None:
        self.engine = engine
        self.clock = clock
        self.store = store

    async def send(self, intent: Intent, key: str | None = None, body: bytes = b"1") -> OrderId:
        """Submit an order and return its id."""
        taken = await self.engine.submit(SubmitOrder(intent, _reply, key, body))
        return taken.order_id

    async def push(self, milliseconds: int) -> None:
        """Let time pass."""
        for _ in range(0, milliseconds, STEP_MS):
            await self.clock.push(STEP_MS)

    async def order(self, order_id: OrderId) -> Order:
        """Return an order as it stands."""
        found = await self.engine.get(order_id, LOCAL)
        assert found is not None
        return found

    async def until_closed(self, order_id: OrderId, most_ms: int = 400_000) -> Order:
        """Let time pass until the order is closed and final."""
        for _ in range(0, most_ms, STEP_MS * 4):
            await self.clock.push(STEP_MS * 4)
            order = await self.order(order_id)
            if order.is_closed and not order.awaits_chain:
                return order
        raise TimeoutError(order_id)

    async def kinds(self, order_id: OrderId) -> list[str]:
        """Return the kinds of facts in an order's journal."""
        return [event.entry.kind for event in await self.engine.history(order_id)]

    async def times(self, order_id: OrderId, kind: str) -> list[int]:
        """Return when facts of a kind became true, in milliseconds after acceptance."""
        told = await self.engine.history(order_id)
        return [event.entry.at - told[0].entry.at for event in told if event.entry.kind == kind]


def _reply(order: Order) -> bytes:
    return order.id.encode()


def sell(whole: int = 1, terms: Terms = Terms(), name: str | None = None) -> Intent:
    """Return the wish to sell whole SOL for USDC."""
    return Intent(
        "market",
        LOCAL,
        Pair(SOL, USDC),
        "exact_in",
        RawAmount(whole * 10**9),
        terms,
        client_order_id=name,
    )


@asynccontextmanager
async def rig(
    path: Path,
    profile: Profile = CALM,
    limits: EngineLimits = EngineLimits(),
    market: type[PaperMarket] = PaperMarket,
    *,
    kinds: tuple[type[SqliteStore], type[PaperChain]] = (SqliteStore, PaperChain),
) -> AsyncIterator[Rig]:
    """Run an engine on the files in a folder; leaving it is a stop without a drain."""
    clock, bus = ManualClock(), InMemoryEventBus()
    world = PaperNetwork(clock, path / "paper-chain.db", SEED, profile, inline=True)
    world.open()
    store = kinds[0](path / "cambist.db", EventPublisher(bus), owner="rig", inline=True)
    await store.open()
    numbers = itertools.count(1)
    ports = Ports(market(world, clock), kinds[1](world), PaperSigner(SEED))
    dependencies = EngineDependencies(
        store, InMemoryWakeupQueue(clock), bus, ports, clock, lambda: next(numbers)
    )
    engine = Engine(dependencies, limits)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(world.run()), tasks.create_task(engine.run())]
            try:
                yield Rig(engine, clock, store)
            finally:
                for task in running:
                    task.cancel()
    finally:
        await store.close()
        world.close()


class HangingMarket(PaperMarket):
    """A market one of whose venues never answers."""

    hanging = ("raydium",)

    async def pools(self, venue: str, pair: Pair, reference: str) -> Sequence[Pool]:
        if venue in self.hanging:
            await asyncio.Event().wait()
        return await super().pools(venue, pair, reference)


class DeadMarket(HangingMarket):
    """A market none of whose venues answers."""

    hanging = ("raydium", "meteora")
