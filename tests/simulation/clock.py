"""Tells each simulated process the time: its wall clock may step, the other one may not."""

from __future__ import annotations

import asyncio
from typing import Final

from cambist.values.time_units import Timestamp
from tests.simulation.loop import VirtualLoop

START: Final = 1_700_000_000_000


class SimClock:
    """A Clock over the loop's own time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.stepped_ms = 0

    def now(self) -> Timestamp:
        return Timestamp(START + self._loop.ms + self.stepped_ms)

    def monotonic_ms(self) -> int:
        return self._loop.ms

    async def sleep(self, milliseconds: int) -> None:
        await asyncio.sleep(max(milliseconds, 0) / 1_000)
