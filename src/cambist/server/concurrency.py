"""Counts requests and streams, and ends the streams when the server drains."""

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
from cambist.server.auth.caller_limits import RateLimited
from cambist.server.protocol.close_codes import CLOSE_DONE, CLOSE_RESTART, CLOSE_UNAUTHORIZED
from cambist.server.responses import read_body
from cambist.server.settings import ServerSettings

CROWD_RETRY_S: Final = 1


class ConcurrencyLimits:
    """Counts requests and streams apart: a stream stays for long and costs little.

    So does a request whose body has not come yet.
    """

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
        self._lives: dict[StreamLifetime, Caller] = {}

    async def read_body(self, receive: Receive, bytes_max: int) -> bytes | None:
        """Wait for a body on a seat of its own, so that slow senders keep nobody from theirs.

        Return None as soon as it is too large. Raises RequestRejected when too many are waited for,
        or
        too many requests are there once it has come; and ClientGone.
        """
        if self.bodies >= self.bodies_max:
            raise RequestRejected(fault(Code.TOO_BUSY))
        self.bodies += 1
        self.requests -= 1
        try:
            come = await read_body(receive, bytes_max)
        finally:
            self.requests += 1
            self.bodies -= 1
        if self.requests > self.requests_max:
            raise RequestRejected(fault(Code.TOO_BUSY))
        return come

    @contextlib.contextmanager
    def open_stream(self, caller: Caller) -> Iterator[StreamLifetime]:
        """Take a stream's seat, and give the request's back while it lasts.

        Raises RequestRejected when there is none. A socket has no request's seat: see `socket`.
        """
        with self.open_socket(caller) as life:
            self.requests -= 1
            permit = self.callers.suspend(caller)
            try:
                yield life
            finally:
                self.requests += 1
                self.callers.resume(permit)

    @contextlib.contextmanager
    def open_socket(self, caller: Caller) -> Iterator[StreamLifetime]:
        """Take a stream's seat. Raises RequestRejected when there is none, or none for this key."""
        if self.draining:
            raise RequestRejected(fault(Code.SHUTTING_DOWN))
        if self.streams >= self.streams_max:
            raise RequestRejected(fault(Code.TOO_BUSY, "Too many streams are open."))
        key_id = caller.key_id
        if key_id is not None and self._by_key[key_id] >= self.key_streams_max:
            message = f"A key may have {self.key_streams_max} streams open at once."
            raise RateLimited(message, CROWD_RETRY_S)
        lifetime = StreamLifetime()
        self.streams += 1
        self._lives[lifetime] = caller
        if key_id is not None:
            self._by_key[key_id] += 1
        try:
            yield lifetime
        finally:
            del self._lives[lifetime]
            self.streams -= 1
            if key_id is not None:
                self._by_key[key_id] -= 1
                if not self._by_key[key_id]:
                    del self._by_key[key_id]

    async def close_unauthorized(self, may_stay: Callable[[Caller], Awaitable[bool]]) -> None:
        """End the streams of those who may not stay, asking once for each key.

        Raises what `may_stay` raises.
        """
        by_key: dict[str | None, list[StreamLifetime]] = {}
        passports = {}
        for life, passport in tuple(self._lives.items()):
            by_key.setdefault(passport.key_id, []).append(life)
            passports[passport.key_id] = passport
        for key_id, lives in by_key.items():
            if not await may_stay(passports[key_id]):
                for life in lives:
                    life.close(CLOSE_UNAUTHORIZED)

    def drain(self) -> None:
        """Take no more streams, and end those that are open."""
        self.draining = True
        for life in tuple(self._lives):
            life.close(CLOSE_RESTART)


class StreamLifetime:
    """How long a stream may go on, and with which code it is closed.

    `is_cut` says that the other side is gone: then there is nobody to close it for.
    """

    def __init__(self) -> None:
        self.close_code = CLOSE_DONE
        self.is_cut = False
        self._over = False
        self._timeout: asyncio.Timeout | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the body until the life is ended."""
        self._timeout = asyncio.timeout(0 if self._over else None)
        try:
            async with self._timeout:
                yield
        except TimeoutError:
            if not self._timeout.expired():
                raise

    def close(self, close_code: int = CLOSE_DONE) -> None:
        """End the stream now."""
        self.close_code = close_code
        self._over = True
        if self._timeout is not None:
            self._reschedule(0)

    def close_after(self, milliseconds: int) -> None:
        """End the stream a while from now, unless it ends by itself before."""
        if self._timeout is not None and not self._over:
            self._reschedule(milliseconds)

    def disconnect(self) -> None:
        """End the stream because the other side is gone."""
        self.is_cut = True
        self.close()

    def _reschedule(self, milliseconds: int) -> None:
        timeout = self._timeout
        if timeout is not None and not timeout.expired():
            at = asyncio.get_running_loop().time() + milliseconds / 1_000
            with contextlib.suppress(RuntimeError):  # the body is over already
                timeout.reschedule(at)
