"""Hold the document to its form: valid, whole, and described to the last property."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, WebSocketRoute

from cambist.faults import CATALOGUE, Code, Origin, RequestRejected
from cambist.ports.api_keys import Permission
from cambist.server.openapi.builder import PUBLIC, RECORDED
from cambist.server.openapi.descriptions import PROPERTIES, SPECIAL
from cambist.server.openapi.request_bodies import VARIANTS
from cambist.wire.order_fields import FIELDS
from tests.server.app_harness import in_process
from tests.server.openapi.document import DOCUMENT, codes, examples, operations

SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def test_the_document_is_valid_openapi() -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(DOCUMENT)


def test_every_example_holds_to_its_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    checked = 0
    for shown in examples():
        whole = {**shown.schema, "components": DOCUMENT["components"]}
        checker = jsonschema.Draft202012Validator(
            whole, format_checker=jsonschema.FormatChecker(("uuid", "regex"))
        )
        faults = [fault.message for fault in checker.iter_errors(shown.value)]
        assert faults == [], shown.where
        checked += 1
    assert checked > 100


def test_the_schema_refuses_what_no_order_has() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    chosen = {**SCHEMAS["OrderRequest"], "components": {"schemas": SCHEMAS}}
    checker = jsonschema.Draft202012Validator(chosen)
    assert not checker.is_valid({"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1, "x": 1})
    assert not checker.is_valid({"tokenIn": "SOL", "tokenOut": "USDC", "amount": 0})
    assert not checker.is_valid({"tokenIn": "SOL", "amount": 1})


def test_every_field_an_order_may_have_is_described() -> None:
    for name in VARIANTS:
        assert set(SCHEMAS[name]["properties"]) == set(FIELDS)
        assert SCHEMAS[name]["type"] == "object"
    chosen = [one["$ref"].rpartition("/")[2] for one in SCHEMAS["OrderRequest"]["anyOf"]]
    assert chosen == list(VARIANTS)


def test_the_events_of_every_stream_have_a_schema() -> None:
    streams = [
        content["text/event-stream"]
        for operation in operations()
        for told in operation.told["responses"].values()
        if "text/event-stream" in (content := told.get("content", {}))
    ]
    assert len(streams) == 4
    for told in streams:
        name = told["x-event-schema"]["$ref"].rpartition("/")[2]
        event = SCHEMAS[name]["properties"]["data"]
        assert event["contentMediaType"] == "application/json"
        assert {"$ref": "#/components/schemas/Message"} in event["contentSchema"]["anyOf"]


def test_a_path_of_sockets_says_so_and_what_a_plain_request_gets() -> None:
    sockets = [operation for operation in operations() if "x-websocket" in operation.told]
    assert len(sockets) == 4
    for socket in sockets:
        assert socket.method == "get"
        assert {"101", "400", "426"} <= socket.told["responses"].keys()
        assert {"Upgrade", "Allow"} <= socket.told["responses"]["426"]["headers"].keys()


def test_no_property_is_without_a_description() -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in SCHEMAS.items()
        for field, told in schema.get("properties", {}).items()
        if not told.get("description")
    ]
    assert silent == []


def test_nothing_is_described_that_is_not_there() -> None:
    there = {
        (name, field) for name, schema in SCHEMAS.items() for field in schema.get("properties", {})
    }
    assert PROPERTIES.keys() - {field for _, field in there} == set()
    assert SPECIAL.keys() - there == set()


def test_every_operation_says_what_it_does_and_what_a_key_must_be_allowed() -> None:
    names = [one.name for one in operations()]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for operation in operations():
        assert operation.told["summary"], operation.name
        assert operation.told["description"], operation.name
        assert set(operation.told["tags"]) <= tags, operation.name
        scope = operation.told["x-scope"]
        assert scope == PUBLIC or scope in set(Permission)
        assert operation.told["security"] == ([] if scope == PUBLIC else [{"key": [scope]}, {}])
        for parameter in operation.told.get("parameters", ()):
            assert parameter["description"], operation.name


def test_what_asks_for_no_key_tells_nothing_of_anybody() -> None:
    for operation in operations():
        about_all = operation.path == "/" or operation.path.startswith(
            ("/health", "/openapi", "/docs")
        )
        assert (operation.told["x-scope"] == PUBLIC) == about_all, operation.path


def test_every_refusal_of_a_request_stands_somewhere() -> None:
    told = {code for operation in operations() for of in codes(operation).values() for code in of}
    at_once = {code for code in Code if CATALOGUE[code].blame is Origin.USER}
    # What is described takes its method, and no wallet is asked before an order is stored.
    assert at_once - told - {Code.INSUFFICIENT_FUNDS, Code.METHOD_NOT_ALLOWED} == set()


def test_a_code_stands_under_its_own_status() -> None:
    for operation in operations():
        for status, found in codes(operation).items():
            assert {str(CATALOGUE[Code(code)].status) for code in found} <= {status}, operation.name


async def test_every_route_is_described_with_its_scope_and_nothing_else(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        served = set(_served(rooms.app.routes))
    described = {
        (
            "socket" if "x-websocket" in operation.told else operation.method,
            _bare(operation.path),
            operation.told["x-scope"],
        )
        for operation in operations()
    }
    assert described == served


def _served(routes: list[BaseRoute]) -> Iterator[tuple[str, str, str]]:
    for route in routes:
        path = _bare(route.path)
        if isinstance(route, WebSocketRoute):
            with suppress(
                RequestRejected
            ):  # a path that takes only a POST with an upgrade is told there
                yield "socket", path, _right(route, b"orderId=x")
        else:
            for method, endpoint in route.app._endpoints.items():
                if method != "HEAD":
                    yield method.lower(), path, endpoint.permission or PUBLIC


def _right(route: WebSocketRoute, query: bytes) -> str:
    """Return what a key must be allowed to do to open a socket with this query."""
    return route.app._select({"extensions": {}, "query_string": query}).permission


async def test_a_socket_says_what_it_takes_without_an_order(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        sockets = {
            _bare(route.path): route
            for route in rooms.app.routes
            if isinstance(route, WebSocketRoute)
        }
    for operation in operations():
        if "x-websocket" in operation.told:
            told = operation.told["x-websocket"]["scopeWithoutOrderId"]
            assert told == _right(sockets[_bare(operation.path)], b""), operation.path


def _bare(path: str) -> str:
    """Take the names out of a path's parameters."""
    return "/".join("{}" if step.startswith("{") else step for step in path.split("/"))


def test_the_service_names_every_operation() -> None:
    named = {name.partition("?")[0] for name in RECORDED["service"]["endpoints"]}
    for operation in operations():
        method = "WebSocket" if "x-websocket" in operation.told else operation.method.upper()
        assert operation.path == "/" or f"{method} {operation.path}" in named, operation.path


async def test_a_recorded_answer_has_the_shape_of_a_real_one(tmp_path: Path) -> None:
    body = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}
    async with in_process(tmp_path) as rooms:
        real = {
            "accepted": (await rooms.client.post("/api/orders", json=body)).json(),
            "healthy": (await rooms.client.get("/health")).json(),
            "alive": (await rooms.client.get("/health/live")).json(),
            "ticket": (await rooms.client.post("/api/stream-tickets")).json(),
            "service": (await rooms.client.get("/")).json(),
        }
    for name, answer in real.items():
        assert list(answer) == list(RECORDED[name]), name
    told = next(operation.told for operation in operations() if operation.name == "readService")
    shown = told["responses"]["200"]["content"]["application/json"]["examples"]["service"]
    assert real["service"] == shown["value"]


def test_the_document_is_the_same_each_time() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT
