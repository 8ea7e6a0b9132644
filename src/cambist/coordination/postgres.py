"""Carries wake-ups and events over PostgreSQL's LISTEN and NOTIFY, where there is no Redis.

One connection of its own listens and notifies. It stores nothing, and may break at any time.
Every worker receives every wake-up, and the leases decide whose order it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg

from cambist.coordination.reconnecting_connection import (
    ReconnectingConnection,
    TransportCallbacks,
    TransportDown,
)
from cambist.coordination.send_buffer import OutboxBatch
from cambist.failpoints import failpoint
from cambist.ports.clock import Clock
from cambist.values.ids import read_order_id

POSITIONS_CHANNEL: Final = "cambist_news"
WAKEUPS_CHANNEL: Final = "cambist_bells"
ANSWER_WITHIN_MS: Final = 2_000
CLOSE_WITHIN_MS: Final = 200
IDLE_MS: Final = 1_000
NEWS_GAP_MS: Final = 5
"""The journal is read for new events no more often than this, however many messages come."""
BROKEN: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ValueError,
)
_NOTIFY: Final = (
    "SELECT pg_notify(t.channel, t.word) FROM unnest($1::text[], $2::text[]) AS t(channel, word)"
)


class PostgresTransport:
    """What one process receives and sends."""

    def __init__(self, clock: Clock, dsn: str, ends: TransportCallbacks) -> None:
        self._clock = clock
        self._dsn = dsn
        self._outbox = ends.outbox
        self._on_new_position = ends.on_new_position
        self._wakeups = ends.wakeups
        self._news = asyncio.Event()
        self.line = ReconnectingConnection(clock, "postgres_notices", self._dial, self._talk)

    async def run(self) -> None:
        """Listen and notify until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.line.run())
            if self._on_new_position is not None:
                tasks.create_task(self._look(self._on_new_position))

    async def _look(self, on_new_position: Callable[[], None]) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            on_new_position()
            await self._clock.sleep(NEWS_GAP_MS)

    @asynccontextmanager
    async def _dial(self) -> AsyncIterator[Any]:
        try:
            line = await asyncpg.connect(
                self._dsn,
                timeout=ANSWER_WITHIN_MS / 1_000,
                command_timeout=ANSWER_WITHIN_MS / 1_000,
                # Nothing written here has to last.
                server_settings={"application_name": "cambist bells", "synchronous_commit": "off"},
            )
        except BROKEN as error:
            raise TransportDown(type(error).__name__) from error
        try:
            await self._listen(line)
            yield line
        finally:
            with suppress(*BROKEN):
                await line.close(timeout=CLOSE_WITHIN_MS / 1_000)

    async def _listen(self, line: Any) -> None:
        try:
            if self._on_new_position is not None:
                await line.add_listener(POSITIONS_CHANNEL, self._hear_news)
            if self._wakeups is not None:
                await line.add_listener(WAKEUPS_CHANNEL, self._hear_bells)
        except BROKEN as error:
            raise TransportDown(type(error).__name__) from error

    async def _talk(self, line: Any) -> None:
        # Nobody knows what was said while there was no connection.
        self._news.set()
        try:
            while True:
                await self._outbox.wait(IDLE_MS)
                outgoing = self._outbox.take()
                if outgoing is None:
                    await line.execute("SELECT 1")
                else:
                    await self._notify(line, outgoing)
        except BROKEN as error:
            raise TransportDown(type(error).__name__) from error

    async def _notify(self, line: Any, outgoing: OutboxBatch) -> None:
        words = []
        if outgoing.wakeups:
            words.append((WAKEUPS_CHANNEL, " ".join(outgoing.wakeups)))
        if outgoing.position is not None:
            words.append((POSITIONS_CHANNEL, str(outgoing.position)))
        failpoint("signals.before_send")
        try:
            if words:
                await line.execute(_NOTIFY, [one for one, _ in words], [word for _, word in words])
        except BROKEN:
            self._outbox.put_back(outgoing)
            raise
        failpoint("signals.after_send")
        self._outbox.sent(outgoing)

    def _hear_news(self, line: Any, pid: int, _channel: str, _word: str) -> None:
        if pid != line.get_server_pid():
            self._news.set()

    def _hear_bells(self, line: Any, pid: int, _channel: str, word: str) -> None:
        if self._wakeups is None or pid == line.get_server_pid():
            return
        for name in word.split():
            order_id = read_order_id(name)
            if order_id is not None:
                self._wakeups.receive(order_id)
