"""Publishes to Redis: for the other processes, and for external subscribers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from cambist.coordination.outbox import Outbox, OutboxBatch
from cambist.coordination.redis.client import RedisAddress, RedisConnection, RedisUnavailable
from cambist.coordination.redis.lua_scripts import ADD_WAKEUPS, PUBLISH_EVENTS
from cambist.coordination.transport import ReconnectingConnection
from cambist.failpoints import failpoint
from cambist.orders.journal import RecordedEvent
from cambist.ports.clock import Clock
from cambist.ports.event_bus import EventBus, PositionedEvent, Subscription
from cambist.values.ids import OrderId, Principal
from cambist.values.time_units import MINUTE
from cambist.wire.event_messages import message

NEWS_CHANNEL: Final = "cambist:news"
BELLS_STREAM: Final = "orders"
ORDER_PREFIX: Final = "order:"
BELLS_STREAM_MAX: Final = 20_000
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
        """Whether it was this process that told of a place."""
        return place.isdigit() and int(place) in self._places

    async def _send(self, connection: RedisConnection) -> None:
        while True:
            await self._outbox.wait(IDLE_MS)
            parcel = self._outbox.take()
            if parcel is None:
                await connection.ask("PING")
                continue
            failpoint("signals.before_send")
            try:
                await connection.ask_all(*self._commands(parcel))
            except RedisUnavailable:
                # Whether it arrived is not known; two bells for one order do no harm.
                self._outbox.put_back(parcel)
                raise
            failpoint("signals.after_send")
            self._outbox.sent(parcel)

    def _commands(self, parcel: OutboxBatch) -> list[tuple[Any, ...]]:
        commands: list[tuple[Any, ...]] = []
        if parcel.wakeups:
            commands.append(
                ("EVAL", ADD_WAKEUPS, 1, BELLS_STREAM, BELLS_STREAM_MAX, *parcel.wakeups)
            )
        if parcel.position is not None:
            self._places.append(parcel.position)
            commands.append(("PUBLISH", NEWS_CHANNEL, parcel.position))
        if parcel.events:
            keys = [ORDER_PREFIX + one.order.id for one in parcel.events]
            words: list[Any] = [STATE_KEPT_MS]
            for event in parcel.events:
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
