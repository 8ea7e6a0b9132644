"""Takes batches from the write queue and writes one after the other, on the event loop."""

# A process sends one batch at a time. Its events therefore have the order of their positions, and
# a later batch never overtakes one whose outcome is unknown. While a batch is being written the
# next one grows.

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from cambist.orders.journal import RecordedEvent
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.store import CommitListener
from cambist.stores.commands import CommittedEvents
from cambist.stores.postgres.batch_partition import Write
from cambist.stores.postgres.pool import ConnectionPool
from cambist.stores.postgres.writer import PostgresBatchWriter
from cambist.stores.write_queue import PendingWrite, WriteQueue, resolve

log = structlog.get_logger("cambist.store")

RETRY_EVERY_MS: Final = 50
SENDERS_WAIT_MS: Final = 5_000
"""How long a sender waits while the outcome of its write is unknown. Then it is told so; the
write is still sent again until it is known, since the order of publication depends on it."""
BEHIND_WAIT_MS: Final = 500
"""How long others wait behind such a write; nothing of theirs was begun."""
CLOSE_WITHIN_MS: Final = 10_000


class PostgresWriteLoop:
    """The one writer of a process: what is written first is published first."""

    def __init__(
        self, pool: ConnectionPool, news: CommitListener, clock: Clock, lease_ms: int
    ) -> None:
        self._news = news
        self._clock = clock
        self._wake_event = asyncio.Event()
        self._gone = asyncio.Event()
        self._writer = PostgresBatchWriter(pool, self._publish, self._again, lease_ms)
        self._batch: Sequence[PendingWrite[Write, CommittedEvents]] = ()
        self._unknown_since: int | None = None
        self._closing_since: int | None = None
        self.lanes: WriteQueue[Write, CommittedEvents] = WriteQueue(self._wake_event.set)

    @property
    def failed(self) -> bool:
        """Whether the last write failed."""
        return self._writer.failed

    def take_backlog(self) -> int | None:
        """Return the backlog after our last write, once; None when we wrote nothing since."""
        backlog, self._writer.backlog = self._writer.backlog, None
        return backlog

    async def run(self) -> None:
        """Write until closed."""
        try:
            while not self.lanes.drained:
                await self._wake_event.wait()
                self._wake_event.clear()
                while batch := self.lanes.batch():
                    self._batch, self._unknown_since = batch, None
                    resolve(batch, await self._write([waiting.item for waiting in batch]))
        finally:
            self._gone.set()

    async def _write(self, writes: Sequence[Write]) -> Sequence[CommittedEvents | BaseException]:
        try:
            return await self._writer.apply(writes)
        except Exception as error:
            log.critical("write_failed", exc_info=error)
            return [PortUnavailable(f"the store failed: {error}") for _ in writes]

    async def close(self) -> None:
        """Write what waits, then stop."""
        self._closing_since = self._clock.monotonic_ms()
        self.lanes.close()
        await self._gone.wait()

    def _publish(self, events: Sequence[RecordedEvent], places: Sequence[int]) -> None:
        """Tell what became true. Whatever a listener does, the senders must be answered."""
        try:
            self._news(events, places)
        except Exception as error:
            log.critical("publish_failed", exc_info=error)

    async def _again(self, error: BaseException) -> None:
        """Wait before a write of unknown outcome is sent again; let nobody wait too long."""
        now = self._clock.monotonic_ms()
        if self._unknown_since is None:
            self._unknown_since = now
            log.warning("commit_unknown", error=str(error), writes=len(self._batch))
        waited = now - self._unknown_since
        down = PortUnavailable(f"the database does not answer, and the outcome is unknown: {error}")
        if waited >= SENDERS_WAIT_MS:
            resolve(self._batch, [down] * len(self._batch))
        while waited >= BEHIND_WAIT_MS and (behind := self.lanes.batch()):
            resolve(behind, [PortUnavailable(f"the database failed: {error}")] * len(behind))
        if self._closing_since is not None and now - self._closing_since >= CLOSE_WITHIN_MS:
            raise down
        await self._clock.sleep(RETRY_EVERY_MS)
