"""Sends what waits in the outbox: bells for workers, news for processes, messages for outsiders."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from cambist.coordination.lines import Line
from cambist.coordination.outbox import Outbox, Parcel
from cambist.coordination.redis.client import Address, Away, Connection
from cambist.coordination.redis.lua_scripts import RING, TELL
from cambist.failpoints import faultpoint
from cambist.ports.clock import Clock
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


class Sender:
    """The one who writes to Redis."""

    def __init__(self, clock: Clock, address: Address, outbox: Outbox) -> None:
        self._outbox = outbox
        self._places: deque[int] = deque(maxlen=PLACES_REMEMBERED_MAX)
        self.line = Line(clock, "redis_send", address.dial, self._send)

    def is_mine(self, place: bytes) -> bool:
        """Whether it was this process that told of a place."""
        return place.isdigit() and int(place) in self._places

    async def _send(self, connection: Connection) -> None:
        while True:
            await self._outbox.wait(IDLE_MS)
            parcel = self._outbox.take()
            if parcel is None:
                await connection.ask("PING")
                continue
            faultpoint("signals.before_send")
            try:
                await connection.ask_all(*self._commands(parcel))
            except Away:
                # Whether it arrived is not known; two bells for one order do no harm.
                self._outbox.put_back(parcel)
                raise
            faultpoint("signals.after_send")
            self._outbox.sent(parcel)

    def _commands(self, parcel: Parcel) -> list[tuple[Any, ...]]:
        commands: list[tuple[Any, ...]] = []
        if parcel.bells:
            commands.append(("EVAL", RING, 1, BELLS_STREAM, BELLS_STREAM_MAX, *parcel.bells))
        if parcel.place is not None:
            self._places.append(parcel.place)
            commands.append(("PUBLISH", NEWS_CHANNEL, parcel.place))
        if parcel.told:
            keys = [ORDER_PREFIX + one.order.id for one in parcel.told]
            words: list[Any] = [STATE_KEPT_MS]
            for one in parcel.told:
                words += (one.entry.seq, message(one))
            commands.append(("EVAL", TELL, len(keys), *keys, *words))
        return commands
