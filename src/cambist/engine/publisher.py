"""Publishes durable events: to subscribers, then to the log and the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import structlog

from cambist import logs, metrics
from cambist.failpoints import failpoint
from cambist.orders import events
from cambist.orders.journal import RecordedEvent
from cambist.ports.event_bus import EventBus
from cambist.values.amount import write_amount

log = structlog.get_logger("cambist.orders")

_ENDS: Final = frozenset(("landed", "failed", "cancelled", "expired"))


class EventPublisher:
    """Called once for each durable batch, on the event loop."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def __call__(self, recorded: Sequence[RecordedEvent], positions: Sequence[int]) -> None:
        """Publish a batch of events, then log and count them."""
        # Subscribers first: they wait for it. What the log and the metrics miss in a crash is still
        # in the journal.
        failpoint("relay.before_publish")
        self._bus.publish(recorded, positions)
        metrics.count_events(recorded)
        entries: list[dict[str, Any]] = []
        for event in recorded:
            kind = event.entry.kind
            if isinstance(event.event, events.Routed):
                entries.append(_route_entry(event, event.event))
            elif kind in _ENDS:
                metrics.count_end(event)
                entries.append(_outcome_entry(event))
            elif kind == "retry_scheduled":
                entries.append(_outcome_entry(event))
            elif isinstance(event.event, events.RolledBack):
                log.error("rolled_back", order_id=event.order.id)
        logs.write_entries(entries)


def _route_entry(event: RecordedEvent, routed: events.Routed) -> dict[str, Any]:
    """Return the log entry of a routing decision: all quotes, the chosen one, and the reason."""
    route, pair = routed.route, event.order.intent.pair
    exact_in = route.mode == "exact_in"
    decimals = pair.token_out.decimals if exact_in else pair.token_in.decimals
    return {
        "order_id": event.order.id,
        "chosen": route.legs[0].venue,
        "reason": route.reason,
        "quotes": {
            f"{quote.venue} {quote.program}".rstrip(): write_amount(
                quote.amount_out if exact_in else quote.amount_in, decimals
            )
            for quote in route.quotes
        },
        "absent": [f"{failure.venue} {failure.program}".strip() for failure in route.absent],
        "attempt": event.order.try_number,
        "event": "routed",
    }


def _outcome_entry(event: RecordedEvent) -> dict[str, Any]:
    order, intent = event.order, event.order.intent
    why, fill = order.fault, order.fill
    given, taken = intent.pair.token_in, intent.pair.token_out
    exact_in = intent.mode == "exact_in"
    raw_in = fill.amount_in if fill is not None else intent.amount if exact_in else None
    raw_out = fill.amount_out if fill is not None else None if exact_in else intent.amount
    setback = order.setbacks[-1].fault if order.setbacks else None
    return {
        "order_id": order.id,
        "status": order.status.value,
        "attempt": order.try_number,
        "code": None if why is None else why.code.value,
        "signature": None if order.attempt is None else order.attempt.signature,
        "token_in": given.symbol,
        "token_out": taken.symbol,
        "amount_in": None if raw_in is None else write_amount(raw_in, given.decimals),
        "amount_out": None if raw_out is None else write_amount(raw_out, taken.decimals),
        "reason": None if order.route is None else order.route.reason,
        "error": None if why is None else why.message,
        "setback": None if setback is None else setback.message,
        "event": event.entry.kind,
    }
