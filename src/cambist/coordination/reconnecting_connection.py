"""Keeps one connection to other processes open, and opens it again when it breaks."""

# A connection that breaks is opened again after a wait that doubles up to a second. One that was
# steady for some seconds is opened again at once. Nothing that goes wrong here may end an engine:
# a transport is optional, and without it the process polls the journal and the table of due
# orders once a second.
#
# Messages may have been lost while a connection was down. The work on a new connection therefore
# begins with a look at the journal.
#
# A metric for each connection says whether it is up. The log has one line when it goes down and
# one when it comes back, and none for the tries in between.

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Generic, Literal, TypeVar

import msgspec
import structlog

from cambist import metrics
from cambist.coordination.multi_process_bus import MultiProcessWakeupQueue
from cambist.coordination.send_buffer import Outbox
from cambist.ports.clock import Clock

C = TypeVar("C")

Connect = Callable[[], AbstractAsyncContextManager[C]]
"""Opens a connection that has shown that it works; leaving closes it, whatever state it is in."""

WAIT_FIRST_MS: Final = 50
WAIT_MAX_MS: Final = 1_000
STEADY_MS: Final = 5_000
"""A connection that was up this long is opened again without a longer wait."""
DIAL_WITHIN_MS: Final = 1_000
log = structlog.get_logger("cambist.coordination")


class TransportDown(Exception):
    """The server does not answer, or answers something else than was asked for."""


class ReconnectingConnection(Generic[C]):
    """A connection that is opened again by itself, and the work done on it.

    The work gets the connection and starts again on the next one. It raises TransportDown when
    the connection cannot be used any more.
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
        """Whether the server answered when it was last asked."""
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
                # A transport is optional: no defect here may end an engine.
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
        """Log once when a connection goes down or comes back, and not for every try."""
        if state == self._state:
            return
        if state == "down":
            log.warning("coordination_unavailable", line=self._name, error=why)
        elif self._state == "down":
            log.info("coordination_restored", line=self._name)
        self._state = state
        self._gauge.set(int(state == "up"))


class TransportCallbacks(msgspec.Struct, frozen=True):
    """What a transport sends, and where it delivers what it receives.

    `wakeups` is the queue of this process's workers. `on_new_position` is called when another
    process has written events. `owner` is the name of this process.
    """

    outbox: Outbox
    owner: str
    wakeups: MultiProcessWakeupQueue | None = None
    on_new_position: Callable[[], None] | None = None
