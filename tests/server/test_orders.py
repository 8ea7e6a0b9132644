"""Hold the HTTP API to the contract: placing, reading, listing and cancelling orders."""

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from cambist.faults import Code, RequestRejected, fault
from cambist.ports.errors import PortUnavailable
from cambist.values.time_units import Timestamp
from tests.server.app_harness import DEFAULTS, ORDER, in_process, on_a_port, until_closed

MISSING = "01890000-0000-7000-8000-000000000000"


async def test_an_order_is_accepted_and_can_be_read(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        taken = await rooms.client.post("/api/orders/execute", json=ORDER)
        assert taken.status_code == 202
        order_id = taken.json()["orderId"]
        assert taken.headers["location"] == f"/api/orders/{order_id}"
        seen = await until_closed(rooms.client, order_id)
        assert (seen["status"], seen["isFinal"]) == ("confirmed", True)


async def test_both_paths_take_the_same_order(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        for path in ("/api/orders", "/api/orders/execute"):
            assert (await rooms.client.post(path, json=ORDER)).status_code == 202


async def test_the_same_key_is_answered_with_the_same_bytes(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        key = {"Idempotency-Key": "again and again"}
        first = await rooms.client.post("/api/orders", json=ORDER, headers=key)
        body = {"tokenIn": "sol", "tokenOut": "USDC", "amountIn": "1.0"}
        second = await rooms.client.post("/api/orders", json=body, headers=key)
        assert (first.status_code, second.status_code) == (202, 200)
        assert first.content == second.content
        assert second.headers["idempotency-replayed"] == "true"
        total = (await rooms.client.get("/api/orders")).json()["total"]
        assert total == 1


async def test_one_key_is_one_order_even_when_asked_at_once(tmp_path: Path) -> None:
    body = {**ORDER, "clientOrderId": "mine"}
    async with in_process(tmp_path) as rooms:
        async with asyncio.TaskGroup() as tasks:
            asked = [
                tasks.create_task(rooms.client.post("/api/orders", json=body)) for _ in range(20)
            ]
        answers = [task.result() for task in asked]
        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202]
        assert len({one.content for one in answers}) == 1


async def test_a_repeat_keeps_its_answer_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**ORDER, "expiresAt": "2090-01-01T00:00:00Z", "clientOrderId": "mine"}
    async with in_process(tmp_path) as rooms:
        first = await rooms.client.post("/api/orders", json=body)
        monkeypatch.setattr(rooms.engine.clock, "now", lambda: Timestamp(4_000_000_000_000))
        again = await rooms.client.post("/api/orders", json=body)
        assert (again.status_code, again.content) == (200, first.content)
        keyless = {name: value for name, value in body.items() if name != "clientOrderId"}
        for late in ({**body, "clientOrderId": "new"}, keyless):
            refused = await rooms.client.post("/api/orders", json=late)
            assert (refused.status_code, refused.json()["code"]) == (422, "deadline_passed")


async def test_a_key_is_not_for_another_order(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        await rooms.client.post("/api/orders", json={**ORDER, "clientOrderId": "mine"})
        other = {**ORDER, "amount": 2, "clientOrderId": "mine"}
        refused = await rooms.client.post("/api/orders", json=other)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


async def test_header_and_client_order_id_are_one_key(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        body = {**ORDER, "clientOrderId": "mine"}
        same = await rooms.client.post(
            "/api/orders", json=body, headers={"Idempotency-Key": "mine"}
        )
        unlike = await rooms.client.post(
            "/api/orders", json=body, headers={"Idempotency-Key": "yours"}
        )
        assert same.status_code == 202
        assert (unlike.status_code, unlike.json()["code"]) == (422, "conflicting_fields")


@pytest.mark.parametrize("key", ["x" * 256, "caf\xe9", ""])
async def test_a_malformed_key_is_refused(tmp_path: Path, key: str) -> None:
    async with in_process(tmp_path) as rooms:
        headers = [(b"Idempotency-Key", key.encode("latin-1"))]
        refused = await rooms.client.post("/api/orders", json=ORDER, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_key")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_read(tmp_path: Path, kind: str) -> None:
    async with in_process(tmp_path) as rooms:
        refused = await rooms.client.post(
            "/api/orders", content=json.dumps(ORDER), headers={"content-type": kind}
        )
        assert refused.status_code == 415


async def test_json_may_name_its_charset(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        headers = {"content-type": "Application/JSON; charset=utf-8"}
        taken = await rooms.client.post("/api/orders", content=json.dumps(ORDER), headers=headers)
        assert taken.status_code == 202


async def test_a_body_in_pieces_is_counted_as_it_comes(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:

        async def pieces():
            for _ in range(100):
                yield b" " * 1_024

        headers = {"content-type": "application/json"}
        refused = await rooms.client.post("/api/orders", content=pieces(), headers=headers)
        assert refused.status_code == 413
        assert refused.headers["connection"] == "close"


async def test_an_unknown_order_is_not_found_everywhere(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        for order_id in (MISSING, "nope"):
            one = f"/api/orders/{order_id}"
            answers = [
                await rooms.client.get(one),
                await rooms.client.get(f"{one}/events"),
                await rooms.client.delete(one),
                await rooms.client.post(f"{one}/cancel"),
            ]
            for answer in answers:
                assert answer.status_code == 404
                assert answer.json()["error"] == "Order not found"


async def test_a_cancel_that_comes_too_late_says_so(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        order_id = (await rooms.client.post("/api/orders", json=ORDER)).json()["orderId"]
        await until_closed(rooms.client, order_id)
        late = await rooms.client.delete(f"/api/orders/{order_id}")
        assert late.status_code == 409
        assert (late.json()["cancel"], late.json()["status"]) == ("too_late", "confirmed")


async def test_the_list_pages_without_a_gap(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        made = [
            (await rooms.client.post("/api/orders", json=ORDER)).json()["orderId"] for _ in range(5)
        ]
        seen: list[str] = []
        cursor = ""
        while True:
            page = (await rooms.client.get(f"/api/orders?limit=2{cursor}")).json()
            seen += [one["orderId"] for one in page["orders"]]
            if page["nextCursor"] is None:
                break
            cursor = f"&cursor={page['nextCursor']}"
        assert sorted(seen) == sorted(made)
        assert (page["total"], page["limit"]) == (5, 2)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=x", "offset=-1", "status=open", "cursor=1", "wallet=0",
     "token=!", "since=today", "limit=9999999999999999999"],
)  # fmt: skip
async def test_a_bad_query_is_refused_by_name(tmp_path: Path, query: str) -> None:
    async with in_process(tmp_path) as rooms:
        refused = await rooms.client.get(f"/api/orders?{query}")
        assert refused.status_code == 400
        assert refused.json()["field"] == query.split("=")[0]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil", ""])
async def test_another_host_is_not_served(tmp_path: Path, host: str) -> None:
    async with in_process(tmp_path) as rooms:
        refused = await rooms.client.get("/health", headers={"host": host})
        assert refused.status_code in (400, 403)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:3000", "LOCALHOST", "[::1]:80", "[::1]", "desk.example:1"]
)
async def test_its_own_hosts_are_served(tmp_path: Path, host: str) -> None:
    settings = replace(DEFAULTS, allowed_hosts=("desk.example",))
    async with in_process(tmp_path, settings) as rooms:
        assert (await rooms.client.get("/health/live", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost", 200), ("https://desk.example", 200), ("http://evil.example", 403),
     ("null", 403), ("http://localhost.evil.example", 403), ("http://localhost:80", 200),
     ("https://localhost", 403), ("ftp://localhost", 403), ("http://localhost:81", 403),
     ("//localhost", 403), ("localhost", 403), ("http://desk.example", 403)],
)  # fmt: skip
async def test_pages_of_other_sites_may_not_call(tmp_path: Path, origin: str, status: int) -> None:
    settings = replace(DEFAULTS, allowed_origins=("https://desk.example",))
    async with in_process(tmp_path, settings) as rooms:
        answer = await rooms.client.get("/health/live", headers={"origin": origin})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("origin", "status"), [("https://localhost", 200), ("http://localhost", 403)]
)
async def test_behind_a_proxy_with_tls_its_own_pages_may_call(
    tmp_path: Path, origin: str, status: int
) -> None:
    settings = replace(DEFAULTS, trusted_proxies=("127.0.0.1",))
    async with in_process(tmp_path, settings) as rooms:
        headers = {"origin": origin, "x-forwarded-proto": "https"}
        assert (await rooms.client.get("/health/live", headers=headers)).status_code == status


async def test_methods_and_paths_that_are_not_there_are_told_apart(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        wrong = await rooms.client.put("/api/orders")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, POST")
        assert (await rooms.client.get("/api/order")).json()["code"] == "not_found"


async def test_too_many_requests_at_once_are_asked_to_come_again(tmp_path: Path) -> None:
    async with in_process(tmp_path, replace(DEFAULTS, requests_max=0)) as rooms:
        refused = await rooms.client.get("/api/tokens")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


async def test_a_bug_keeps_its_words_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_process(tmp_path) as rooms:

        async def broken(*_: object) -> None:
            msg = "a secret of the house"
            raise RuntimeError(msg)

        monkeypatch.setattr(rooms.engine, "submit", broken)
        answer = await rooms.client.post("/api/orders", json=ORDER)
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert b"secret" not in answer.content


@pytest.mark.parametrize(
    "error", [PortUnavailable(), RequestRejected(fault(Code.STORE_UNAVAILABLE))]
)
async def test_a_store_that_is_down_is_503(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async with in_process(tmp_path) as rooms:

        async def down(*_: object) -> None:
            raise error

        monkeypatch.setattr(rooms.engine, "list_orders", down)
        answer = await rooms.client.get("/api/orders")
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


async def test_health_is_told_in_three_ways(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        for path in ("/health", "/health/ready", "/health/live"):
            answer = await rooms.client.get(path)
            assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        rooms.app.drain()
        assert (await rooms.client.get("/health")).status_code == 200
        assert (await rooms.client.get("/health/ready")).status_code == 503
        assert (await rooms.client.get("/health/live")).status_code == 200


async def test_the_service_says_what_it_is_and_what_it_counts(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        assert (await rooms.client.get("/")).json()["name"] == "cambist"
        metrics = await rooms.client.get("/metrics")
        assert "cambist_facts_total" in metrics.text
