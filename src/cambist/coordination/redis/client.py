"""Opens connections to a Redis, and is the one file that knows its driver.

Of the driver the connections alone are used: what its clients add, a pool, retries and answers made
into objects, would be of no use to a class that has one connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from cambist.coordination.reconnecting_connection import TransportDown

ANSWER_WITHIN_MS: Final = 1_000
CLOSE_WITHIN_MS: Final = 200
BROKEN: Final = (RedisError, OSError, TimeoutError, EOFError, ValueError)
Reply = Any
"""What a command brings: bytes, a whole number, None, or a list of them."""


class RedisUnavailable(TransportDown):
    """Redis does not answer, or refuses; it never names a password."""


class RedisCommandError(RedisUnavailable):
    """Redis answered that it will not; `word` is the first of its answer."""

    def __init__(self, error: ResponseError) -> None:
        super().__init__(str(error))
        self.word = str(error).partition(" ")[0]


class RedisConnection:
    """One connection. Commands on it are answered in turn."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    async def ask(self, *command: Any, within_ms: int = ANSWER_WITHIN_MS) -> Reply:
        """Give a command and return its answer. Raises RedisUnavailable, and Refusal."""
        return (await self.ask_all(command, within_ms=within_ms))[0]

    async def ask_all(
        self, *commands: tuple[Any, ...], within_ms: int = ANSWER_WITHIN_MS
    ) -> list[Reply]:
        """Give several commands at once, and return their answers.

        Raises RedisUnavailable, and Refusal.
        """
        try:
            async with asyncio.timeout(within_ms / 1_000):
                await self._raw.send_packed_command(self._raw.pack_commands(commands))
                answers = [await self._answer() for _ in commands]
        except BROKEN as error:
            raise _away(error) from error
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise RedisCommandError(answer) from answer
        return answers

    async def _answer(self) -> Reply:
        try:
            return await self._raw.read_response()
        except ResponseError as error:
            return error


class RedisListener:
    """A connection that is subscribed to one channel."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._is_asked = False

    async def next(self, timeout_ms: int) -> bytes | None:
        """Return the next message, or None when none came in time. Raises RedisUnavailable.

        Who is silent is asked whether it is there, and has the same time again to answer.
        """
        try:
            came = await self._raw.read_response(
                timeout=timeout_ms / 1_000, disconnect_on_error=False
            )
            if came is None and timeout_ms:
                if self._is_asked:
                    msg = "it is silent"
                    raise RedisUnavailable(msg)
                async with asyncio.timeout(ANSWER_WITHIN_MS / 1_000):
                    await self._raw.send_command("PING")
                self._is_asked = True
        except BROKEN as error:
            raise _away(error) from error
        if came is None:
            return None
        self._is_asked = False
        return bytes(came[2]) if came[0] == b"message" else None


class RedisAddress:
    """Where a Redis is: a redis://, rediss:// or unix:// URL."""

    def __init__(self, url: str) -> None:
        self._pool = partial(
            ConnectionPool.from_url,
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=ANSWER_WITHIN_MS / 1_000,
        )

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[RedisConnection]:
        """Open a connection that answers. Raises RedisUnavailable."""
        async with self._open() as raw:
            connection = RedisConnection(raw)
            await connection.ask("PING")
            yield connection

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[RedisListener]:
        """Open a connection that is subscribed to a channel. Raises RedisUnavailable."""
        async with self._open() as raw:
            await RedisConnection(raw).ask("SUBSCRIBE", channel)
            yield RedisListener(raw)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Any]:
        try:
            pool: Any = self._pool()
            raw = pool.make_connection()
        except BROKEN as error:
            raise _away(error) from error
        try:
            await _connect(raw)
            yield raw
        finally:
            with suppress(*BROKEN):
                async with asyncio.timeout(CLOSE_WITHIN_MS / 1_000):
                    await raw.disconnect()


async def _connect(raw: Any) -> None:
    try:
        await raw.connect()
    except BROKEN as error:
        raise _away(error) from error


def _away(error: BaseException) -> RedisUnavailable:
    """Name what went wrong by its kind: a driver's own text may repeat an address."""
    return RedisUnavailable(type(error).__name__)
