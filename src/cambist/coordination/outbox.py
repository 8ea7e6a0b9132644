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

BELLS_HELD_MAX: Final = 10_000
TOLD_HELD_MAX: Final = 2_000
BELLS_A_PARCEL_MAX: Final = 200
"""So many ids also fit the 8,000 bytes of one NOTIFY of PostgreSQL."""
TOLD_A_PARCEL_MAX: Final = 32
"""Messages are written on the event loop, and no step on it may be long."""


class OutboxBatch(NamedTuple):
    """What goes out in one turn: the place of the newest line, bells, and lines for outsiders."""

    position: int | None
    wakeups: tuple[OrderId, ...]
    events: tuple[RecordedEvent, ...]


class Outbox:
    """What waits to be sent."""

    def __init__(self) -> None:
        self._place: int | None = None
        self._bells: deque[OrderId] = deque()
        self._events: deque[RecordedEvent] = deque()
        self._out = 0
        self._came = asyncio.Event()
        self._gone = asyncio.Event()
        self._gone.set()

    def announce_position(self, place: int) -> None:
        """Let other processes know how far the journal goes; only the last word counts."""
        self._place = place
        self._note()

    def add_wakeup(self, order_id: OrderId) -> None:
        """Let a worker know that an order deserves a look."""
        self._bells.append(order_id)
        if len(self._bells) > BELLS_HELD_MAX:
            self._bells.popleft()
            _drop("bell", 1)
        self._note()

    def add_events(self, events: Sequence[RecordedEvent]) -> None:
        """Let outsiders know what became of orders."""
        self._events.extend(events)
        while len(self._events) > TOLD_HELD_MAX:
            self._events.popleft()
            _drop("message", 1)
        self._note()

    def _note(self) -> None:
        self._gone.clear()
        self._came.set()

    async def wait(self, timeout_ms: int) -> None:
        """Return when there is something to send, or nothing came in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_ms / 1_000):
                await self._came.wait()

    def take(self) -> OutboxBatch | None:
        """Take the next parcel; None when nothing waits."""
        place, self._place = self._place, None
        bells = tuple(
            self._bells.popleft() for _ in range(min(len(self._bells), BELLS_A_PARCEL_MAX))
        )
        events = tuple(
            self._events.popleft() for _ in range(min(len(self._events), TOLD_A_PARCEL_MAX))
        )
        if not self._bells and not self._events:
            self._came.clear()
        if place is None and not bells and not events:
            return None
        self._out += 1
        return OutboxBatch(place, bells, events)

    def sent(self, parcel: OutboxBatch) -> None:
        """Take note that a parcel arrived."""
        self._out -= 1
        if not self._out and not self._came.is_set():
            self._gone.set()
        metrics.SIGNALS_SENT.labels(kind="bell").inc(len(parcel.wakeups))
        metrics.SIGNALS_SENT.labels(kind="news").inc(int(parcel.position is not None))
        metrics.SIGNALS_SENT.labels(kind="message").inc(len(parcel.events))

    async def wait_empty(self, timeout_ms: int) -> None:
        """Return when all has arrived, or when that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_ms / 1_000):
                await self._gone.wait()

    def put_back(self, parcel: OutboxBatch) -> None:
        """Keep what may not have arrived, save for messages: heard twice they would mislead."""
        self._out -= 1
        self._place = parcel.position if self._place is None else self._place
        room = BELLS_HELD_MAX - len(self._bells)
        kept = parcel.wakeups[:room]
        self._bells.extendleft(reversed(kept))
        _drop("bell", len(parcel.wakeups) - len(kept))
        _drop("message", len(parcel.events))
        self._note()


def _drop(kind: str, number: int) -> None:
    metrics.SIGNALS_DROPPED.labels(kind=kind).inc(number)
