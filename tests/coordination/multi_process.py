"""Build towns of several processes within one: what the worker writes, the one who serves hears."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from cambist.bootstrap.coordination import Coordination, ProcessRole, build_coordination
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.orders import events
from cambist.orders.order import Order
from cambist.stores.sqlite.store import SqliteStore
from tests import order_factory
from tests.contracts.store_harness import change
from tests.coordination.waiting import until

Make = Callable[[ProcessRole], Coordination]
API = ProcessRole("api", works=False, notices="none")
WORKER = ProcessRole("worker", serves=False, notices="none")


class Town:
    """Two processes of one installation: `api` serves and `worker` works."""

    def __init__(self, store: SqliteStore, api: Coordination, worker: Coordination) -> None:
        self.store, self.api, self.worker = store, api, worker

    async def born(self, number: int) -> Order:
        """Add an order, and claim it."""
        birth = order_factory.birth(number)
        await self.store.add(birth)
        held = await self.store.claim(birth.event.order.id)
        assert held is not None
        return held

    async def note(self, order: Order, count: int) -> Order:
        """Write so many lines about an order."""
        for _ in range(count):
            order = await self.store.commit(
                order, change(events.CancelRequested()), order_factory.START
            )
        return order

    async def close(self, order: Order) -> Order:
        """Write an order's end."""
        return await self.store.commit(order, change(events.Cancelled()), order_factory.START)


def by_redis(url: str) -> Make:
    """Return how to make the signals of a process that has a Redis."""
    return lambda part: build_coordination(Settings(redis_url=url), SystemClock(), part)


@asynccontextmanager
async def town(
    folder: Path, make: Make, *, api: ProcessRole = API, worker: ProcessRole = WORKER
) -> AsyncIterator[Town]:
    """Open a town, and wait until its processes hear one another."""
    serving, working = make(api), make(worker)
    async with AsyncExitStack() as open_now:
        store = SqliteStore(folder / "orders.db", working.bus.publish, owner="me", inline=True)
        await store.open()
        open_now.push_async_callback(store.close)
        for one in (serving, working):
            await open_now.enter_async_context(one.running(store))
        await until(lambda: all(line.is_up for one in (serving, working) for line in one.lines))
        yield Town(store, serving, working)
