"""Bundles what one process has going with Redis: a connection for each thing it does there."""

from __future__ import annotations

from typing import Any

from cambist.coordination.redis.client import Address
from cambist.coordination.redis.consumers import BellEar, NewsEar
from cambist.coordination.redis.publisher import OpenBus, Sender
from cambist.coordination.redis.rate_limits import RedisBuckets
from cambist.coordination.transport import Ends, Line
from cambist.ports.clock import Clock
from cambist.ports.event_bus import Bus
from cambist.ports.rate_limits import RateLimits


class RedisBearer:
    """The lines of one process to Redis; each is to be run."""

    def __init__(self, clock: Clock, url: str, ends: Ends) -> None:
        self._clock = clock
        self._address = Address(url)
        self._outbox = ends.outbox
        sender = Sender(clock, self._address, ends.outbox)
        lines: list[Line[Any]] = [sender.line]
        if ends.ring is not None:
            lines.append(NewsEar(clock, self._address, ends.ring, sender.is_mine).line)
        if ends.doorbell is not None:
            lines.append(BellEar(clock, self._address, ends.doorbell, ends.owner).line)
        self._lines = lines

    @property
    def lines(self) -> tuple[Line[Any], ...]:
        """What is to be run, all of it at once."""
        return tuple(self._lines)

    def share_limits(self, alone: RateLimits) -> RateLimits:
        """Return limits that all processes hold together, or each `alone` without Redis."""
        buckets = RedisBuckets(self._clock, self._address, alone)
        self._lines.append(buckets.line)
        return buckets

    def open_bus(self, bus: Bus) -> Bus:
        """Return a bus that outsiders hear, too."""
        return OpenBus(bus, self._outbox)
