"""Carries wake-ups and events between several processes."""

# Every process has subscribers, and an order may be moved by any process. The journal is the only
# source of events: a process reads on from the last position it knows, and sends its subscribers
# to the journal. A message from another process (Redis, or NOTIFY of PostgreSQL) only says that
# it is worth reading now. Without any message each process reads once a second.
#
# From this follows what a transport may do. It may lose messages, repeat them, delay them or
# deliver them out of order: that costs time and nothing else. It may be absent. No event and no
# order is ever in a transport alone, so nobody has to persist, acknowledge or deduplicate
# messages.
#
# Wake-ups are the same: a hint that an order is due. The sweep finds every due order once a
# second, and the lease in the database decides which worker moves it.
#
# A subscriber that comes before its process has read the journal for the first time would miss
# the events between. The first read therefore sends every subscriber to the journal (found by the
# simulation).

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import structlog

from cambist import metrics
from cambist.coordination.memory import (
    InMemorySubscription,
    InMemoryWakeupQueue,
    SubscriberRegistry,
)
from cambist.orders.journal import RecordedEvent
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.event_bus import PositionedEvent
from cambist.ports.store import FeedEntry
from cambist.ports.wakeups import Wakeup
from cambist.values.ids import OrderId, Principal

LOOK_EVERY_MS: Final = 1_000
LINES_PAGE: Final = 1_000
ORDERS_REMEMBERED_MAX: Final = 10_000
STORE_AWAY_MS: Final = 500
log = structlog.get_logger("cambist.coordination")


class FeedReader(Protocol):
    """What a hub reads of the store. All may raise PortUnavailable."""

    async def feed_all(self, after: int, limit: int) -> tuple[FeedEntry, ...]:
        """Return the positions of events, in ascending order."""

    async def last_position(self) -> int:
        """Return the position of the newest event."""


class MultiProcessEventBus:
    """A bus over several processes. `notify` sends a new position to the other processes."""

    def __init__(self, places: FeedReader, clock: Clock, notify: Callable[[int], None]) -> None:
        self._feed_reader = places
        self._clock = clock
        self._announce = notify
        self._of_orders: SubscriberRegistry[RecordedEvent] = SubscriberRegistry()
        self._of_principals: SubscriberRegistry[PositionedEvent] = SubscriberRegistry()
        self._wake_event = asyncio.Event()
        self._published: dict[OrderId, int] = {}

    def publish(self, events: Sequence[RecordedEvent], places: Sequence[int]) -> None:
        """Tell what became true here: at once to those who listen to one order.

        Who listens to all of a principal's is sent to the journal, for only there stands what
        happened here in order with what happened elsewhere.
        """
        if not places:
            return
        for event in events:
            self._note(event.order.id, event.entry.seq)
            for listener in self._of_orders.of(event.order.id):
                listener.push(event)
            for one in self._of_principals.of(event.order.intent.principal):
                one.mark_stale()
        self._announce(places[-1])

    def _note(self, order_id: OrderId, seq: int) -> None:
        """Remember what was published here, so that it is not read from the journal again."""
        self._published.pop(order_id, None)
        self._published[order_id] = seq
        if len(self._published) > ORDERS_REMEMBERED_MAX:
            del self._published[next(iter(self._published))]

    def notify(self) -> None:
        """Look for new events now."""
        self._wake_event.set()

    def subscribe(self, order_id: OrderId) -> InMemorySubscription[RecordedEvent]:
        """Listen to one order."""
        return self._of_orders.join(order_id)

    def subscribe_principal(self, principal: Principal) -> InMemorySubscription[PositionedEvent]:
        """Listen to all orders of a principal."""
        return self._of_principals.join(principal)

    async def run(self) -> None:
        """Publish new events until cancelled."""
        seen: int | None = None
        while True:
            self._wake_event.clear()
            try:
                seen = await self._poll(seen)
            except PortUnavailable as down:
                log.warning("store_unavailable", error=str(down))
                await self._clock.sleep(STORE_AWAY_MS)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_MS / 1_000):
                    await self._wake_event.wait()

    async def _poll(self, seen: int | None) -> int:
        """Send listeners to the journal for what is new; return the place up to which they are."""
        end = await self._feed_reader.last_position()
        if seen is None:
            # Whoever listens already may have read the journal before this answer was made.
            self._of_orders.poke()
            self._of_principals.poke()
            return end
        if not (self._of_orders or self._of_principals):
            # Who comes later reads the journal anyway.
            return end
        while seen < end:
            lines = await self._feed_reader.feed_all(seen, LINES_PAGE)
            for line in lines:
                if line.seq <= self._published.get(line.order_id, 0):
                    continue
                for one in self._of_orders.of(line.order_id):
                    one.mark_stale()
                for other in self._of_principals.of(line.principal):
                    other.mark_stale()
            seen = lines[-1].position if lines else end
        return seen


WAKEUPS_WAITING_MAX: Final = 10_000
"""Wake-ups from other processes that wait for the dispatcher; past this many they are left
to the sweep."""


class MultiProcessWakeupQueue(InMemoryWakeupQueue):
    """Rings here where there are workers, and elsewhere through `send`.

    A note never leaves the process, and nor do alarms: they belong to whoever holds the order.
    """

    def __init__(self, clock: Clock, send: Callable[[OrderId], None] | None) -> None:
        super().__init__(clock)
        self._send = send
        self._offered = asyncio.Event()
        self._offered.set()

    def notify(self, wakeup: Wakeup) -> None:
        """Ask for a look at an order: here, where there is a worker to take it."""
        if self._send is not None:
            self._send(wakeup.order_id)
            return
        self._offered.clear()
        super().notify(wakeup)

    def receive(self, order_id: OrderId) -> None:
        """Wake an order because another process asks for it."""
        if self.waiting < WAKEUPS_WAITING_MAX:
            self._offered.clear()
            super().notify(Wakeup(order_id))
        else:
            metrics.SIGNALS_DROPPED.labels(kind="bell").inc()

    async def get(self) -> Wakeup:
        """Wait for the next wake-up."""
        wakeup = await super().get()
        if not self.waiting:
            self._offered.set()
        return wakeup

    async def wait_drained(self) -> None:
        """Return when all wake-ups have been handed over."""
        await self._offered.wait()
