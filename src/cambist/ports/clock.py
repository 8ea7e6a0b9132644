"""States what the engine needs of time."""

from __future__ import annotations

from typing import Protocol

from cambist.values.time_units import Timestamp


class Clock(Protocol):
    """What time it is, and waiting for a later one."""

    def now(self) -> Timestamp:
        """Return the wall clock's instant; it may step."""

    def monotonic_ms(self) -> int:
        """Return milliseconds since some fixed start; never goes back."""

    async def sleep(self, milliseconds: int) -> None:
        """Wait."""
