"""Opens connections to a Redis, and is the one file that knows its driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from redis import asyncio as driver
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from cambist.signals.lines import Unreachable

ANSWER_WITHIN_MS: Final = 1_000
CLOSE_WITHIN_MS: Final = 200
BROKEN: Final = (RedisError, OSError, TimeoutError, EOFError, ValueError)
Reply = Any
"""What a command brings: bytes, a whole number, None, or a list of them."""


class Away(Unreachable):
    """Redis does not answer, or refuses; it never names a password."""


class Refusal(Away):
    """Redis answered that it will not; `word` is the first of its answer."""

    def __init__(self, error: ResponseError) -> None:
        super().__init__(str(error))
        self.word = str(error).partition(" ")[0]


class Connection:
    """One connection. Commands on it are answered in turn."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def ask(self, *command: Any, within_ms: int = ANSWER_WITHIN_MS) -> Reply:
        """Give a command and return its answer. Raises Away, and Refusal."""
        try:
            async with asyncio.timeout(within_ms / 1_000):
                return await self._client.execute_command(*command)
        except ResponseError as error:
            raise Refusal(error) from error
        except BROKEN as error:
            raise _away(error) from error

    async def ask_all(self, *commands: tuple[Any, ...]) -> list[Reply]:
        """Give several commands at once, and return their answers. Raises Away, and Refusal."""
        pipe = self._client.pipeline(transaction=False)
        for one in commands:
            pipe.execute_command(*one)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_MS / 1_000):
                return list(await pipe.execute())
        except ResponseError as error:
            raise Refusal(error) from error
        except BROKEN as error:
            raise _away(error) from error


class Listener:
    """A connection that hears one channel."""

    def __init__(self, heard: Any) -> None:
        self._heard = heard
        self._asked = False

    async def next(self, timeout_ms: int) -> bytes | None:
        """Return the next message, or None when none came in time. Raises Away.

        Who is silent is asked whether it is there, and has the same time again to answer.
        """
        try:
            async with asyncio.timeout(ANSWER_WITHIN_MS / 1_000 + timeout_ms / 1_000):
                came = await self._heard.get_message(timeout=timeout_ms / 1_000)
                if came is not None:
                    self._asked = False
                    return came["data"] if came["type"] == "message" else None
                if timeout_ms == 0:
                    return None
                if self._asked:
                    msg = "it is silent"
                    raise Away(msg)
                await self._heard.ping()
        except BROKEN as error:
            raise _away(error) from error
        self._asked = True
        return None


class Address:
    """Where a Redis is: a redis://, rediss:// or unix:// URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[Connection]:
        """Open a connection that answers. Raises Away."""
        async with self._client() as client:
            connection = Connection(client)
            await connection.ask("PING")
            yield connection

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[Listener]:
        """Open a connection that hears a channel from now on. Raises Away."""
        async with self._client() as client:
            heard = client.pubsub()
            try:
                try:
                    await heard.subscribe(channel)
                    await heard.get_message(timeout=ANSWER_WITHIN_MS / 1_000)
                except BROKEN as error:
                    raise _away(error) from error
                yield Listener(heard)
            finally:
                await _let_go(heard)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[driver.Redis]:
        try:
            client = driver.Redis.from_url(
                self._url,
                protocol=2,
                max_connections=2,
                retry=Retry(NoBackoff(), 0),
                socket_connect_timeout=ANSWER_WITHIN_MS / 1_000,
            )
        except (RedisError, ValueError) as error:
            raise _away(error) from error
        # Answers as they come: what a driver makes of them is another thing in each release.
        client.response_callbacks.clear()
        try:
            yield client
        finally:
            await _let_go(client)


async def _let_go(one: Any) -> None:
    with suppress(*BROKEN):
        async with asyncio.timeout(CLOSE_WITHIN_MS / 1_000):
            await one.aclose()


def _away(error: BaseException) -> Away:
    """Name what went wrong by its kind: a driver's own text may repeat an address."""
    return Away(type(error).__name__)
