"""Distinguishes instants, durations, slots and block heights by type."""

from __future__ import annotations

from typing import Final, NewType

Timestamp = NewType("Timestamp", int)
"""An instant in milliseconds since the Unix epoch."""

Millis = NewType("Millis", int)
"""A duration in milliseconds."""

Slot = NewType("Slot", int)
"""A position in the chain's own clock; some slots stay empty."""

Height = NewType("Height", int)
"""A number of blocks; never more than the slot it stands at."""

SECOND: Final = Millis(1_000)
MINUTE: Final = Millis(60_000)


def add_ms(at: Timestamp, by: int) -> Timestamp:
    """Return the instant `by` milliseconds later."""
    return Timestamp(at + by)
