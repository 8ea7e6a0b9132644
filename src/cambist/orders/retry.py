"""Decides whether a failed attempt may be tried again, and how long to wait first."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.faults import Fault, Remedy
from cambist.orders.order import Order
from cambist.values.time_units import Millis

BACKOFF_FIRST_MS: Final = Millis(1_000)
BACKOFF_MAX_MS: Final = Millis(60_000)
_AGAIN: Final = frozenset((Remedy.RETRY, Remedy.REQUOTE))


class Backoff(msgspec.Struct, frozen=True, gc=False):
    """Waits that double from `first_ms`, never more than `max_ms`."""

    first_ms: Millis = BACKOFF_FIRST_MS
    max_ms: Millis = BACKOFF_MAX_MS

    def after(self, tries: int) -> Millis:
        """Return the wait after so many tries came to nothing: 1 s, 2 s, 4 s and so on."""
        return Millis(min(self.first_ms << min(tries - 1, 32), self.max_ms))


def may_retry(order: Order, fault: Fault) -> bool:
    """Whether the fault passes by itself and the order has a try left."""
    return fault.remedy in _AGAIN and order.try_number < order.terms.tries_max
