"""Describes the API as an OpenAPI 3.1 document, from the structs and fields it is made of."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cambist.server.openapi import markets, order_submission, orders, service, streams
from cambist.server.openapi.builder import Operation
from cambist.server.openapi.errors import examples, responses
from cambist.server.openapi.schemas import schemas
from cambist.values.version import VERSION

API_VERSION: Final = VERSION
Json = dict[str, Any]

_DESCRIPTION: Final = """\
It takes orders, asks the venues, sends the better swap and streams every step. It never loses an
order it accepted, and never executes one twice.

**Amounts** go out as strings in whole tokens, prices and percents as numbers. **Refusals** are
problem documents (RFC 9457): act on `code`, show `detail`.
[What each code means](docs/faults).

**Scopes.** `x-scope` of an operation is what a key must be allowed to do: `read`, `trade`,
`cancel` or `admin`; `public` asks for no key. An engine that listens on loopback only and trades
on paper runs without keys, and then asks nobody for one.
"""
_TAGS: Final = {
    "orders": "Place orders, read them, end them.",
    "quotes": "Ask what an order would do, and place none.",
    "streams": "Hear what becomes of orders, live, and from where the last connection broke.",
    "market": "What can be traded, and what trading brought.",
    "service": "What the service tells of itself.",
}
_KEYS: Final = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "cmb_…",
        "description": (
            "`Authorization: Bearer cmb_…`. A browser cannot send that header with a WebSocket: "
            "it trades the key for a ticket that is good once and for a short while, and offers "
            "the subprotocols `cambist.v1` and `ticket.<ticket>`."
        ),
    }
}


def document() -> bytes:
    """Return the document as JSON."""
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "cambist",
                "version": API_VERSION,
                "summary": "An order execution engine for Solana DEX trading.",
                "description": _DESCRIPTION,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/", "description": "This server."}],
            "tags": [{"name": name, "description": said} for name, said in _TAGS.items()],
            "paths": _paths(),
            "components": {
                "schemas": schemas(),
                "examples": examples(),
                "responses": responses(),
                "securitySchemes": _KEYS,
            },
        }
    )


def _paths() -> Json:
    one = "/api/orders/{orderId}"
    again = "the same under another path"
    operations: dict[str, dict[str, Operation]] = {
        "/api/orders/execute": {
            "post": order_submission.place("executeOrder", "Place an order"),
            "get": streams.execute_socket(),
        },
        "/api/orders": {
            "post": order_submission.place("placeOrder", f"Place an order: {again}"),
            "get": orders.list_all(),
        },
        "/api/orders/batch": {"post": order_submission.batch()},
        "/api/quotes": {"post": order_submission.quote()},
        one: {
            "get": orders.read(),
            "patch": orders.amend(),
            "delete": orders.cancel("deleteOrder", "Ask to cancel an order"),
        },
        f"{one}/cancel": {"post": orders.cancel("cancelOrder", f"Ask to cancel an order: {again}")},
        f"{one}/receipt": {"get": orders.receipt()},
        f"{one}/watch": {"get": orders.watch()},
        f"{one}/events": {"get": streams.journal()},
        f"{one}/status": {"get": streams.status_socket()},
        "/api/events": {"get": streams.all_events()},
        "/api/tokens": {"get": markets.tokens()},
        "/api/venues": {"get": markets.venues()},
        "/api/pools": {"get": markets.pools()},
        "/api/report": {"get": markets.report()},
        "/api/stream-tickets": {"post": streams.ticket()},
        "/ws": {"get": streams.ws_socket()},
        "/ws/orders": {"get": streams.latest_socket()},
        "/api/halt": {"post": service.halt()},
        "/api/resume": {"post": service.resume()},
        "/": {"get": service.info()},
        "/health": {"get": service.health()},
        "/health/ready": {"get": service.ready()},
        "/health/live": {"get": service.live()},
        "/metrics": {"get": service.metrics()},
        "/openapi.json": {"get": service.openapi()},
        "/docs": {"get": service.docs()},
        "/docs/ui/{name}": {"get": service.docs_part()},
        "/docs/faults": {"get": service.faults()},
    }
    return {
        path: {method: one.written() for method, one in methods.items()}
        for path, methods in operations.items()
    }
