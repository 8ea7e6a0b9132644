"""Hold that what somebody may do to a token's holders reaches whoever has an order on it."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from cambist.cli.order_summary import summary_rows
from cambist.client.models import Event, Order
from cambist.orders import events
from cambist.orders.journal import RecordedEvent, append, start_journal
from cambist.values import json_codec
from cambist.values.route import Route
from cambist.wire.event_messages import message
from cambist.wire.order_responses import write_order
from cambist.wire.receipts import write_receipt
from tests.wire.orders import AT, BODY, ORDER_ID, intent_of, route

DELEGATE = "TAKEN: its permanent delegate may take it from any account."
PAUSE = "TAKEN: its issuer may pause it."


def _routed(route: Route) -> tuple[RecordedEvent, ...]:
    told = start_journal(ORDER_ID, events.Accepted(intent_of(BODY)), AT)
    return (told, *append(told.order, (events.Started(), events.Routed(route)), AT))


def _with_legs() -> Route:
    plain = route(intent_of(BODY))
    legs = tuple(
        replace(plain.legs[0], path=n, warnings=warnings)
        for n, warnings in enumerate(((DELEGATE,), (PAUSE, DELEGATE)))
    )
    return replace(plain, legs=legs)


def _stored_before() -> Route:
    """Return a route as it was stored when only quotes had warnings."""
    plain = route(intent_of(BODY))
    quotes = tuple(replace(quote, warnings=(DELEGATE, PAUSE)) for quote in plain.quotes)
    stored = json_codec.encode(replace(plain, quotes=quotes))
    assert b'"warnings"' not in stored.partition(b'"quotes"')[0]  # legs without take no room
    return json_codec.decoder(Route).decode(stored)


@pytest.mark.parametrize("made", [_with_legs, _stored_before])
def test_the_warnings_of_a_routes_pools_are_told_once_each_wherever_the_order_is(
    made: type[Route],
) -> None:
    told = _routed(made())
    before, after = (
        msgspec.json.decode(message(event), type=Event, strict=False) for event in told[-2:]
    )
    assert (before.warnings, after.warnings) == ((), (DELEGATE, PAUSE))
    body = write_order(told[-1].order)
    assert msgspec.json.decode(body)["warnings"] == [DELEGATE, PAUSE]
    receipt = msgspec.json.decode(write_receipt(told[-1].order, told))
    assert receipt["decisions"][0]["warnings"] == [DELEGATE, PAUSE]
    shown = summary_rows(msgspec.json.decode(body, type=Order, strict=False))
    assert [value for name, value in shown if name == "note"] == [DELEGATE, PAUSE]


def test_an_order_without_warnings_has_no_such_field() -> None:
    told = _routed(route(intent_of(BODY)))
    assert b"warnings" not in message(told[-1]) + write_order(told[-1].order)
    assert b"warnings" not in write_receipt(told[-1].order, told)
