"""Bundles the connections of one process to Redis: one for each purpose."""

# Publishing, subscribing, the consumer group and the scripts of the rate limits have a connection
# each. A blocking read of a stream, or a subscriber that reads slowly, can then never delay a
# rate limit that a request waits for.

from __future__ import annotations

from typing import Any

from cambist.coordination.reconnecting_connection import ReconnectingConnection, TransportCallbacks
from cambist.coordination.redis.client import RedisAddress
from cambist.coordination.redis.consumers import PositionSubscriber, WakeupConsumer
from cambist.coordination.redis.publisher import ExternalPublishingBus, RedisPublisher
from cambist.coordination.redis.rate_limits import RedisRateLimiter
from cambist.ports.clock import Clock
from cambist.ports.event_bus import EventBus
from cambist.ports.rate_limits import RateLimiter


class RedisTransport:
    """The connections of one process to Redis. Run each of `connections`."""

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
        """The connections, to be run side by side."""
        return tuple(self._lines)

    def share_limits(self, alone: RateLimiter) -> RateLimiter:
        """Return limits shared by all processes; without Redis each enforces its part `alone`."""
        buckets = RedisRateLimiter(self._clock, self._address, alone)
        self._lines.append(buckets.line)
        return buckets

    def open_bus(self, bus: EventBus) -> EventBus:
        """Return a bus that also publishes to external subscribers."""
        return ExternalPublishingBus(bus, self._outbox)
