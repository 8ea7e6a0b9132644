"""Does what operators ask for beside an engine, which may run or not: halt, look, write off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cambist.bootstrap.home import STORE_FILE
from cambist.bootstrap.stores import StoreSick, open_store
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.orders.events import WrittenOff
from cambist.orders.journal import Told
from cambist.orders.order import Order
from cambist.ports.store import Halt, Still
from cambist.stores.sqlite.halts import halt_file, resume_file
from cambist.stores.sqlite.health import look_at_trading
from cambist.stores.sqlite.maintenance import still_in_file, write_off_in_file
from cambist.values.ids import OrderId
from cambist.values.time_units import Millis, Moment

T = TypeVar("T")


def move_switch(settings: Settings, by: str, reason: str, *, halts: bool) -> Halt | None:
    """Stop trading or let it go on; return the halt that was in force before.

    Raises StoreSick, and PortDown and what else opening a shared database raises.
    """
    now = SystemClock().now()
    if settings.database_url is not None:
        halt = Halt(reason, by, now)

        async def move(store: Any) -> Halt | None:
            before: Halt | None = await store.halted()
            await (store.halt(halt) if halts else store.resume(by, reason, now))
            return before

        return _at_database(settings, move)
    path = _file(settings)
    before = look_at_trading(path, 0)[0]
    if halts:
        halt_file(path, Halt(reason, by, now))
    else:
        resume_file(path, by, reason, now)
    return before


def what_stands_still(settings: Settings, for_ms: Millis, limit: int) -> Still:
    """Return the orders that have not moved for so long. Raises what `move_switch` raises."""
    since = Moment(SystemClock().now() - for_ms)
    if settings.database_url is not None:
        still: Still = _at_database(settings, lambda store: store.still(since, limit))
        return still
    return still_in_file(_file(settings), since, limit)


def write_off(settings: Settings, order_id: OrderId, by: str, reason: str) -> Order | None:
    """Note an operator's word that an attempt can never land; None when there is no such order.

    Raises what `move_switch` raises.
    """
    word, now = WrittenOff(by, reason), SystemClock().now()
    if settings.database_url is not None:
        noted: Order | None = _at_database(
            settings, lambda store: store.write_off(order_id, word, now)
        )
        return noted
    return write_off_in_file(_file(settings), order_id, word, now)


def _file(settings: Settings) -> Path:
    path = Path(settings.home) / STORE_FILE
    if not path.exists():
        msg = f"{path} is not there: nobody trades in this home"
        raise StoreSick(msg)
    return path


def _at_database(settings: Settings, act: Callable[[Any], Awaitable[T]]) -> T:
    """Act on the database that all processes share."""

    async def run() -> T:
        async with open_store(settings, _tell_nobody, SystemClock()) as store:
            return await act(store)

    return asyncio.run(run())


def _tell_nobody(told: Sequence[Told], places: Sequence[int]) -> None:
    """Hear the news of a store that writes none, or that the others read from the journal."""
