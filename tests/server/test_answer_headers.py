"""Hold answers to what they carry besides: the request's name, and what is left of the rates."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace

from cambist import logs
from cambist.engine.engine import Engine
from cambist.server.rate_limit_headers import RateLimitStatus
from tests.server.app_harness import ORDER, in_process, on_a_port, wire
from tests.server.authenticated_app import FREE, UNLIMITED, locked

MADE = re.compile(r"[0-9a-f]{24}")


@pytest.mark.parametrize("path", ["/health/live", "/api/orders", "/nowhere", "/ws", "/docs"])
async def test_every_answer_carries_the_requests_own_name_or_one_that_is_made(
    tmp_path: Path, path: str
) -> None:
    async with in_process(tmp_path) as rooms:
        named = await rooms.client.get(path, headers={"x-request-id": "desk-42.a_b~c"})
        assert named.headers["x-request-id"] == "desk-42.a_b~c"
        made = [(await rooms.client.get(path)).headers["x-request-id"] for _ in range(2)]
        assert made[0] != made[1]
        assert all(MADE.fullmatch(one) for one in made)


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, 'a"b', "a,b", "<script>"])
async def test_a_name_that_is_not_well_formed_is_not_taken(tmp_path: Path, name: str) -> None:
    async with in_process(tmp_path) as rooms:
        answer = await rooms.client.get("/health/live", headers={"x-request-id": name})
        assert MADE.fullmatch(answer.headers["x-request-id"])


async def test_what_the_connection_refuses_has_a_name_too(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (_, port), wire(port) as connection:
        await connection.say(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        assert b"\r\nx-request-id: " in await connection.hear()


async def test_a_log_line_carries_the_name_of_its_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_engine: Engine, _query: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Engine, "list_orders", broken)
    out, kept = io.StringIO(), structlog.get_config()
    async with in_process(tmp_path) as rooms:
        logs.set_up("info", "json", out)
        structlog.configure(cache_logger_on_first_use=False)
        try:
            failed = await rooms.client.get("/api/orders", headers={"x-request-id": "mine"})
        finally:
            structlog.configure(**kept)
    assert failed.status_code == 500
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    told = [line for line in lines if line["event"] == "request_failed"]
    assert [line["request_id"] for line in told] == ["mine"]


async def test_a_key_is_told_what_is_left_of_its_rates(tmp_path: Path) -> None:
    rates = replace(UNLIMITED, key_requests_per_minute=120, key_orders_per_minute=3)
    async with locked(tmp_path, replace(FREE, rates=rates)) as rooms:
        key = await rooms.key()
        listed = await rooms.client.get("/api/orders", headers=key)
        assert listed.headers["ratelimit-policy"] == '"requests";q=120;w=60'
        assert listed.headers["ratelimit"] == '"requests";r=119;t=1'
        for left in (2, 1, 0):
            placed = await rooms.client.post("/api/orders", json=ORDER, headers=key)
            assert placed.status_code == 202
            assert '"orders";q=3;w=60' in placed.headers["ratelimit-policy"]
            assert f'"orders";r={left};t={(3 - left) * 20}' in placed.headers["ratelimit"]
        refused = await rooms.client.post("/api/orders", json=ORDER, headers=key)
        assert refused.status_code == 429
        assert '"orders";r=0;t=60' in refused.headers["ratelimit"]


async def test_who_is_not_counted_is_told_of_no_rate(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        assert "ratelimit" not in (await rooms.client.get("/api/orders")).headers


def test_the_time_until_a_bucket_is_full_is_rounded_up() -> None:
    assert [RateLimitStatus("a", 100, left).full_in_seconds for left in (100, 99, 0)] == [0, 1, 60]
