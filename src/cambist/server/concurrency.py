"""Limits concurrent requests and streams, and closes the streams when the server drains."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

from starlette.types import Receive

from cambist.faults import Code, RequestRejected, fault
from cambist.server.auth.caller import Caller
from cambist.server.auth.caller_concurrency import CallerConcurrency
from cambist.server.auth.caller_limits import RateLimitExceeded
from cambist.server.protocol.close_codes import CLOSE_DONE, CLOSE_RESTART, CLOSE_UNAUTHORIZED
from cambist.server.responses import read_body
from cambist.server.settings import ServerSettings

STREAMS_RETRY_S: Final = 1


class ConcurrencyLimits:
    """Counts requests, streams and bodies that are still arriving."""

    # Three counters, because they cost different things. A request costs computation, and few may
    # run at once. A stream lasts for hours and costs little. A body that has not arrived yet costs
    # nothing but a connection: if it counted as a request, a few slow senders could block the rest.
    # So a request gives up its count while it waits for its body, and takes it again afterwards.

    def __init__(self, settings: ServerSettings) -> None:
        self.requests = 0
        self.bodies = 0
        self.streams = 0
        self.requests_max = settings.requests_max
        self.bodies_max = settings.bodies_max
        self.streams_max = settings.streams_max
        self.key_streams_max = settings.key_streams_max
        self.draining = False
        self.callers = CallerConcurrency(settings)
        self._by_key: Counter[str] = Counter()
        self._streams: dict[StreamLifetime, Caller] = {}

    async def read_body(self, receive: Receive, bytes_max: int) -> bytes | None:
        """Return a body, counted apart from requests; None as soon as it is too large.

        Raises RequestRejected when too many bodies are awaited, or too many requests run once it
        has arrived. Raises ClientDisconnected.
        """
        if self.bodies >= self.bodies_max:
            raise RequestRejected(fault(Code.TOO_BUSY))
        self.bodies += 1
        self.requests -= 1
        try:
            body = await read_body(receive, bytes_max)
        finally:
            self.requests += 1
            self.bodies -= 1
        if self.requests > self.requests_max:
            raise RequestRejected(fault(Code.TOO_BUSY))
        return body

    @contextlib.contextmanager
    def open_stream(self, caller: Caller) -> Iterator[StreamLifetime]:
        """Count a stream, and not its request while it lasts.

        Raises RequestRejected when too many are open. A socket is not counted as a request.
        """
        with self.open_socket(caller) as lifetime:
            self.requests -= 1
            permit = self.callers.suspend(caller)
            try:
                yield lifetime
            finally:
                self.requests += 1
                self.callers.resume(permit)

    @contextlib.contextmanager
    def open_socket(self, caller: Caller) -> Iterator[StreamLifetime]:
        """Count a stream. Raises RequestRejected when too many are open, in all or for this key."""
        if self.draining:
            raise RequestRejected(fault(Code.SHUTTING_DOWN))
        if self.streams >= self.streams_max:
            raise RequestRejected(fault(Code.TOO_BUSY, "Too many streams are open."))
        key_id = caller.key_id
        if key_id is not None and self._by_key[key_id] >= self.key_streams_max:
            message = f"A key may have {self.key_streams_max} streams open at once."
            raise RateLimitExceeded(message, STREAMS_RETRY_S)
        lifetime = StreamLifetime()
        self.streams += 1
        self._streams[lifetime] = caller
        if key_id is not None:
            self._by_key[key_id] += 1
        try:
            yield lifetime
        finally:
            del self._streams[lifetime]
            self.streams -= 1
            if key_id is not None:
                self._by_key[key_id] -= 1
                if not self._by_key[key_id]:
                    del self._by_key[key_id]

    async def close_unauthorized(self, is_valid: Callable[[Caller], Awaitable[bool]]) -> None:
        """Close the streams of callers who are no longer valid; `is_valid` is called once a key.

        Raises what `is_valid` raises.
        """
        by_key: dict[str | None, list[StreamLifetime]] = {}
        callers = {}
        for lifetime, caller in tuple(self._streams.items()):
            by_key.setdefault(caller.key_id, []).append(lifetime)
            callers[caller.key_id] = caller
        for key_id, lifetimes in by_key.items():
            if not await is_valid(callers[key_id]):
                for lifetime in lifetimes:
                    lifetime.close(CLOSE_UNAUTHORIZED)

    def drain(self) -> None:
        """Reject new streams, and close the open ones."""
        self.draining = True
        for lifetime in tuple(self._streams):
            lifetime.close(CLOSE_RESTART)


class StreamLifetime:
    """How long a stream may run, and the code with which it is closed.

    `is_cut`: the client has left, and needs no close frame.
    """

    def __init__(self) -> None:
        self.close_code = CLOSE_DONE
        self.is_cut = False
        self._over = False
        self._timeout: asyncio.Timeout | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the body of the context until `close`."""
        self._timeout = asyncio.timeout(0 if self._over else None)
        try:
            async with self._timeout:
                yield
        except TimeoutError:
            if not self._timeout.expired():
                raise

    def close(self, close_code: int = CLOSE_DONE) -> None:
        """Close the stream now."""
        self.close_code = close_code
        self._over = True
        if self._timeout is not None:
            self._reschedule(0)

    def close_after(self, milliseconds: int) -> None:
        """Close the stream after a while, unless it ends by itself before."""
        if self._timeout is not None and not self._over:
            self._reschedule(milliseconds)

    def disconnect(self) -> None:
        """Close the stream because the client has left."""
        self.is_cut = True
        self.close()

    def _reschedule(self, milliseconds: int) -> None:
        timeout = self._timeout
        if timeout is not None and not timeout.expired():
            at = asyncio.get_running_loop().time() + milliseconds / 1_000
            with contextlib.suppress(RuntimeError):  # the body is over already
                timeout.reschedule(at)
