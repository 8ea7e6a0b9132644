"""Makes blocks durable, on a thread of its own or inline, and keeps the durable mark."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from cambist.paper.chain_ledger import Block, DiskFull, Ledger
from cambist.ports.clock import Clock
from cambist.values.time_units import Height

FULL_RETRY_MS: Final = 500

log = structlog.get_logger("cambist.paper")


class BlockWriter:
    """The one way into the ledger. After a failure nothing more is written.

    `when_lost` is called once, on the event loop, when a commit fails.
    """

    def __init__(self, ledger: Ledger, when_lost: Callable[[], None], *, inline: bool) -> None:
        self._ledger = ledger
        self._when_lost = when_lost
        self._writer = None if inline else ThreadPoolExecutor(1, "paper-chain")
        self.mark = ledger.mark()
        self.lost: Exception | None = None

    async def commit(self, block: Block) -> None:
        """Return when a block is durable, or raise what made it fail.

        Raises DiskFull when the disk is full: then nothing is lost, and it may be tried again.
        """
        try:
            if self._writer is None:
                self._ledger.write(block)
            else:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._writer, self._ledger.write, block)
        except DiskFull:
            raise
        except Exception as lost:
            self.lost = lost
            self._when_lost()
            raise
        self.mark = Height(max(self.mark, block.mark))

    async def until_written(self, block: Block, clock: Clock) -> None:
        """Return when a block is durable; while the disk is full, try again and again."""
        while True:
            try:
                return await self.commit(block)
            except DiskFull as full:
                log.warning("paper_chain_waits", error=str(full))
                await clock.sleep(FULL_RETRY_MS)

    def close(self) -> None:
        """Let the thread and the file go."""
        if self._writer is not None:
            self._writer.shutdown()
        self._ledger.close()
