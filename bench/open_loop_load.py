"""Sends orders at a steady pace, whatever the server does, and listens to some of them.

A closed loop waits when the server is slow, and so hides it. Here an order is due at its instant
and its wait is counted from there, also when no connection was free to send it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple, cast

from bench.http_load import ACCEPTED, HOST, Connection, Tally, connect, get, orders

CONNECTIONS: Final = 64
LISTENERS: Final = 100
TICK_S: Final = 0.001
LISTEN_S_MAX: Final = 5
ANSWERS_S_MAX: Final = 10
_ORDER_ID: Final = re.compile(rb'"orderId":"([0-9a-f-]{36})"')
_TIMESTAMP: Final = re.compile(rb'"timestamp":"([^"]+)"')
_HEAD_END: Final = b"\r\n\r\n"
_EVENT_END: Final = b"\n\n"
_STREAM_END: Final = b"0\r\n\r\n"


class Event(NamedTuple):
    """One message as it came: when, its text, and when its stream had begun."""

    received_ns: int
    data: bytes
    begun_ns: int


class Listener(asyncio.Protocol):
    """One connection that follows one order after the other over server-sent events."""

    def __init__(self, idle: Callable[[Listener], None]) -> None:
        self._idle = idle
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._begun_ns = 0
        self.events: list[Event] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Listen no more."""
        self._transport = None

    def follow(self, order_id: bytes) -> None:
        """Ask for the status changes of an order."""
        self._rest, self._begun_ns = b"", 0
        if self._transport is not None:
            path = f"/api/orders/{order_id.decode()}/events?notes=false"
            self._transport.write(get(path, "text/event-stream"))

    def data_received(self, data: bytes) -> None:
        """Take what came, and when."""
        now = time.time_ns()
        self._rest += data
        if not self._begun_ns:
            _, end, self._rest = self._rest.partition(_HEAD_END)
            if not end:
                return
            self._begun_ns = now
        *whole, self._rest = self._rest.split(_EVENT_END)
        self.events += [Event(now, message, self._begun_ns) for message in whole]
        if self._rest.endswith(_STREAM_END):
            self._idle(self)

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


class Heard(NamedTuple):
    """What a paced run found."""

    tally: Tally
    sent: int
    events: list[Event]


class Pace:
    """A sender of so many orders a second, with listeners on as many orders as it has."""

    def __init__(self, per_second: int, seconds: float) -> None:
        self._gap_ns = 1_000_000_000 // per_second
        self._count = int(per_second * seconds)
        self._tally = Tally()
        self._answered = asyncio.Event()
        self._told = asyncio.Event()
        self._told.set()
        self._free: deque[Connection] = deque()
        self._due: dict[Connection, int] = {}
        self._deaf: deque[Listener] = deque()
        self._busy: set[Listener] = set()

    async def run(self, port: int) -> Heard:
        """Send everything when it is due, then wait for the answers and the streams."""
        listeners = [await self._listener(port) for _ in range(LISTENERS)]
        senders = [await connect(port, self._hear, self._lose) for _ in range(CONNECTIONS)]
        self._free.extend(senders)
        try:
            sent = await self._send()
            await self._settle()
        finally:
            for sender in senders:
                sender.close()
            for listener in listeners:
                listener.close()
        return Heard(
            self._tally, sent, [event for listener in listeners for event in listener.events]
        )

    async def _listener(self, port: int) -> Listener:
        listener = Listener(self._rest)
        await asyncio.get_running_loop().create_connection(lambda: listener, HOST, port)
        self._deaf.append(listener)
        return listener

    async def _send(self) -> int:
        """Send each order at its instant, or as soon after as a connection is free."""
        requests, sent = orders(self._count), 0
        begin = time.perf_counter_ns()
        while sent < self._count:
            while self._free and begin + sent * self._gap_ns <= time.perf_counter_ns():
                request = next(requests, None)
                if request is None:
                    break
                connection = self._free.popleft()
                self._due[connection] = begin + sent * self._gap_ns
                connection.ask(request)
                sent += 1
            if not self._free and not self._due:
                break
            await asyncio.sleep(TICK_S)
        self._tally.seconds = (time.perf_counter_ns() - begin) / 1e9
        return sent

    async def _settle(self) -> None:
        """Wait for the answers, then for the streams, but for no longer than is fair."""
        for event, seconds in ((self._answered, ANSWERS_S_MAX), (self._told, LISTEN_S_MAX)):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()

    def _hear(self, connection: Connection, status: int, body: bytes) -> None:
        self._tally.count(status, time.perf_counter_ns() - self._due.pop(connection))
        self._free.append(connection)
        named = _ORDER_ID.search(body) if status == ACCEPTED and self._deaf else None
        if named is not None:
            listener = self._deaf.popleft()
            self._busy.add(listener)
            self._told.clear()
            listener.follow(named[1])
        self._check_end()

    def _check_end(self) -> None:
        if self._tally.taken + self._tally.not_taken == self._count:
            self._answered.set()

    def _rest(self, listener: Listener) -> None:
        self._busy.discard(listener)
        self._deaf.append(listener)
        if not self._busy:
            self._told.set()

    def _lose(self, connection: Connection) -> None:
        if self._due.pop(connection, None) is not None:
            self._tally.lost += 1
            self._check_end()
        elif connection in self._free:
            self._free.remove(connection)


def lags_ms(events: list[Event]) -> list[float]:
    """Return how long after its line's instant each live message came.

    The instant is of whole milliseconds, taken before the commit that makes the line durable. A
    message is live when its instant is after the client had the stream's head: what is older is
    history that was read for the newcomer.
    """
    lags: list[float] = []
    for event in events:
        found = _TIMESTAMP.search(event.data)
        if found is None:
            continue
        at_ns = moment_ns(found[1].decode())
        if at_ns >= event.begun_ns:
            lags.append((event.received_ns - at_ns) / 1e6)
    return lags


def moment_ns(text: str) -> int:
    """Return a message's instant in epoch nanoseconds, exactly."""
    at = datetime.fromisoformat(text)
    return int(at.replace(microsecond=0).timestamp()) * 1_000_000_000 + at.microsecond * 1_000
