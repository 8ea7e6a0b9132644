"""Hold the log to one line a second, however many orders run into the same trouble."""

from __future__ import annotations

from structlog.testing import capture_logs

from cambist.clock import ManualClock
from cambist.engine.dispatcher import TOLD_EVERY_MS, ThrottledWarning


async def test_a_trouble_of_many_is_one_line_a_second_that_counts_them() -> None:
    clock = ManualClock()
    complaints = ThrottledWarning(clock, "store_away")
    with capture_logs() as said:
        for _ in range(3):
            for _ in range(100):
                complaints.log(OSError("full"))
            await clock.push(TOLD_EVERY_MS)
    assert [(one["event"], one["times"]) for one in said] == [
        ("store_away", 1), ("store_away", 100), ("store_away", 100)
    ]  # fmt: skip
