"""Publishes to Redis: for the other processes, and for external subscribers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from cambist.coordination.reconnecting_connection import ReconnectingConnection
from cambist.coordination.redis.client import RedisAddress, RedisConnection, RedisUnavailable
from cambist.coordination.redis.lua_scripts import ADD_WAKEUPS, PUBLISH_EVENTS
from cambist.coordination.send_buffer import Outbox, OutboxBatch
from cambist.failpoints import failpoint
from cambist.orders.journal import RecordedEvent
from cambist.ports.clock import Clock
from cambist.ports.event_bus import EventBus, PositionedEvent, Subscription
from cambist.values.ids import OrderId, Principal
from cambist.values.time_units import MINUTE
from cambist.wire.event_messages import message

POSITIONS_CHANNEL: Final = "cambist:news"
WAKEUPS_STREAM: Final = "orders"
ORDER_PREFIX: Final = "order:"
WAKEUPS_STREAM_MAX: Final = 20_000
"""Bells kept for workers that are away; the sweep finds the orders of those dropped."""
STATE_KEPT_MS: Final = 60 * int(MINUTE)
IDLE_MS: Final = 1_000
PLACES_REMEMBERED_MAX: Final = 256


class RedisPublisher:
    """The one who writes to Redis."""

    def __init__(self, clock: Clock, address: RedisAddress, outbox: Outbox) -> None:
        self._outbox = outbox
        self._places: deque[int] = deque(maxlen=PLACES_REMEMBERED_MAX)
        self.line = ReconnectingConnection(clock, "redis_send", address.dial, self._send)

    def is_mine(self, place: bytes) -> bool:
        """Whether this process published a position itself."""
        return place.isdigit() and int(place) in self._places

    async def _send(self, connection: RedisConnection) -> None:
        while True:
            await self._outbox.wait(IDLE_MS)
            outgoing = self._outbox.take()
            if outgoing is None:
                await connection.ask("PING")
                continue
            failpoint("signals.before_send")
            try:
                await connection.ask_all(*self._commands(outgoing))
            except RedisUnavailable:
                # Whether it arrived is not known; two wake-ups of one order do no harm.
                self._outbox.put_back(outgoing)
                raise
            failpoint("signals.after_send")
            self._outbox.sent(outgoing)

    def _commands(self, outgoing: OutboxBatch) -> list[tuple[Any, ...]]:
        commands: list[tuple[Any, ...]] = []
        if outgoing.wakeups:
            commands.append(
                ("EVAL", ADD_WAKEUPS, 1, WAKEUPS_STREAM, WAKEUPS_STREAM_MAX, *outgoing.wakeups)
            )
        if outgoing.position is not None:
            self._places.append(outgoing.position)
            commands.append(("PUBLISH", POSITIONS_CHANNEL, outgoing.position))
        if outgoing.events:
            keys = [ORDER_PREFIX + one.order.id for one in outgoing.events]
            words: list[Any] = [STATE_KEPT_MS]
            for event in outgoing.events:
                words += (event.entry.seq, message(event))
            commands.append(("EVAL", PUBLISH_EVENTS, len(keys), *keys, *words))
        return commands


class ExternalPublishingBus:
    """A bus that posts everything to outsiders, too."""

    def __init__(self, bus: EventBus, outbox: Outbox) -> None:
        self._bus = bus
        self._outbox = outbox

    def publish(self, events: Sequence[RecordedEvent], places: Sequence[int]) -> None:
        """Tell what became true."""
        self._bus.publish(events, places)
        self._outbox.add_events(events)

    def subscribe(self, order_id: OrderId) -> Subscription[RecordedEvent]:
        """Listen to one order."""
        return self._bus.subscribe(order_id)

    def subscribe_principal(self, principal: Principal) -> Subscription[PositionedEvent]:
        """Listen to all orders of a principal."""
        return self._bus.subscribe_principal(principal)
