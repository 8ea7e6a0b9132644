"""Applies batches of writes in one thread beside the event loop, or inline."""

# SQLite has one writer. A thread owns the connection that writes, so that a flush never blocks
# the event loop. The loop collects the next batch while one is being written: the slower the
# disk, the larger the batches (group commit). A write that finds the thread idle waits for others
# for about as long as a flush takes, since a flush and two changes of thread for each single
# write would cost more than that wait.
#
# The results of a batch are handled on the event loop, in the order of commits, before any caller
# wakes. Memory and subscribers therefore see a commit before the client that caused it gets an
# answer.

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from cambist.stores.write_queue import PendingWrite, Results, WriteQueue, resolve

T = TypeVar("T")
R = TypeVar("R")

BATCH_WINDOW_S: Final = 0.001
"""How long a write waits for company: a flush costs about as much, and so does a change of
threads, whether it serves one order or fifty."""

Apply = Callable[[Sequence[T]], Results[R]]
Done = Callable[[Sequence[T], Results[R]], None]


class SqliteWriteLoop(Generic[T, R]):
    """Takes batches from the lanes and applies them, one at a time, in order.

    `apply` runs where the database lives; `done` on the event loop, before the waiting
    coroutines go on.
    """

    def __init__(self, apply: Apply[T, R], done: Done[T, R], *, inline: bool = False) -> None:
        self.lanes: WriteQueue[T, R] = WriteQueue(self._wake)
        self._apply = apply
        self._done = done
        self._inline = inline
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake_event = threading.Event()
        self._thread: threading.Thread | None = None
        self._scheduled = False

    def start(self) -> None:
        """Begin to write; call it on the event loop."""
        self._loop = asyncio.get_running_loop()
        if not self._inline:
            self._thread = threading.Thread(target=self._run, name="cambist-writer", daemon=True)
            self._thread.start()

    async def stop(self) -> None:
        """Write what waits, then stop."""
        self.lanes.close()
        if self._inline:
            self._drain()
        elif self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _wake(self) -> None:
        """Look at the lanes a moment later: what comes until then goes together."""
        if self._scheduled or self._loop is None:
            return
        self._scheduled = True
        if self._inline:
            self._loop.call_soon(self._drain)
        else:
            self._loop.call_later(BATCH_WINDOW_S, self._wake_thread)

    def _wake_thread(self) -> None:
        self._scheduled = False
        self._wake_event.set()

    def _drain(self) -> None:
        self._scheduled = False
        while batch := self.lanes.batch():
            self._report(batch, self._apply([waiting.item for waiting in batch]))

    def _run(self) -> None:
        while not self.lanes.drained:
            self._wake_event.wait()
            self._wake_event.clear()
            while batch := self.lanes.batch():
                results = self._apply([waiting.item for waiting in batch])
                if self._loop is not None:
                    self._loop.call_soon_threadsafe(self._report, batch, results)

    def _report(self, batch: Sequence[PendingWrite[T, R]], results: Results[R]) -> None:
        try:
            self._done([waiting.item for waiting in batch], results)
        finally:
            # Whatever a listener did, the batch is durable and its senders must be told.
            resolve(batch, results)
