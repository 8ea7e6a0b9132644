"""Counts slots from where the last process stopped, however long nobody was there."""

from __future__ import annotations

from cambist.orders.attempt import ChainRules
from cambist.ports.clock import Clock
from cambist.values.time_units import Height, Millis, Slot


class Heights:
    """The chain's own clock: every slot has a block, so a height is a slot too."""

    def __init__(self, clock: Clock, rules: ChainRules, first: Height) -> None:
        self._clock = clock
        self._slot_ms = rules.slot_ms
        self._first = first
        self._started = clock.elapsed()

    def now(self) -> Height:
        """Return the height at this moment."""
        return Height(self._first + (self._clock.elapsed() - self._started) // self._slot_ms)

    def ms_until(self, slot: Slot) -> Millis:
        """Return how many milliseconds are left until a slot begins; at least one."""
        at = self._started + (slot - self._first) * self._slot_ms
        return Millis(max(at - self._clock.elapsed(), 1))
