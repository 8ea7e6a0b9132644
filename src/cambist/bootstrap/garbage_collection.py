"""Keeps pauses of Python's garbage collector away from orders that are being executed."""

# A full collection looks at every container that lives, and the process stands still meanwhile: 44
# to 95 ms were measured in an engine that used CPython's own thresholds. At 500 orders a second
# such a pause holds up a few hundred events, and alone decides the 99th percentile.
#
# Orders and events are frozen structs without cycles, which reference counts free at once. The
# collector is needed for what is left, such as tracebacks that refer to their own frames. So:
#
# - What the start has made lives as long as the process. It is frozen, and never looked at again.
# - Young collections are rare. One of YOUNG_MAX containers takes a fraction of a millisecond.
# - A full collection runs while nothing is being executed. An engine that is never idle makes one
#   every BUSY_FULL_EVERY_MS all the same, so that memory cannot grow without bound.

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from cambist.engine.engine import Engine

YOUNG_MAX: Final = 10_000
MIDDLE_EVERY: Final = 20
_NEVER: Final = 1_000_000_000
LOOK_EVERY_MS: Final = 1_000
BUSY_FULL_EVERY_MS: Final = 600_000


@asynccontextmanager
async def collecting_when_idle(engine: Engine) -> AsyncIterator[None]:
    """Take over the garbage collector of this process for as long as the context lasts.

    Enter it last, when everything that lives as long as the process has been made.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, MIDDLE_EVERY, _NEVER)
    try:
        async with asyncio.TaskGroup() as tasks:
            collecting = tasks.create_task(_collect(engine))
            try:
                yield
            finally:
                collecting.cancel()
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _collect(engine: Engine) -> None:
    clock = engine.clock
    collected_at = clock.monotonic_ms()
    while True:
        await clock.sleep(LOOK_EVERY_MS)
        now = clock.monotonic_ms()
        *_, middle = gc.get_count()  # middle collections since the last full one
        if middle and (engine.is_idle or now - collected_at >= BUSY_FULL_EVERY_MS):
            gc.collect()
            collected_at = now
