"""Stop trading over HTTP: nothing begins, what has begun ends, and everyone is told why."""

from pathlib import Path
from typing import Any

import pytest

from tests.server.app_harness import ORDER, in_process, until_closed

WHY = {"reason": "the market is on fire"}


async def test_a_halt_refuses_orders_and_says_why(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        keyed = {**ORDER, "clientOrderId": "before"}
        before = await client.post("/api/orders", json=keyed)
        halted = (await client.post("/api/halt", json=WHY)).json()
        assert (halted["halted"], halted["halt"]["reason"]) == (True, WHY["reason"])
        for path, body in ("/api/orders", ORDER), ("/api/orders/batch", {"orders": [ORDER]}):
            refused = await client.post(path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (503, "halted")
            assert WHY["reason"] in refused.json()["detail"]
            assert refused.headers["retry-after"]
        again = await client.post("/api/orders", json=keyed)
        assert (again.status_code, again.content) == (200, before.content)
        health = await client.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert health.json()["halt"]["reason"] == WHY["reason"]
        assert (await client.get("/health/ready?trading=1")).status_code == 503
        assert (await client.post("/api/quotes", json=ORDER)).status_code == 200
        resumed = await client.post("/api/resume", json={"reason": "it is out"})
        assert resumed.json() == {"halted": False}
        assert (await client.get("/health/ready")).status_code == 200
        taken = await client.post("/api/orders", json=ORDER)
        assert (await until_closed(client, taken.json()["orderId"]))["status"] == "confirmed"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_field"),
        ({"reason": ""}, "invalid_value"),
        ({"reason": "  "}, "invalid_value"),
        ({"reason": "x" * 201}, "invalid_value"),
        ({"reason": 5}, "wrong_type"),
        ({"reason": "why", "who": "me"}, "unknown_field"),
        ([], "not_an_object"),
    ],
)
async def test_a_halt_needs_a_reason(tmp_path: Path, body: Any, code: str) -> None:
    async with in_process(tmp_path) as (_, _, client):
        answer = await client.post("/api/halt", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert (await client.get("/health")).json()["status"] == "ok"
