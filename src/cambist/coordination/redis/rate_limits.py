"""Holds callers of all processes to one rate, in Redis; while it is away, each to a share of it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, NamedTuple

from cambist import metrics
from cambist.coordination.reconnecting_connection import ReconnectingConnection
from cambist.coordination.redis.client import RedisAddress, RedisConnection
from cambist.coordination.redis.lua_scripts import ACQUIRE_TOKENS
from cambist.ports.clock import Clock
from cambist.ports.rate_limits import RateLimit, RateLimiter, TokenWait

ANSWER_WITHIN_MS: Final = 80
"""How long a call waits for Redis before it is judged without it; a request makes up to three."""
APART_MS: Final = 2_000
"""How long Redis is not asked after it did not answer in time."""
ASKED_AT_ONCE_MAX: Final = 64
WAITING_MAX: Final = 1_000
PING_EVERY_MS: Final = 500
RATE_PREFIX: Final = "cambist:rate:"


class _Asked(NamedTuple):
    bucket: str
    cost: int
    allowance: RateLimit
    wait: asyncio.Future[int | None]


class RedisRateLimiter:
    """Token buckets that all processes share; without an answer in time `alone` decides."""

    def __init__(self, clock: Clock, address: RedisAddress, alone: RateLimiter) -> None:
        self._clock = clock
        self._alone = alone
        self._asked: deque[_Asked] = deque()
        self._came = asyncio.Event()
        self._apart_until = 0
        self.line = ReconnectingConnection(clock, "redis_rates", address.dial, self._answer)

    async def try_acquire(self, bucket: str, cost: int, limit: RateLimit) -> TokenWait:
        """Take `cost` tokens and return 0, or take none and return how long to wait for them."""
        apart = self._clock.monotonic_ms() < self._apart_until
        if apart or not self.line.is_up or len(self._asked) >= WAITING_MAX:
            return await self._acquire_locally(bucket, cost, limit)
        wait: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(bucket, cost, limit, wait))
        self._came.set()
        try:
            async with asyncio.timeout(ANSWER_WITHIN_MS / 1_000):
                reply = await wait
        except TimeoutError:
            self._apart_until = self._clock.monotonic_ms() + APART_MS
            reply = None
        if reply is None:
            return await self._acquire_locally(bucket, cost, limit)
        return TokenWait(reply) if reply > 0 else TokenWait(0, -reply)

    async def _acquire_locally(self, bucket: str, cost: int, limit: RateLimit) -> TokenWait:
        metrics.RATES_ALONE.inc()
        return await self._alone.try_acquire(bucket, cost, limit)

    async def _answer(self, connection: RedisConnection) -> None:
        asked: list[_Asked] = []
        try:
            while True:
                await self._wait()
                asked = [
                    self._asked.popleft() for _ in range(min(len(self._asked), ASKED_AT_ONCE_MAX))
                ]
                asked = [one for one in asked if not one.wait.done()]
                if not asked:
                    await connection.ask("PING")
                    continue
                for request, wait in zip(
                    asked, await connection.ask(*_command(asked)), strict=True
                ):
                    if not request.wait.done():
                        request.wait.set_result(int(wait))
        finally:
            for request in (*asked, *self._asked):
                if not request.wait.done():
                    request.wait.set_result(None)
            self._asked.clear()

    async def _wait(self) -> None:
        if self._asked:
            return
        self._came.clear()
        try:
            async with asyncio.timeout(PING_EVERY_MS / 1_000):
                await self._came.wait()
        except TimeoutError:
            return


def _command(asked: list[_Asked]) -> tuple[Any, ...]:
    words: list[int] = []
    for request in asked:
        words += (request.cost, request.allowance.per_minute, request.allowance.burst)
    keys = [RATE_PREFIX + one.bucket for one in asked]
    return ("EVAL", ACQUIRE_TOKENS, len(keys), *keys, *words)
