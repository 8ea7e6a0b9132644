"""Names every metric, and counts events as they become durable."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cambist.orders import events
from cambist.orders.journal import RecordedEvent

REGISTRY: Final = CollectorRegistry()

FACTS: Final = Counter(
    "cambist_facts", "Facts that became durable, by kind.", ["kind"], registry=REGISTRY
)
FAILED: Final = Counter(
    "cambist_orders_failed", "Orders that failed, by whose fault.", ["blame"], registry=REGISTRY
)
LANDED_AFTER: Final = Histogram(
    "cambist_accepted_to_landed_seconds",
    "Time from acceptance to landing.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
    registry=REGISTRY,
)
IN_FLIGHT: Final = Gauge(
    "cambist_attempts_in_flight", "Attempts that may still land.", registry=REGISTRY
)
OLDEST_IN_FLIGHT: Final = Gauge(
    "cambist_oldest_attempt_in_flight_seconds", "Age of the oldest of them.", registry=REGISTRY
)
OPEN: Final = Gauge("cambist_orders_open", "Orders that can still move.", registry=REGISTRY)
LOOP_LAG: Final = Gauge(
    "cambist_loop_lag_seconds", "How late the event loop ran its last tick.", registry=REGISTRY
)
LOOP_LAG_WORST: Final = Gauge(
    "cambist_loop_lag_worst_seconds",
    "How long the event loop was held at most, in the last half second.",
    registry=REGISTRY,
)
LINES_UP: Final = Gauge(
    "cambist_signal_line_up",
    "Whether a connection that carries signals is up, by what it carries.",
    ["line"],
    registry=REGISTRY,
)
SIGNALS_SENT: Final = Counter(
    "cambist_signals_sent", "Signals sent to others, by kind.", ["kind"], registry=REGISTRY
)
SIGNALS_DROPPED: Final = Counter(
    "cambist_signals_dropped",
    "Signals given up, by kind: what they told comes later.",
    ["kind"],
    registry=REGISTRY,
)
RATES_ALONE: Final = Counter(
    "cambist_rates_held_alone",
    "Calls held to this process's share of a rate, since Redis did not answer.",
    registry=REGISTRY,
)

_by_kind: Final = {
    cls.__struct_config__.tag: FACTS.labels(kind=cls.__struct_config__.tag)
    for cls in events.OrderEvent.__subclasses__()
}


def count_events(recorded: Sequence[RecordedEvent]) -> None:
    """Count a batch of durable events."""
    for kind, number in Tally(event.entry.kind for event in recorded).items():
        _by_kind[kind].inc(number)


def count_end(event: RecordedEvent) -> None:
    """Count the outcome of an order."""
    match event.event:
        case events.Landed():
            LANDED_AFTER.observe((event.entry.at - event.order.created_at) / 1_000)
        case events.Failed(why):
            FAILED.labels(blame=why.blame.value).inc()
        case _:
            return
