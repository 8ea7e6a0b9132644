"""Speaks just enough HTTP over raw sockets to cost far less than the server it measures.

Requests are bytes that were written beforehand, connections are kept alive and never pipeline,
and of an answer only the status and the length are read. An ordinary client would be what one
measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, cast

HOST: Final = "127.0.0.1"
ACCEPTED: Final = 202
ANSWER_S_MAX: Final = 30
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
SWAPS: Final = (
    b'{"tokenIn":"SOL","tokenOut":"USDC","amount":"0.01"}',
    b'{"tokenIn":"USDC","tokenOut":"SOL","amount":"1.4"}',
)
"""Two small orders of about the same worth, there and back, so that the pools stay put."""


class Unreadable(ValueError):
    """An answer that this client cannot read."""


Heard = Callable[["Connection", int, bytes], None]
Lost = Callable[["Connection"], None]


class Connection(asyncio.Protocol):
    """One connection that is kept alive. `heard` gets each answer's status and body."""

    def __init__(self, heard: Heard, lost: Lost) -> None:
        self._heard = heard
        self._lost = lost
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self.asked_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Say that no answer will come."""
        self._transport = None
        self._lost(self)

    def ask(self, request: bytes) -> None:
        """Send a request; the one before must be answered."""
        self.asked_ns = time.perf_counter_ns()
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read an answer, once it is whole."""
        data = self._rest + data if self._rest else data
        try:
            answer = read_answer(data)
        except Unreadable:
            self.close()
            return
        self._rest = b"" if answer is not None else data
        if answer is not None:
            self._heard(self, *answer)

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def read_answer(data: bytes) -> tuple[int, bytes] | None:
    """Return the status and body of one whole answer; None while some of it is missing.

    Raises Unreadable for an answer without a length, or with something behind it.
    """
    end = data.find(_HEAD_END)
    if end < 0:
        return None
    head = data[:end].lower()
    at = head.find(_LENGTH)
    try:
        status, length = int(head[9:12]), int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
    except ValueError:
        raise Unreadable(head) from None
    body = data[end + len(_HEAD_END) :]
    if at < 0 or len(body) > length:
        raise Unreadable(head)
    return (status, body) if len(body) == length else None


def get(path: str, accept: str = "application/json") -> bytes:
    """Write a GET."""
    return f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\naccept: {accept}\r\n\r\n".encode()


def orders(count: int | None = None, key: str = "") -> Iterator[bytes]:
    """Write orders there and back, each with a key of its own when `key` is what they begin with.

    Without a count there is no end of them.
    """
    heads = [_head(body, keyed=bool(key)) for body in SWAPS]
    for number in itertools.count() if count is None else range(count):
        head, body = heads[number % 2], SWAPS[number % 2]
        yield head + b"%b%010d\r\n\r\n%b" % (key.encode(), number, body) if key else head + body


def _head(body: bytes, *, keyed: bool) -> bytes:
    lines = (
        b"POST /api/orders/execute HTTP/1.1",
        b"host: " + HOST.encode(),
        b"content-type: application/json",
        b"content-length: %d" % len(body),
    )
    return b"\r\n".join(lines) + (b"\r\nidempotency-key: " if keyed else _HEAD_END)


class Tally:
    """What a crowd was answered: the waits for each 202, and how many answers were no 202."""

    def __init__(self) -> None:
        self.waits_ns: list[int] = []
        self.others: Counter[int] = Counter()
        self.lost = 0
        self.seconds = 0.0

    @property
    def taken(self) -> int:
        """How many orders were accepted."""
        return len(self.waits_ns)

    @property
    def not_taken(self) -> int:
        """How many requests came to anything else."""
        return self.lost + sum(self.others.values())

    def count(self, status: int, wait_ns: int) -> None:
        """Count one answer."""
        if status == ACCEPTED:
            self.waits_ns.append(wait_ns)
        else:
            self.others[status] += 1


class Crowd:
    """Connections that each ask again as soon as they were answered."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self._tally = Tally()
        self._asking: set[Connection] = set()
        self._is_over = False
        self._done = asyncio.Event()

    async def run(self, port: int, connections: int, seconds: float | None = None) -> Tally:
        """Ask until the requests end, or the time; what is unanswered then is not counted."""
        crowd = [await connect(port, self._hear, self._lose) for _ in range(connections)]
        begin = time.perf_counter_ns()
        self._asking.update(crowd)
        for client in crowd:
            self._next(client)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._done.wait()
        self._tally.seconds = (time.perf_counter_ns() - begin) / 1e9
        self._is_over = True
        for client in crowd:
            client.close()
        return self._tally

    def _next(self, connection: Connection) -> None:
        request = next(self._requests, None)
        if request is not None:
            connection.ask(request)
            return
        self._leave(connection)

    def _leave(self, connection: Connection) -> None:
        self._asking.discard(connection)
        if not self._asking:
            self._done.set()

    def _hear(self, connection: Connection, status: int, _body: bytes) -> None:
        if not self._is_over:
            self._tally.count(status, time.perf_counter_ns() - connection.asked_ns)
            self._next(connection)

    def _lose(self, connection: Connection) -> None:
        if not self._is_over and connection in self._asking:
            self._tally.lost += 1
            self._leave(connection)


async def connect(port: int, heard: Heard, lost: Lost) -> Connection:
    """Open a connection."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(heard, lost), HOST, port)
    return connection


class Asker:
    """One connection for single questions."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._connection: Connection | None = None

    async def ask(self, port: int, request: bytes) -> bytes:
        """Return the body of an answer. Raises ConnectionError, TimeoutError."""
        if self._connection is None:
            self._connection = await connect(port, self._hear, self._lose)
        self._answer = asyncio.get_running_loop().create_future()
        self._connection.ask(request)
        async with asyncio.timeout(ANSWER_S_MAX):
            _, body = await self._answer
        return body

    def close(self) -> None:
        """Close."""
        if self._connection is not None:
            self._connection.close()

    def _hear(self, _connection: Connection, status: int, body: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, body))

    def _lose(self, _connection: Connection) -> None:
        self._connection = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))
