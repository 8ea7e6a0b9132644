"""Applies batches of writes in one thread beside the event loop, or inline."""

# SQLite has one writer. A thread owns the connection that writes, so that a flush never blocks
# the event loop. The loop collects the next batch while one is being written: the slower the
# disk, the larger the batches (group commit).
#
# A write that finds the thread idle is written in the next turn of the loop, together with what
# else this turn brings. A write that comes during a commit waits for its end. Then the results
# are handled first, because the coroutines that they wake often write again, and all of that goes
# into one batch. No timer is needed: the wait for company is the running commit.
#
# The results of a batch are handled on the event loop, in the order of commits, before any caller
# wakes. Memory and subscribers therefore see a commit before the client that caused it gets an
# answer.

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Generic, TypeVar

from cambist.stores.write_queue import PendingWrite, Results, WriteQueue, resolve

T = TypeVar("T")
R = TypeVar("R")

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
        self._batches: SimpleQueue[Sequence[PendingWrite[T, R]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_scheduled = False
        self._is_writing = False
        self._drained = asyncio.Event()

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
            while not self.lanes.drained:
                self._write_next()
        elif self._thread is not None:
            await self._drained.wait()
            self._batches.put(None)
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _wake(self) -> None:
        """Write in the next turn of the loop, unless a batch is being written already."""
        if self._is_scheduled or self._is_writing or self._loop is None:
            return
        self._is_scheduled = True
        self._loop.call_soon(self._write_next)

    def _write_next(self) -> None:
        self._is_scheduled = False
        batch = self.lanes.batch()
        if not batch:
            if self.lanes.drained:
                self._drained.set()
            return
        self._is_writing = True
        if self._inline:
            self._finish(batch, self._apply([waiting.item for waiting in batch]))
        else:
            self._batches.put(batch)

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            results = self._apply([waiting.item for waiting in batch])
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._finish, batch, results)

    def _finish(self, batch: Sequence[PendingWrite[T, R]], results: Results[R]) -> None:
        try:
            self._done([waiting.item for waiting in batch], results)
        finally:
            # Whatever a listener did, the batch is durable and its senders must be told.
            resolve(batch, results)
            self._is_writing = False
            self._wake()
