"""Describes the API as an OpenAPI 3.1 document, from the structs and fields it is made of."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cambist.faults import CATALOGUE
from cambist.orders.order import Status
from cambist.server.about import Alive, ServiceInfo
from cambist.server.queries import LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX, SEQ_MAX
from cambist.server.request_schema import order_schema
from cambist.wire.messages import Message
from cambist.wire.problems import Problem
from cambist.wire.replies import (
    Acceptance,
    CancelReply,
    EventList,
    HealthView,
    OrderList,
    OrderView,
)

API_VERSION: Final = "0.1.0"
_ANSWERS: Final = (
    Acceptance, OrderView, OrderList, EventList, Message, CancelReply, HealthView, Alive,
    ServiceInfo, Problem,
)  # fmt: skip
_JSON: Final = "application/json"
_SENTENCES: Final = {
    400: "The request is malformed; `code` and `field` say where.",
    403: "The Host or Origin header is not one this server serves.",
    404: "There is no such order, or it is not the caller's.",
    405: "The path does not take this method.",
    408: "The request came too slowly.",
    409: "Too late: the order has reached another end.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "The request is well-formed, and cannot be done.",
    429: "Too many connections from this address.",
    431: "The request's head is too large.",
    503: "Not at the moment; try again after `Retry-After` seconds.",
}
_ALWAYS: Final = (400, 403, 408, 431, 429, 503)

Json = dict[str, Any]


def document() -> bytes:
    """Return the document as JSON."""
    _, schemas = msgspec.json.schema_components(
        _ANSWERS, ref_template="#/components/schemas/{name}"
    )
    schemas["OrderRequest"] = order_schema()
    schemas["EventList"]["properties"]["events"]["items"] = _ref("Message")
    schemas["Problem"]["properties"]["code"] = {"enum": sorted(CATALOGUE)}
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "cambist",
                "version": API_VERSION,
                "summary": "An order execution engine for Solana DEX trading.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
            "paths": _paths(),
            "components": {"schemas": schemas},
        }
    )


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(name: str, kind: str = _JSON) -> Json:
    return {kind: {"schema": _ref(name)}}


def _answer(description: str, name: str, **more: Any) -> Json:
    return {"description": description, "content": _content(name), **more}


def _problems(*statuses: int) -> Json:
    """Return the refusals of an operation, those of every operation included."""
    content = _content("Problem", "application/problem+json")
    return {
        str(status): {"description": _SENTENCES[status], "content": content}
        for status in sorted({*_ALWAYS, *statuses})
    }


def _query(name: str, schema: Json, description: str, **more: Any) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description, **more}


_ORDER_ID: Final[Json] = {
    "name": "orderId",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
_FROM_SEQ: Final = _query(
    "fromSeq",
    {"type": "integer", "minimum": 0, "maximum": SEQ_MAX},
    "Begin after this `seq`; 0 is the beginning.",
)


def _place(operation: str) -> Json:
    location = {"Location": {"schema": {"type": "string"}, "description": "The order."}}
    replayed = {"Idempotency-Replayed": {"schema": {"const": "true"}}}
    return {
        "operationId": operation,
        "tags": ["orders"],
        "summary": "Place an order",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
                "description": "The same key with the same order is answered with the same bytes.",
            }
        ],
        "requestBody": {"required": True, "content": _content("OrderRequest")},
        "responses": {
            "200": _answer(
                "Taken before, under the same key.", "Acceptance", headers={**location, **replayed}
            ),
            "202": _answer(
                "Taken: it is stored, and will be executed.", "Acceptance", headers=location
            ),
            **_problems(413, 415, 422),
        },
    }


def _cancel(operation: str) -> Json:
    return {
        "operationId": operation,
        "tags": ["orders"],
        "summary": "Ask to cancel an order",
        "parameters": [_ORDER_ID],
        "responses": {
            "200": _answer("The order is cancelled.", "CancelReply"),
            "202": _answer("A transaction is in flight: it decides.", "CancelReply"),
            **_problems(404),
            "409": _answer(_SENTENCES[409], "CancelReply"),
        },
    }


def _get(operation: str, tag: str, summary: str, name: str, **more: Any) -> Json:
    statuses = more.pop("statuses", ())
    return {
        "operationId": operation,
        "tags": [tag],
        "summary": summary,
        **more,
        "responses": {"200": _answer("The answer.", name), **_problems(*statuses)},
    }


def _list() -> Json:
    text = {"type": "string"}
    parameters = [
        _query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX},
            f"Rows; {LIMIT_DEFAULT} by default.",
        ),
        _query(
            "offset", {"type": "integer", "minimum": 0, "maximum": OFFSET_MAX}, "Rows to pass over."
        ),
        _query("cursor", {**text, "format": "uuid"}, "The `nextCursor` of an earlier answer."),
        _query(
            "status",
            {"type": "array", "items": {"enum": list(Status)}},
            "Only these.",
            explode=True,
        ),
        _query("wallet", text, "Only orders of this wallet."),
        _query("token", text, "Only orders that give or take this symbol or mint."),
        _query("since", {**text, "format": "date-time"}, "Only orders made at or after this."),
    ]
    return _get(
        "listOrders",
        "orders",
        "List orders, newest first, with counts of all",
        "OrderList",
        parameters=parameters,
    )


def _events() -> Json:
    last_event_id = {
        "name": "Last-Event-ID",
        "in": "header",
        "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
        "description": "As `fromSeq`.",
    }
    operation = _get(
        "readEvents",
        "streams",
        "Read an order's journal, or stream it",
        "EventList",
        statuses=(404,),
        parameters=[_ORDER_ID, _FROM_SEQ, last_event_id],
    )
    stream = {
        "schema": {
            "type": "string",
            "description": "Events whose data is a Message and whose id is its `seq`.",
        }
    }
    operation["responses"]["200"]["content"]["text/event-stream"] = stream
    return operation


def _health(operation: str, summary: str) -> Json:
    answer = _get(operation, "service", summary, "HealthView")
    answer["responses"]["503"]["content"] |= _content("HealthView")
    return answer


def _metrics() -> Json:
    operation = _get("readMetrics", "service", "Read the counters (Prometheus)", "HealthView")
    operation["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return operation


def _faults() -> Json:
    operation = _get("readFaults", "service", "Read what each fault means", "HealthView")
    operation["responses"]["200"]["content"] = {"text/html": {"schema": {"type": "string"}}}
    return operation


def _openapi() -> Json:
    operation = _get("readOpenapi", "service", "Read this document", "HealthView")
    operation["responses"]["200"]["content"] = {_JSON: {"schema": {"type": "object"}}}
    return operation


def _paths() -> Json:
    one = "/api/orders/{orderId}"
    read = _get(
        "readOrder", "orders", "Read an order", "OrderView", statuses=(404,), parameters=[_ORDER_ID]
    )
    return {
        "/api/orders/execute": {"post": _place("executeOrder")},
        "/api/orders": {"post": _place("placeOrder"), "get": _list()},
        one: {"get": read, "delete": _cancel("deleteOrder")},
        f"{one}/events": {"get": _events()},
        f"{one}/cancel": {"post": _cancel("cancelOrder")},
        "/health": {"get": _health("readHealth", "Say which parts answer")},
        "/health/ready": {"get": _health("readReadiness", "Say whether to send requests here")},
        "/health/live": {
            "get": _get("readLiveness", "service", "Say that the process answers", "Alive")
        },
        "/metrics": {"get": _metrics()},
        "/openapi.json": {"get": _openapi()},
        "/docs/faults": {"get": _faults()},
        "/": {"get": _get("readService", "service", "Say what this service is", "ServiceInfo")},
    }
