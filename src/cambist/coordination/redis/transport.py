"""Bundles what one process has going with Redis: a connection for each thing it does there."""

from __future__ import annotations

from typing import Any

from cambist.coordination.redis.client import RedisAddress
from cambist.coordination.redis.consumers import PositionSubscriber, WakeupConsumer
from cambist.coordination.redis.publisher import ExternalPublishingBus, RedisPublisher
from cambist.coordination.redis.rate_limits import RedisRateLimiter
from cambist.coordination.transport import ReconnectingConnection, TransportCallbacks
from cambist.ports.clock import Clock
from cambist.ports.event_bus import EventBus
from cambist.ports.rate_limits import RateLimiter


class RedisTransport:
    """The lines of one process to Redis; each is to be run."""

    def __init__(self, clock: Clock, url: str, ends: TransportCallbacks) -> None:
        self._clock = clock
        self._address = RedisAddress(url)
        self._outbox = ends.outbox
        sender = RedisPublisher(clock, self._address, ends.outbox)
        lines: list[ReconnectingConnection[Any]] = [sender.line]
        if ends.on_new_position is not None:
            lines.append(
                PositionSubscriber(clock, self._address, ends.on_new_position, sender.is_mine).line
            )
        if ends.wakeups is not None:
            lines.append(WakeupConsumer(clock, self._address, ends.wakeups, ends.owner).line)
        self._lines = lines

    @property
    def connections(self) -> tuple[ReconnectingConnection[Any], ...]:
        """What is to be run, all of it at once."""
        return tuple(self._lines)

    def share_limits(self, alone: RateLimiter) -> RateLimiter:
        """Return limits that all processes hold together, or each `alone` without Redis."""
        buckets = RedisRateLimiter(self._clock, self._address, alone)
        self._lines.append(buckets.line)
        return buckets

    def open_bus(self, bus: EventBus) -> EventBus:
        """Return a bus that outsiders hear, too."""
        return ExternalPublishingBus(bus, self._outbox)
