"""Holds what the fills of one pair moved on one day, added up."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.values.time_units import Timestamp
from cambist.values.token import Pair

DAY_MS: Final = 86_400_000


class DailyFills(msgspec.Struct, frozen=True, kw_only=True):
    """What the fills of one pair moved on one day (UTC), in raw units.

    `day` counts from 1970. `quoted_in` and `quoted_out` are what had been quoted. `worse` adds up
    each fill's slippage, in hundredths of a basis point; below 0 is better than quoted.
    """

    day: int
    pair: Pair
    fills: int
    attempts: int
    fee_lamports: int
    amount_in: int
    amount_out: int
    quoted_in: int
    quoted_out: int
    worse: int


def day_of(at: Timestamp) -> int:
    """Return the day (UTC) of an instant, counted from 1970."""
    return at // DAY_MS


def start_of(day: int) -> Timestamp:
    """Return the instant at which a day begins."""
    return Timestamp(day * DAY_MS)
