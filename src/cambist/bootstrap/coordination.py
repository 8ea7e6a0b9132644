"""Chooses who carries signals: memory in one process, Redis or PostgreSQL between several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Final, Literal

import msgspec

from cambist.config import BadSettings, Settings
from cambist.coordination.memory import MemoryBus, MemoryWakeups
from cambist.coordination.multi_process import Doorbell, Hub, Places
from cambist.coordination.outbox import Outbox
from cambist.coordination.rate_limits import MemoryBuckets, Share
from cambist.coordination.transport import Ends, Line
from cambist.engine.dependencies import RedisWord
from cambist.ports.clock import Clock
from cambist.ports.event_bus import Bus
from cambist.ports.rate_limits import RateLimits
from cambist.ports.store import Line as StoreLine
from cambist.ports.wakeups import Wakeups
from cambist.values.server_url import bare_database_url

FLUSH_MS: Final = 500


class Part(msgspec.Struct, frozen=True):
    """What a process is to the others: `owner` names it; it `serves` clients, `works`, or both.

    `notices` is the address of the database all share; None where the process is alone with it.
    """

    owner: str
    serves: bool = True
    works: bool = True
    notices: str | None = None


class _Soon:
    """The journal a hub reads, once it is open."""

    def __init__(self) -> None:
        self.store: Places | None = None

    async def feed_all(self, after: int, limit: int) -> tuple[StoreLine, ...]:
        return () if self.store is None else await self.store.feed_all(after, limit)

    async def feed_end(self) -> int:
        return 0 if self.store is None else await self.store.feed_end()


class Signals(msgspec.Struct, frozen=True):
    """What an engine and its server signal with.

    `bus` goes to the store's Relay, `wakeups` and `bus` to the engine's Means, `limits` to the
    server's Locks. Nothing is carried to or from other processes but within `beside`.
    """

    bus: Bus
    wakeups: Wakeups
    limits: RateLimits
    journal: _Soon
    outbox: Outbox
    hub: Hub | None = None
    work: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
    lines: tuple[Line[Any], ...] = ()
    has_redis: bool = False

    @asynccontextmanager
    async def beside(self, store: Places) -> AsyncIterator[None]:
        """Carry signals for as long as the context lasts; the store must be open all the while."""
        self.journal.store = store
        work = self.work if self.hub is None else (self.hub.run, *self.work)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(one()) for one in work]
            try:
                yield
            finally:
                # What was written last is worth a moment: nobody else tells outsiders of it.
                await self.outbox.emptied(FLUSH_MS)
                for task in running:
                    task.cancel()

    def redis(self) -> RedisWord:
        """Tell how Redis is, for `/health`; it waits for nothing."""
        if not self.has_redis:
            return "not_configured"
        return "ok" if all(line.is_up for line in self.lines) else "down"


def make_signals(settings: Settings, clock: Clock, part: Part) -> Signals:
    """Return the signals of a process, before its store is open. Raises BadSettings."""
    journal = _Soon()
    limits: RateLimits = MemoryBuckets(clock)
    if part.notices is not None:
        limits = Share(limits, settings.api_processes)
    outbox = Outbox()
    if part.notices is None and settings.redis_url is None:
        return Signals(MemoryBus(), MemoryWakeups(clock), limits, journal, outbox)
    doorbell = Doorbell(clock, None if part.works else outbox.ring)
    hub = None if part.notices is None else Hub(journal, clock, outbox.tell)
    ends = Ends(
        outbox=outbox,
        doorbell=doorbell if part.works and hub is not None else None,
        ring=hub.ring if part.serves and hub is not None else None,
        owner=part.owner,
    )
    listens = hub if part.serves else None
    bus: Bus = MemoryBus() if hub is None else hub
    if settings.redis_url is None:
        notices = _room("postgres").Notices(clock, bare_database_url(str(part.notices)), ends)
        return Signals(
            bus, doorbell, limits, journal, outbox, listens, (notices.run,), (notices.line,)
        )
    bearer = _room("redis").RedisBearer(clock, settings.redis_url, ends)
    if part.serves:
        limits = bearer.share_limits(limits)
    return Signals(
        bearer.open_bus(bus),
        doorbell,
        limits,
        journal,
        outbox,
        listens,
        work=tuple(line.run for line in bearer.lines),
        lines=bearer.lines,
        has_redis=True,
    )


def _room(name: Literal["postgres", "redis"]) -> ModuleType:
    """Return the room of a carrier; a base install lacks its driver. Raises BadSettings."""
    try:
        return import_module(f"cambist.coordination.{name}")
    except ModuleNotFoundError as missing:
        if missing.name not in ("asyncpg", "redis"):
            raise
        msg = f"the driver of {name} is missing: pip install 'cambist[{name}]'"
        raise BadSettings(msg) from None
