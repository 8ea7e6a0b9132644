"""Draws the schemas of bodies and answers from the structs they are written with."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cambist.faults import CATALOGUE
from cambist.server.auth.tickets import Ticket
from cambist.server.handlers.service import Alive, ServiceInfo
from cambist.server.openapi.descriptions import INSTANTS, PROPERTIES, SPECIAL
from cambist.server.openapi.request_bodies import amend_schema, order_schemas
from cambist.wire.amend_request import AmendReply
from cambist.wire.batch import BATCH_ORDERS_MAX, BatchReply
from cambist.wire.event_messages import Message, NestedMessage, Notice
from cambist.wire.halts import REASON_LETTERS_MAX, TradingView
from cambist.wire.health import HealthView
from cambist.wire.markets import PoolList, TokenList, VenueList
from cambist.wire.order_responses import Acceptance, CancelReply, EventList, OrderList, OrderView
from cambist.wire.problems import Failure, Problem
from cambist.wire.quotes import QuoteReply
from cambist.wire.receipts import Receipt
from cambist.wire.reports import Report
from cambist.wire.watch import WatchReply

Json = dict[str, Any]

ANSWERS: Final = (
    Acceptance, BatchReply, QuoteReply, OrderView, OrderList, EventList, Message, NestedMessage,
    Notice, Receipt, TokenList, VenueList, PoolList, Report, CancelReply, HealthView, Alive,
    ServiceInfo, Problem, Failure, Ticket, TradingView, WatchReply, AmendReply,
)  # fmt: skip


def schemas() -> Json:
    """Return every schema by its name."""
    _, drawn = msgspec.json.schema_components(ANSWERS, ref_template="#/components/schemas/{name}")
    drawn["EventList"]["properties"]["events"]["items"] = _ref("Message")
    drawn["ResultView"]["properties"]["body"] = {"anyOf": [_ref("Acceptance"), _ref("Problem")]}
    for name in "Problem", "Failure":
        drawn[name]["properties"]["code"] = {"enum": sorted(CATALOGUE)}
    for name, schema in drawn.items():
        schema["description"] = " ".join(schema.get("description", "").split())
        for field, prop in schema.get("properties", {}).items():
            _describe(prop, name, field)
    drawn |= order_schemas()
    drawn["ServerSentEvent"] = _event_schema()
    drawn["BatchRequest"] = _batch_schema()
    drawn["AmendRequest"] = amend_schema()
    drawn["ReasonBody"] = _reason_schema()
    return drawn


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _event_schema() -> Json:
    """Return the schema of one server-sent event, field by field (HTML, 9.2)."""
    message = {"anyOf": [_ref(name) for name in ("Message", "Acceptance", "Notice")]}
    return {
        "type": "object",
        "description": "One event of a stream. A comment (`: beat`) is none.",
        "properties": {
            "id": {
                "type": "string",
                "description": "Where to go on after a cut; a notice and an acceptance have none.",
            },
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": message,
                "description": "A message, as one line of JSON.",
            },
        },
        "required": ["data"],
    }


def _reason_schema() -> Json:
    reason = {
        "type": "string",
        "minLength": 1,
        "maxLength": REASON_LETTERS_MAX,
        "pattern": r"^[ -~]*[!-~][ -~]*$",
        "description": "Why, for those who ask later.",
    }
    return {
        "type": "object",
        "description": "Why trading is to stop, or to go on.",
        "properties": {"reason": reason},
        "required": ["reason"],
        "additionalProperties": False,
    }


def _batch_schema() -> Json:
    orders = {
        "type": "array",
        "minItems": 1,
        "maxItems": BATCH_ORDERS_MAX,
        "items": {
            "anyOf": [
                _ref("OrderRequest"),
                {"description": "What is no order is refused in its place, and nothing else is."},
            ]
        },
        "description": "The orders; each is answered in its place.",
    }
    return {
        "type": "object",
        "description": "Many orders, each with a `clientOrderId` of its own, if any.",
        "properties": {"orders": orders},
        "required": ["orders"],
        "additionalProperties": False,
    }


def _describe(prop: Json, schema: str, field: str) -> None:
    said = SPECIAL.get((schema, field)) or PROPERTIES.get(field)
    if said is not None:
        prop["description"] = said
    if field in INSTANTS:
        for form in (prop, *prop.get("anyOf", ())):
            if form.get("type") == "string":
                form["format"] = "date-time"
    if prop.get("default", 0) is None:
        del prop["default"]  # what is not known is left out, never null
