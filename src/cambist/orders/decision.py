"""Holds what follows from an outcome: the events to write, and when the order is due next."""

from __future__ import annotations

import msgspec

from cambist.orders import events
from cambist.orders.attempt import Attempt
from cambist.values.time_units import Timestamp


class Decision(msgspec.Struct, frozen=True):
    """Events for the journal, and what the rows need besides.

    `signed` is the attempt to record with its bytes. `wake_at` is when the order is due next. No
    events means that nothing is written.
    """

    events: tuple[events.OrderEvent, ...]
    wake_at: Timestamp | None
    signed: Attempt | None = None
