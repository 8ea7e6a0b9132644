"""Prove that the example of a refusal is the refusal, byte for byte, by provoking it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cambist.faults import Code
from cambist.server.openapi.errors import examples
from tests.server.app_harness import DEFAULTS, in_process
from tests.server.openapi.document import codes, operations, resolved

PAIR = {"tokenIn": "SOL", "tokenOut": "USDC"}
ONE = {**PAIR, "amountIn": "1"}
JSON = {"content-type": "application/json"}
ORDERS: dict[Code, Any] = {
    Code.MALFORMED_JSON: b'{"tokenIn":',
    Code.NOT_AN_OBJECT: b"[]",
    Code.TOO_DEEP: b'{"tokenIn":' + b"[" * 20 + b"]" * 20 + b"}",
    Code.DUPLICATE_FIELD: b'{"tokenIn":"SOL","tokenIn":"SOL","tokenOut":"USDC","amountIn":"1"}',
    Code.MISSING_FIELD: {"tokenIn": "SOL", "amountIn": "1"},
    Code.UNKNOWN_FIELD: {**ONE, "slipage": 1},
    Code.WRONG_TYPE: {**ONE, "tokenIn": 7},
    Code.INVALID_VALUE: {"symbol": "SOL", "side": "hold", "quantity": 1},
    Code.INVALID_AMOUNT: {**PAIR, "amountIn": "ten"},
    Code.NOT_POSITIVE: {**PAIR, "amountIn": 0},
    Code.INVALID_ADDRESS: {**ONE, "walletAddress": "me"},
    Code.INVALID_TOKEN: {**ONE, "tokenIn": "S O L"},
    Code.INVALID_SLIPPAGE: {**ONE, "slippage": 101},
    Code.CONFLICTING_FIELDS: {**ONE, "slippage": 1, "slippageBps": 50},
    Code.SAME_TOKEN: {**ONE, "tokenOut": "SOL"},
    Code.TOO_MANY_DIGITS: {**PAIR, "amountIn": "0.0000000001"},
    Code.AMOUNT_OUT_OF_RANGE: {**PAIR, "amountInRaw": "18446744073709551616"},
    Code.SLIPPAGE_OVER_CAP: {**ONE, "slippageBps": 6_000},
    Code.DEADLINE_PASSED: {**ONE, "expiresAt": "2020-01-01T00:00:00Z"},
    Code.NOT_YET_SUPPORTED: {**ONE, "type": "trailing_stop"},
}
ELSEWHERE: dict[Code, tuple[str, str, dict[str, str]]] = {
    Code.BAD_REQUEST: ("GET", "/health/live", {"host": ""}),
    Code.HOST_NOT_ALLOWED: ("GET", "/health/live", {"host": "evil.example"}),
    Code.ORIGIN_NOT_ALLOWED: ("GET", "/health/live", {"origin": "https://evil.example"}),
    Code.NOT_FOUND: ("GET", "/api/nothing", {}),
    Code.ORDER_NOT_FOUND: ("GET", "/api/orders/no-such-order", {}),
    Code.METHOD_NOT_ALLOWED: ("PUT", "/api/orders", {}),
    Code.UNSUPPORTED_MEDIA_TYPE: ("POST", "/api/orders", {"content-type": "text/plain"}),
    Code.INVALID_KEY: ("POST", "/api/orders", {**JSON, "idempotency-key": " "}),
    Code.INVALID_QUERY: ("GET", "/api/orders?limit=many", {}),
}
BATCHES: dict[Code, tuple[Any, dict[str, str]]] = {
    Code.MISSING_FIELD: ({}, {}),
    Code.WRONG_TYPE: ({"orders": {}}, {}),
    Code.INVALID_VALUE: ({"orders": []}, {}),
    Code.UNKNOWN_FIELD: ({"orders": [ONE], "order": ONE}, {}),
    Code.DUPLICATE_FIELD: (b'{"orders":[],"orders":[{}]}', {}),
    Code.INVALID_KEY: ({"orders": [ONE]}, {"idempotency-key": "a"}),
}
HOST_TOLD = {Code.BAD_REQUEST}  # says which header is missing, beside what the edge says


def shown(code: Code) -> Any:
    return examples()[code]["value"]


def told(name: str, status: int) -> dict[str, Any]:
    """Return the refusals an operation shows for a status, by code."""
    one = next(operation for operation in operations() if operation.name == name)
    content = resolved(one.told["responses"][str(status)])["content"]["application/problem+json"]
    return {code: resolved(part)["value"] for code, part in content["examples"].items()}


@pytest.mark.parametrize("code", ORDERS)
async def test_the_example_is_what_a_bad_order_gets(code: Code, tmp_path: Path) -> None:
    body = ORDERS[code]
    async with in_process(tmp_path) as rooms:
        content = body if isinstance(body, bytes) else json.dumps(body)
        answer = await rooms.client.post("/api/orders", content=content, headers=JSON)
    assert answer.json() == shown(code)


@pytest.mark.parametrize("code", ELSEWHERE)
async def test_the_example_is_what_another_bad_request_gets(code: Code, tmp_path: Path) -> None:
    method, path, headers = ELSEWHERE[code]
    async with in_process(tmp_path) as rooms:
        content = json.dumps(ONE) if method == "POST" else None
        answer = await rooms.client.request(method, path, headers=headers, content=content)
    real = answer.json()
    if code in HOST_TOLD:
        assert (real["code"], real["status"]) == (code, shown(code)["status"])
    else:
        assert real == shown(code)


@pytest.mark.parametrize("code", BATCHES)
async def test_the_example_is_what_a_bad_batch_gets(code: Code, tmp_path: Path) -> None:
    body, headers = BATCHES[code]
    content = body if isinstance(body, bytes) else json.dumps(body)
    async with in_process(tmp_path) as rooms:
        answer = await rooms.client.post(
            "/api/orders/batch", content=content, headers={**JSON, **headers}
        )
    assert answer.json() == told("placeBatch", answer.status_code)[code]


async def test_the_example_is_what_a_change_of_a_market_order_gets(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        order_id = (await rooms.client.post("/api/orders", json=ONE)).json()["orderId"]
        answer = await rooms.client.patch(f"/api/orders/{order_id}", json={"slippageBps": 1})
    assert answer.json() == told("amendOrder", 422)[Code.NOT_YET_SUPPORTED]


@pytest.mark.parametrize(
    ("name", "query", "code"),
    [
        ("listPools", "pools?tokenOut=USDC", Code.INVALID_QUERY),
        ("listPools", "pools?tokenIn=SOL&tokenOut=SOL", Code.SAME_TOKEN),
        ("readReport", "report?since=yesterday", Code.INVALID_QUERY),
    ],
)
async def test_the_example_is_what_a_bad_question_gets(
    name: str, query: str, code: Code, tmp_path: Path
) -> None:
    async with in_process(tmp_path) as rooms:
        answer = await rooms.client.get(f"/api/{query}")
    assert answer.json() == told(name, answer.status_code)[code]


async def test_the_example_is_what_an_unknown_cursor_gets(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        answer = await rooms.client.get("/api/events?cursor=x")
    assert answer.json() == told("streamAllEvents", 400)[Code.INVALID_QUERY]


async def test_the_example_is_what_a_used_key_gets(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        await rooms.client.post("/api/orders", json={**ONE, "clientOrderId": "a"})
        answer = await rooms.client.post("/api/orders", json={**PAIR, "amount": 2, **_key("a")})
    assert _masked(answer.json()) == _masked(shown(Code.KEY_REUSED))


async def test_the_example_is_what_a_busy_or_stopping_engine_says(tmp_path: Path) -> None:
    async with in_process(tmp_path, replace(DEFAULTS, requests_max=0)) as rooms:
        answer = await rooms.client.get("/api/tokens")
        assert answer.headers["retry-after"] == "1"
        assert answer.json() == shown(Code.TOO_BUSY)
    async with in_process(tmp_path) as rooms:
        order_id = (await rooms.client.post("/api/orders", json=ONE)).json()["orderId"]
        rooms.app.drain()
        accept = {"accept": "text/event-stream"}
        answer = await rooms.client.get(f"/api/orders/{order_id}/events", headers=accept)
        assert answer.json() == shown(Code.SHUTTING_DOWN)


async def test_a_stream_that_begins_nowhere_is_refused_as_described(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        order_id = (await rooms.client.post("/api/orders", json=ONE)).json()["orderId"]
        answer = await rooms.client.get(f"/api/orders/{order_id}/events?fromSeq=x")
    assert answer.json() == told("readEvents", 400)[Code.INVALID_QUERY]


def test_what_a_bad_order_gets_is_described_where_orders_are_placed() -> None:
    placing = [
        operation for operation in operations() if operation.name in ("placeOrder", "executeOrder")
    ]
    for one in placing:
        assert {code for of in codes(one).values() for code in of} >= set(ORDERS), one.name


def _key(key: str) -> dict[str, str]:
    return {"clientOrderId": key}


def _masked(told: Any) -> Any:
    return json.loads(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", json.dumps(told)))
