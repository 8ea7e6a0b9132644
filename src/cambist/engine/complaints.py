"""Says in the log that something is away: once a second, however many orders run into it."""

from __future__ import annotations

from typing import Final

import structlog

from cambist.ports.clock import Clock

TOLD_EVERY_MS: Final = 1_000

log = structlog.get_logger("cambist.crew")


class Complaints:
    """Counts what was not said, and says how many they were with the next word."""

    def __init__(self, clock: Clock, event: str) -> None:
        self._clock = clock
        self._event = event
        self._told_at: int | None = None
        self._untold = 0

    def say(self, error: Exception) -> None:
        """Log one trouble, or only count it. A disk may be full because of logs."""
        now = self._clock.elapsed()
        self._untold += 1
        if self._told_at is not None and now - self._told_at < TOLD_EVERY_MS:
            return
        log.warning(self._event, times=self._untold, error=str(error))
        self._told_at, self._untold = now, 0
