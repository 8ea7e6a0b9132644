"""Publishes durable events: to subscribers, then to the log and the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from cambist import metrics
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
        for event in recorded:
            kind = event.entry.kind
            if isinstance(event.event, events.Routed):
                _log_route(event, event.event)
            elif kind in _ENDS:
                metrics.count_end(event)
                _log_outcome(event)
            elif kind == "retry_scheduled":
                _log_outcome(event)
            elif isinstance(event.event, events.RolledBack):
                log.error("rolled_back", order_id=event.order.id)


def _log_route(event: RecordedEvent, routed: events.Routed) -> None:
    """Log the routing decision as one entry: all quotes, the chosen one, and the reason."""
    route, pair = routed.route, event.order.intent.pair
    exact_in = route.mode == "exact_in"
    decimals = pair.token_out.decimals if exact_in else pair.token_in.decimals
    log.info(
        "routed",
        order_id=event.order.id,
        chosen=route.legs[0].venue,
        reason=route.reason,
        quotes={
            f"{quote.venue} {quote.program}".rstrip(): write_amount(
                quote.amount_out if exact_in else quote.amount_in, decimals
            )
            for quote in route.quotes
        },
        absent=[f"{failure.venue} {failure.program}".strip() for failure in route.absent],
        attempt=event.order.try_number,
    )


def _log_outcome(event: RecordedEvent) -> None:
    order, intent = event.order, event.order.intent
    why, fill = order.fault, order.fill
    given, taken = intent.pair.token_in, intent.pair.token_out
    exact_in = intent.mode == "exact_in"
    raw_in = fill.amount_in if fill is not None else intent.amount if exact_in else None
    raw_out = fill.amount_out if fill is not None else None if exact_in else intent.amount
    setback = order.setbacks[-1].fault if order.setbacks else None
    log.info(
        event.entry.kind,
        order_id=order.id,
        status=order.status.value,
        attempt=order.try_number,
        code=None if why is None else why.code.value,
        signature=None if order.attempt is None else order.attempt.signature,
        token_in=given.symbol,
        token_out=taken.symbol,
        amount_in=None if raw_in is None else write_amount(raw_in, given.decimals),
        amount_out=None if raw_out is None else write_amount(raw_out, taken.decimals),
        reason=None if order.route is None else order.route.reason,
        error=None if why is None else why.message,
        setback=None if setback is None else setback.message,
    )
