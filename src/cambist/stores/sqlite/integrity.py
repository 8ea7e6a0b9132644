"""Checks a SQLite file in the background, after a process did not end as it should."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Final, Protocol

import structlog

from cambist.ports.clock import Clock
from cambist.ports.errors import PortOverloaded, PortUnavailable, ReadInterrupted
from cambist.ports.store import Halt
from cambist.stores.sqlite.connection import connect
from cambist.stores.sqlite.reader import AskedRead

FINDINGS_MAX: Final = 5
CHECKED_BY: Final = "cambist"
_FOUND: Final = (
    "the store is damaged: {}. Stop, run `cambist verify`, and put the newest backup in its place "
    "with `cambist restore`; `cambist resume` trades on as it is"
)
log = structlog.get_logger("cambist.store")


class Haltable(Protocol):
    """What stops trading."""

    async def halt(self, halt: Halt) -> None:
        """Stop trading."""


def was_shut_down_uncleanly(path: Path) -> bool:
    """Whether the last process that wrote to a file left its log: a clean end folds it in."""
    written = path.with_name(f"{path.name}-wal")
    return written.exists() and written.stat().st_size > 0


@asynccontextmanager
async def checked_after_crash(
    store: Haltable, path: Path, clock: Clock, *, is_needed: bool
) -> AsyncIterator[None]:
    """Look a file over while the context lasts, where that is needed; damage halts trading."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_look_over(store, path, clock)) if is_needed else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()


async def _look_over(store: Haltable, path: Path, clock: Clock) -> None:
    began = clock.monotonic_ms()
    found = await quick_check(path)
    if not found:
        log.info("store_checked", took_ms=clock.monotonic_ms() - began)
        return
    reason = _FOUND.format("; ".join(found))
    log.critical("store_damaged", reason=reason)
    try:
        await store.halt(Halt(reason, CHECKED_BY, clock.now()))
    except (PortUnavailable, PortOverloaded) as down:
        log.critical("halt_not_recorded", error=str(down))


async def quick_check(path: Path) -> tuple[str, ...]:
    """Return what is wrong with the pages of a file; cancelled, it ends soon."""
    asked, threads = AskedRead(), ThreadPoolExecutor(1, "cambist-check")
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, _check, asked, path)
    finally:
        asked.abandon()
        threads.shutdown(wait=False)


def _check(asked: AskedRead, path: Path) -> tuple[str, ...]:
    try:
        with closing(connect(path, read_only=True)) as db, suppress(ReadInterrupted):
            rows = asked.run(db, _quick_check, FINDINGS_MAX)
            return tuple(text for (text,) in rows if text != "ok")
    except (sqlite3.Error, ValueError) as error:
        return (str(error),)
    return ()


def _quick_check(db: sqlite3.Connection, most: int) -> list[tuple[str]]:
    return db.execute(f"PRAGMA quick_check({most:d})").fetchall()
