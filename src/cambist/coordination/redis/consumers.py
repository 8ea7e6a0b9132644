"""Receives new feed positions and wake-ups over Redis, for subscribers and workers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from cambist.coordination.multi_process_bus import MultiProcessWakeupQueue
from cambist.coordination.reconnecting_connection import ReconnectingConnection
from cambist.coordination.redis.client import (
    ANSWER_WITHIN_MS,
    RedisAddress,
    RedisCommandError,
    RedisConnection,
    RedisListener,
)
from cambist.coordination.redis.publisher import POSITIONS_CHANNEL, WAKEUPS_STREAM
from cambist.ports.clock import Clock
from cambist.values.ids import read_order_id

SILENCE_MS: Final = 1_000
NEWS_GAP_MS: Final = 5
"""The journal is read for new events no more often than this, however many messages come."""
NEWS_AT_ONCE_MAX: Final = 1_000
GROUP: Final = "workers"
BELLS_AT_ONCE: Final = 64
LISTEN_MS: Final = 1_000
RECLAIM_EVERY_MS: Final = 5_000
ENTRY_IDLE_MS: Final = 10_000
"""An entry that was not acknowledged for so long was read by a worker that is gone."""
GONE_AFTER_MS: Final = 60_000
_GROUP_GONE: Final = ("NOGROUP", "UNBLOCKED")


class PositionSubscriber:
    """Rings when another process says that the journal has grown."""

    def __init__(
        self,
        clock: Clock,
        address: RedisAddress,
        on_new_position: Callable[[], None],
        is_mine: Callable[[bytes], bool],
    ) -> None:
        self._clock = clock
        self._on_new_position = on_new_position
        self._is_mine = is_mine
        self.line = ReconnectingConnection(
            clock, "redis_news", partial(address.listen, POSITIONS_CHANNEL), self._hear
        )

    async def _hear(self, listener: RedisListener) -> None:
        # Nobody knows what was said while there was no connection.
        self._on_new_position()
        while True:
            came = await listener.next(SILENCE_MS)
            is_new = False
            for _ in range(NEWS_AT_ONCE_MAX):
                if came is None:
                    break
                is_new = is_new or not self._is_mine(came)
                came = await listener.next(0)
            if is_new:
                self._on_new_position()
                await self._clock.sleep(NEWS_GAP_MS)


class WakeupConsumer:
    """Reads wake-ups for the workers of this process from the stream; one worker gets each.

    An entry is acknowledged once the dispatcher has it. From then on the order's lease says that
    somebody is at work on it, so no entry has to be kept alive for as long as a turn lasts: it
    would add nothing to what the lease says, and the sweep looks there every second.
    """

    def __init__(
        self, clock: Clock, address: RedisAddress, wakeups: MultiProcessWakeupQueue, consumer: str
    ) -> None:
        self._clock = clock
        self._wakeups = wakeups
        self._consumer = consumer
        self.line = ReconnectingConnection(clock, "redis_bells", address.dial, self._hear)

    async def _hear(self, connection: RedisConnection) -> None:
        while True:
            try:
                await self._join(connection)
                await self._listen(connection)
            except RedisCommandError as refused:
                # Somebody emptied Redis, and the group is gone with all else.
                if not refused.word.startswith(_GROUP_GONE):
                    raise

    async def _join(self, connection: RedisConnection) -> None:
        try:
            await connection.ask("XGROUP", "CREATE", WAKEUPS_STREAM, GROUP, "0", "MKSTREAM")
        except RedisCommandError as refused:
            if refused.word != "BUSYGROUP":
                raise

    async def _listen(self, connection: RedisConnection) -> None:
        reclaimed_at = self._clock.monotonic_ms()
        while True:
            read = await connection.ask(
                *("XREADGROUP", "GROUP", GROUP, self._consumer, "COUNT", BELLS_AT_ONCE),
                *("BLOCK", LISTEN_MS, "STREAMS", WAKEUPS_STREAM, ">"),
                within_ms=LISTEN_MS + ANSWER_WITHIN_MS,
            )
            for _, entries in read or ():
                await self._offer(connection, entries)
            if self._clock.monotonic_ms() - reclaimed_at > RECLAIM_EVERY_MS:
                reclaimed_at = self._clock.monotonic_ms()
                await self._reclaim(connection)

    async def _offer(self, connection: RedisConnection, entries: Any) -> None:
        """Ring for what the entries name, and strike them off once the dispatcher has them."""
        for _, fields in entries:
            named = dict(zip(fields[::2], fields[1::2], strict=True)) if fields else {}
            order_id = read_order_id(named.get(b"order", b"").decode(errors="replace"))
            if order_id is not None:  # anything else would only trouble the store
                self._wakeups.receive(order_id)
        await self._wakeups.wait_drained()
        ids = [entry_id for entry_id, _ in entries]
        if ids:
            await connection.ask_all(
                ("XACK", WAKEUPS_STREAM, GROUP, *ids), ("XDEL", WAKEUPS_STREAM, *ids)
            )

    async def _reclaim(self, connection: RedisConnection) -> None:
        """Take over what workers that are gone had read, and forget those workers."""
        _, entries, *_ = await connection.ask(
            *("XAUTOCLAIM", WAKEUPS_STREAM, GROUP, self._consumer, ENTRY_IDLE_MS, "0-0"),
            *("COUNT", BELLS_AT_ONCE),
        )
        await self._offer(connection, entries)
        for one in await connection.ask("XINFO", "CONSUMERS", WAKEUPS_STREAM, GROUP):
            about = dict(zip(one[::2], one[1::2], strict=True))
            if not about[b"pending"] and about[b"idle"] > GONE_AFTER_MS:
                await connection.ask("XGROUP", "DELCONSUMER", WAKEUPS_STREAM, GROUP, about[b"name"])
