"""Keeps one connection to other processes open, and opens it again when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Generic, Literal, TypeVar

import msgspec
import structlog

from cambist import metrics
from cambist.coordination.multi_process import MultiProcessWakeupQueue
from cambist.coordination.outbox import Outbox
from cambist.ports.clock import Clock

C = TypeVar("C")

Connect = Callable[[], AbstractAsyncContextManager[C]]
"""Opens a connection that has shown that it works; leaving closes it, whatever state it is in."""

WAIT_FIRST_MS: Final = 50
WAIT_MAX_MS: Final = 1_000
STEADY_MS: Final = 5_000
"""A connection that held this long is dialled again at once when it breaks."""
DIAL_WITHIN_MS: Final = 1_000
log = structlog.get_logger("cambist.coordination")


class TransportDown(Exception):
    """The bearer does not answer, or not with what was asked for."""


class ReconnectingConnection(Generic[C]):
    """A connection that comes back by itself, and the work done on it meanwhile.

    The work gets the connection, and is begun anew on the next one. It raises Unreachable where
    the connection is of no more use.
    """

    def __init__(
        self, clock: Clock, name: str, dial: Connect[C], work: Callable[[C], Awaitable[None]]
    ) -> None:
        self._clock = clock
        self._name = name
        self._dial = dial
        self._work = work
        self._state: Literal["new", "up", "down"] = "new"
        self._gauge = metrics.LINES_UP.labels(line=name)
        self._gauge.set(0)

    @property
    def is_up(self) -> bool:
        """Whether the bearer answered when it was last asked."""
        return self._state == "up"

    async def run(self) -> None:
        """Work until cancelled."""
        wait_ms = WAIT_FIRST_MS
        while True:
            began = self._clock.monotonic_ms()
            try:
                await self._once()
            except TransportDown as away:
                self._note("down", str(away))
            except Exception as error:
                # Whatever is amiss here, it must not end an engine.
                log.exception("coordination_failed", line=self._name)
                self._note("down", type(error).__name__)
            if self._clock.monotonic_ms() - began > STEADY_MS:
                wait_ms = WAIT_FIRST_MS
            await self._clock.sleep(wait_ms)
            wait_ms = min(2 * wait_ms, WAIT_MAX_MS)

    async def _once(self) -> None:
        dialled = self._dial()
        try:
            async with asyncio.timeout(DIAL_WITHIN_MS / 1_000):
                connection = await dialled.__aenter__()
        except TimeoutError:
            msg = f"no answer within {DIAL_WITHIN_MS} ms"
            raise TransportDown(msg) from None
        try:
            self._note("up")
            await self._work(connection)
        finally:
            await dialled.__aexit__(None, None, None)

    def _note(self, state: Literal["up", "down"], why: str = "") -> None:
        """Say it once when a line comes up or goes down, and not with every try."""
        if state == self._state:
            return
        if state == "down":
            log.warning("coordination_unavailable", line=self._name, error=why)
        elif self._state == "down":
            log.info("coordination_restored", line=self._name)
        self._state = state
        self._gauge.set(int(state == "up"))


class TransportCallbacks(msgspec.Struct, frozen=True):
    """What is to be told, and who is to be told of what came.

    `doorbell` is its workers', where other processes ring at them; `ring` its listeners', where
    others write what they listen to. `owner` is the name of the process.
    """

    outbox: Outbox
    owner: str
    wakeups: MultiProcessWakeupQueue | None = None
    on_new_position: Callable[[], None] | None = None
