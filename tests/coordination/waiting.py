"""Wait until something holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

WITHIN_S = 15


async def until(holds: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Return as soon as it holds; fail when it does not in time."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 -- what is waited for stands in other processes
            await asyncio.sleep(0.005)
