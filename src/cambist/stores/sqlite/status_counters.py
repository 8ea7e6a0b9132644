"""Counts orders by principal and status in memory, so that a list need not read them all."""

from __future__ import annotations

from typing import Final, NamedTuple

from cambist.orders.order import Status
from cambist.values.ids import Principal

_OPEN: Final = (Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED)


class OrderTotals(NamedTuple):
    """What a reader counted at one moment, by principal and status.

    With it go how many orders had been pruned, and the position of the newest event.
    """

    rows: tuple[tuple[str, str, int], ...]
    pruned: int
    end: int


class _Change(NamedTuple):
    position: int
    principal: Principal
    before: Status | None
    after: Status


class StatusCounters:
    """Counts by principal and status; `is_doubtful` once a write may or may not have been made.

    They are counted anew by a reader, while writes go on: what the reader saw and what was told
    meanwhile are told apart by the positions of the events. `pruned` is how many orders had been
    put away when all was counted.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[Principal, Status], int] = {}
        self._counted_to = 0
        self._counting = 0
        self._meanwhile: list[_Change] = []
        self._doubts = 0
        self._settled_doubts = 0
        self.pruned = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether all has to be counted anew."""
        return self._doubts > self._settled_doubts

    def doubt(self) -> None:
        """Take note that a write may or may not have been made."""
        self._doubts += 1

    def begin(self) -> int:
        """Take note that a reader begins to count; return what `learn` wants to know of now."""
        self._counting += 1
        return self._doubts

    def give_up(self) -> None:
        """Take note that a reader could not count."""
        self._counting -= 1
        if not self._counting:
            self._meanwhile.clear()

    def load(self, found: OrderTotals, doubts: int) -> None:
        """Take over what was counted anew; `doubts` is what `begin` returned."""
        self._counts = {(Principal(a), Status(b)): n for a, b, n in found.rows if b in _STATUSES}
        self._counted_to, self.pruned = found.end, found.pruned
        self._settled_doubts = max(doubts, self._settled_doubts)
        for change in self._meanwhile:
            self._apply(change)
        self.give_up()

    def move(
        self, principal: Principal, before: Status | None, after: Status, position: int
    ) -> None:
        """Count an order where it stands since an event, and no more where it stood."""
        change = _Change(position, principal, before, after)
        if self._counting:
            self._meanwhile.append(change)
        self._apply(change)

    def _apply(self, change: _Change) -> None:
        if change.before is change.after or change.position <= self._counted_to:
            return
        for status, by in ((change.before, -1), (change.after, 1)):
            if status is not None:
                key = (change.principal, status)
                self._counts[key] = self._counts.get(key, 0) + by

    def of(self, principal: Principal) -> dict[Status, int]:
        """Return a principal's counts."""
        return {status: self._counts.get((principal, status), 0) for status in Status}

    def open(self) -> int:
        """Return how many orders are open, whose ever they are."""
        return sum(count for (_, status), count in self._counts.items() if status in _OPEN)


_STATUSES: Final = frozenset(Status)
