"""Does what operators ask for beside an engine, which may run or not: halt, look, write off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cambist.bootstrap.home import STORE_FILE
from cambist.bootstrap.stores import StoreUnusable, open_store
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.orders.events import WrittenOff
from cambist.orders.journal import RecordedEvent
from cambist.orders.order import Order
from cambist.ports.store import Halt, StuckOrders
from cambist.stores.sqlite.halts import halt_file, resume_file
from cambist.stores.sqlite.health import inspect_halt
from cambist.stores.sqlite.maintenance import list_stuck_in_file, write_off_in_file
from cambist.values.ids import OrderId
from cambist.values.time_units import Millis, Timestamp

T = TypeVar("T")


def set_halt(settings: Settings, by: str, reason: str, *, halts: bool) -> Halt | None:
    """Stop trading or let it go on; return the halt that was in force before.

    Raises StoreUnusable, and PortUnavailable and what else opening a shared database raises.
    """
    now = SystemClock().now()
    if settings.database_url is not None:
        halt = Halt(reason, by, now)

        async def move(store: Any) -> Halt | None:
            before: Halt | None = await store.halted()
            await (store.halt(halt) if halts else store.resume(by, reason, now))
            return before

        return _with_database(settings, move)
    path = _file(settings)
    before = inspect_halt(path, 0)[0]
    if halts:
        halt_file(path, Halt(reason, by, now))
    else:
        resume_file(path, by, reason, now)
    return before


def list_stuck(settings: Settings, for_ms: Millis, limit: int) -> StuckOrders:
    """Return the orders that have not moved for so long. Raises what `set_halt` raises."""
    since = Timestamp(SystemClock().now() - for_ms)
    if settings.database_url is not None:
        still: StuckOrders = _with_database(settings, lambda store: store.list_stuck(since, limit))
        return still
    return list_stuck_in_file(_file(settings), since, limit)


def write_off(settings: Settings, order_id: OrderId, by: str, reason: str) -> Order | None:
    """Note an operator's word that an attempt can never land; None when there is no such order.

    Raises what `set_halt` raises.
    """
    word, now = WrittenOff(by, reason), SystemClock().now()
    if settings.database_url is not None:
        noted: Order | None = _with_database(
            settings, lambda store: store.write_off(order_id, word, now)
        )
        return noted
    return write_off_in_file(_file(settings), order_id, word, now)


def _file(settings: Settings) -> Path:
    path = Path(settings.home) / STORE_FILE
    if not path.exists():
        msg = f"{path} is not there: nobody trades in this home"
        raise StoreUnusable(msg)
    return path


def _with_database(settings: Settings, act: Callable[[Any], Awaitable[T]]) -> T:
    """Act on the database that all processes share."""

    async def run() -> T:
        async with open_store(settings, ignore_events, SystemClock()) as store:
            return await act(store)

    return asyncio.run(run())


def ignore_events(events: Sequence[RecordedEvent], places: Sequence[int]) -> None:
    """Hear the news of a store that writes none, or that the others read from the journal."""
