"""Counts orders where they stand, so that nobody who asks has to read them all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cambist.orders.order import Status
from cambist.values.ids import Principal

_OPEN: Final = (Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED)


class Counts:
    """Counts by principal and status; `is_doubtful` once a write may or may not have been made.

    `pruned` is how many orders had been put away when all was counted.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[Principal, Status], int] = {}
        self.is_doubtful = False
        self.pruned = 0

    def learn(self, rows: Iterable[tuple[str, str, int]], pruned: int) -> None:
        """Take over what was counted anew."""
        self._counts = {(Principal(a), Status(b)): n for a, b, n in rows}
        self.is_doubtful, self.pruned = False, pruned

    def move(self, principal: Principal, before: Status | None, after: Status) -> None:
        """Count an order where it stands now, and no more where it stood."""
        if before is after:
            return
        for status, by in ((before, -1), (after, 1)):
            if status is not None:
                key = (principal, status)
                self._counts[key] = self._counts.get(key, 0) + by

    def of(self, principal: Principal) -> dict[Status, int]:
        """Return a principal's counts."""
        return {status: self._counts.get((principal, status), 0) for status in Status}

    def open(self) -> int:
        """Return how many orders are open, whose ever they are."""
        return sum(count for (_, status), count in self._counts.items() if status in _OPEN)
