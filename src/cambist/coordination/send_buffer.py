"""Holds messages for other processes until they are sent; a full outbox drops the oldest."""

# A caller never waits here. The journal has everything, so a dropped message costs the receiver
# at most the second until its next poll. Without the limit a transport that is down for an hour
# would hold an hour of messages in memory.

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from cambist import metrics
from cambist.orders.journal import RecordedEvent
from cambist.values.ids import OrderId

WAKEUPS_HELD_MAX: Final = 10_000
EVENTS_HELD_MAX: Final = 2_000
WAKEUPS_A_BATCH_MAX: Final = 200
"""So many ids also fit the 8,000 bytes of one NOTIFY of PostgreSQL."""
EVENTS_A_BATCH_MAX: Final = 32
"""Messages are written on the event loop, and no step on it may be long."""


class OutboxBatch(NamedTuple):
    """What goes out at once: the newest position, wake-ups, and events for external subscribers."""

    position: int | None
    wakeups: tuple[OrderId, ...]
    events: tuple[RecordedEvent, ...]


class Outbox:
    """What waits to be sent."""

    def __init__(self) -> None:
        self._position: int | None = None
        self._wakeups: deque[OrderId] = deque()
        self._events: deque[RecordedEvent] = deque()
        self._in_flight = 0
        self._pending = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def announce_position(self, position: int) -> None:
        """Let other processes know how far the journal goes; only the latest position counts."""
        self._position = position
        self._note()

    def add_wakeup(self, order_id: OrderId) -> None:
        """Have a worker look at an order."""
        self._wakeups.append(order_id)
        if len(self._wakeups) > WAKEUPS_HELD_MAX:
            self._wakeups.popleft()
            _drop("bell", 1)
        self._note()

    def add_events(self, events: Sequence[RecordedEvent]) -> None:
        """Have events sent to external subscribers."""
        self._events.extend(events)
        while len(self._events) > EVENTS_HELD_MAX:
            self._events.popleft()
            _drop("message", 1)
        self._note()

    def _note(self) -> None:
        self._empty.clear()
        self._pending.set()

    async def wait(self, timeout_ms: int) -> None:
        """Return when there is something to send, or nothing came in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_ms / 1_000):
                await self._pending.wait()

    def take(self) -> OutboxBatch | None:
        """Take the next batch; None when nothing waits."""
        position, self._position = self._position, None
        wakeups = tuple(
            self._wakeups.popleft() for _ in range(min(len(self._wakeups), WAKEUPS_A_BATCH_MAX))
        )
        events = tuple(
            self._events.popleft() for _ in range(min(len(self._events), EVENTS_A_BATCH_MAX))
        )
        if not self._wakeups and not self._events:
            self._pending.clear()
        if position is None and not wakeups and not events:
            return None
        self._in_flight += 1
        return OutboxBatch(position, wakeups, events)

    def sent(self, batch: OutboxBatch) -> None:
        """Take note that a batch arrived."""
        self._in_flight -= 1
        if not self._in_flight and not self._pending.is_set():
            self._empty.set()
        metrics.SIGNALS_SENT.labels(kind="bell").inc(len(batch.wakeups))
        metrics.SIGNALS_SENT.labels(kind="news").inc(int(batch.position is not None))
        metrics.SIGNALS_SENT.labels(kind="message").inc(len(batch.events))

    async def wait_empty(self, timeout_ms: int) -> None:
        """Return when all has arrived, or when that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_ms / 1_000):
                await self._empty.wait()

    def put_back(self, batch: OutboxBatch) -> None:
        """Keep what may not have arrived, save for messages: received twice they would mislead."""
        self._in_flight -= 1
        self._position = batch.position if self._position is None else self._position
        free = WAKEUPS_HELD_MAX - len(self._wakeups)
        kept = batch.wakeups[:free]
        self._wakeups.extendleft(reversed(kept))
        _drop("bell", len(batch.wakeups) - len(kept))
        _drop("message", len(batch.events))
        self._note()


def _drop(kind: str, number: int) -> None:
    metrics.SIGNALS_DROPPED.labels(kind=kind).inc(number)
