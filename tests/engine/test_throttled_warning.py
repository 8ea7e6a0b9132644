"""Hold the log to one line a second, however many orders run into the same trouble."""

from __future__ import annotations

from structlog.testing import capture_logs

from cambist.clock import ManualClock
from cambist.engine.dispatcher import LOG_EVERY_MS, ThrottledWarning


async def test_a_trouble_of_many_is_one_line_a_second_that_counts_them() -> None:
    clock = ManualClock()
    warning = ThrottledWarning(clock, "store_unavailable")
    with capture_logs() as said:
        for _ in range(3):
            for _ in range(100):
                warning.log(OSError("full"))
            await clock.push(LOG_EVERY_MS)
    assert [(one["event"], one["times"]) for one in said] == [
        ("store_unavailable", 1), ("store_unavailable", 100), ("store_unavailable", 100)
    ]  # fmt: skip
