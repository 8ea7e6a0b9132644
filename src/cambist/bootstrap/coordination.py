"""Chooses the transport: memory in one process, Redis or PostgreSQL between several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Final, Literal

import msgspec

from cambist.config import BadSettings, Settings
from cambist.coordination.memory import InMemoryEventBus, InMemoryWakeupQueue
from cambist.coordination.memory_rate_limits import InMemoryRateLimiter, PartitionedRateLimiter
from cambist.coordination.multi_process_bus import (
    FeedReader,
    MultiProcessEventBus,
    MultiProcessWakeupQueue,
)
from cambist.coordination.reconnecting_connection import ReconnectingConnection, TransportCallbacks
from cambist.coordination.send_buffer import Outbox
from cambist.engine.dependencies import RedisStatus
from cambist.ports.clock import Clock
from cambist.ports.event_bus import EventBus
from cambist.ports.rate_limits import RateLimiter
from cambist.ports.store import FeedEntry as StoreLine
from cambist.ports.wakeups import WakeupQueue
from cambist.values.connection_urls import bare_database_url

FLUSH_MS: Final = 500


class ProcessRole(msgspec.Struct, frozen=True):
    """What a process is to the others: `owner` names it; it `serves` clients, `works`, or both.

    `notices` is the address of the database all share; None where the process is alone with it.
    """

    owner: str
    serves: bool = True
    works: bool = True
    notices: str | None = None


class _LateFeedReader:
    """The journal a hub reads, once it is open."""

    def __init__(self) -> None:
        self.store: FeedReader | None = None

    async def feed_all(self, after: int, limit: int) -> tuple[StoreLine, ...]:
        return () if self.store is None else await self.store.feed_all(after, limit)

    async def last_position(self) -> int:
        return 0 if self.store is None else await self.store.last_position()


class Coordination(msgspec.Struct, frozen=True):
    """What an engine and its server signal with.

    `bus` goes to the store's Relay, `wakeups` and `bus` to the engine's Means, `limits` to the
    server's Locks. Nothing is carried to or from other processes but within `beside`.
    """

    bus: EventBus
    wakeups: WakeupQueue
    limits: RateLimiter
    journal: _LateFeedReader
    outbox: Outbox
    hub: MultiProcessEventBus | None = None
    work: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
    lines: tuple[ReconnectingConnection[Any], ...] = ()
    has_redis: bool = False

    @asynccontextmanager
    async def running(self, store: FeedReader) -> AsyncIterator[None]:
        """Carry signals for as long as the context lasts; the store must be open all the while."""
        self.journal.store = store
        work = self.work if self.hub is None else (self.hub.run, *self.work)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(start()) for start in work]
            try:
                yield
            finally:
                # What was written last is worth a moment: nobody else tells outsiders of it.
                await self.outbox.wait_empty(FLUSH_MS)
                for task in running:
                    task.cancel()

    def redis(self) -> RedisStatus:
        """Tell how Redis is, for `/health`; it waits for nothing."""
        if not self.has_redis:
            return "not_configured"
        return "ok" if all(line.is_up for line in self.lines) else "down"


def build_coordination(settings: Settings, clock: Clock, part: ProcessRole) -> Coordination:
    """Return the signals of a process, before its store is open. Raises BadSettings."""
    journal = _LateFeedReader()
    limits: RateLimiter = InMemoryRateLimiter(clock)
    if part.notices is not None:
        limits = PartitionedRateLimiter(limits, settings.api_processes)
    outbox = Outbox()
    if part.notices is None and settings.redis_url is None:
        return Coordination(InMemoryEventBus(), InMemoryWakeupQueue(clock), limits, journal, outbox)
    doorbell = MultiProcessWakeupQueue(clock, None if part.works else outbox.add_wakeup)
    hub = (
        None
        if part.notices is None
        else MultiProcessEventBus(journal, clock, outbox.announce_position)
    )
    ends = TransportCallbacks(
        outbox=outbox,
        wakeups=doorbell if part.works and hub is not None else None,
        on_new_position=hub.notify if part.serves and hub is not None else None,
        owner=part.owner,
    )
    listens = hub if part.serves else None
    bus: EventBus = InMemoryEventBus() if hub is None else hub
    if settings.redis_url is None:
        notices = _load_transport("postgres").PostgresTransport(
            clock, bare_database_url(str(part.notices)), ends
        )
        return Coordination(
            bus, doorbell, limits, journal, outbox, listens, (notices.run,), (notices.line,)
        )
    bearer = _load_transport("redis").RedisTransport(clock, settings.redis_url, ends)
    if part.serves:
        limits = bearer.share_limits(limits)
    return Coordination(
        bearer.open_bus(bus),
        doorbell,
        limits,
        journal,
        outbox,
        listens,
        work=tuple(line.run for line in bearer.connections),
        lines=bearer.connections,
        has_redis=True,
    )


def _load_transport(name: Literal["postgres", "redis"]) -> ModuleType:
    """Return the room of a carrier; a base install lacks its driver. Raises BadSettings."""
    try:
        return import_module(f"cambist.coordination.{name}")
    except ModuleNotFoundError as missing:
        if missing.name not in ("asyncpg", "redis"):
            raise
        msg = f"the driver of {name} is missing: pip install 'cambist[{name}]'"
        raise BadSettings(msg) from None
