"""States what the report needs of a store: what was filled, added up by day and pair."""

from __future__ import annotations

from typing import Protocol

import msgspec

from cambist.orders.daily_fills import DailyFills
from cambist.values.ids import Principal


class FillSums(msgspec.Struct, frozen=True):
    """The sums of a principal, and how many of its fills cannot be read and are in none."""

    days: tuple[DailyFills, ...]
    unreadable: int = 0


class DailyFillsStore(Protocol):
    """A store that keeps such sums. All may raise PortUnavailable."""

    async def add_up_fills(self) -> bool:
        """Put some fills into the sums of their days; True when more of them are waiting."""

    async def fill_sums(self, principal: Principal, since_day: int, limit: int) -> FillSums:
        """Return a principal's sums from a day on, newest day first, at most `limit` of them.

        Fills that are in no sum yet are counted all the same. Raises ReadInterrupted while there
        are too many of them.
        """
