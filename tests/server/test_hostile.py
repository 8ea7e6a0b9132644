"""Hold every hostile body to a refusal that names its field."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect

from tests.server.app_harness import in_process, on_a_port, with_edge
from tests.server.authenticated_app import locked_on_a_port
from tests.server.hostile import Hostile, corpus

JSON = {"content-type": "application/json"}


WRITES = ("/api/orders", "/api/orders/execute", "/api/quotes")
ODD = (
    "\x7f", "%00", "..", "*", "${jndi:ldap://x}", "' OR 1=1 --", "1e999", "-1", "NaN", "9" * 400,
    "\u00ff" * 300, "a,b", "Bearer", "Bearer " * 200 + "x", "0", "null", "c" + "f" * 60,
)  # fmt: skip


def fault_of(case: Hostile, status: int, told: dict[str, Any]) -> str | None:
    """Say what is wrong with an answer to a hostile body."""
    blamed = {one.get("field") for one in told.get("errors", ())}
    if status not in (400, 422):
        return f"{case.name}: {status} {told}"
    if case.field is not None and case.field not in blamed:
        return f"{case.name}: blames {blamed}"
    return None


@pytest.mark.parametrize("path", WRITES)
async def test_every_hostile_body_is_refused_by_name(tmp_path: Path, path: str) -> None:
    wrong: list[str | None] = []
    async with in_process(tmp_path) as rooms:
        cases = list(corpus())
        for case in cases:
            answer = await rooms.client.post(path, content=case.body, headers=JSON)
            wrong.append(fault_of(case, answer.status_code, answer.json()))
            answer.content.decode("utf-8")
        total = (await rooms.client.get("/api/orders")).json()["total"]
    assert not list(filter(None, wrong))
    assert total == 0
    assert len(cases) > 400


async def test_in_a_batch_every_hostile_body_is_refused_in_its_place(tmp_path: Path) -> None:
    wrong: list[str | None] = []
    async with in_process(tmp_path) as rooms:
        for case in corpus():
            body = b'{"orders":[%b]}' % case.body
            answer = await rooms.client.post("/api/orders/batch", content=body, headers=JSON)
            if answer.status_code == 200:
                results = answer.json()["results"]
                wrong += [fault_of(case, result["status"], result["body"]) for result in results]
            else:
                wrong.append(None if answer.status_code in (400, 422) else case.name)
        total = (await rooms.client.get("/api/orders")).json()["total"]
    assert not list(filter(None, wrong))
    assert total == 0


async def test_on_a_socket_every_hostile_message_is_refused_and_the_socket_stays(
    tmp_path: Path,
) -> None:
    settings = replace(with_edge(frames_per_second_max=1_000_000), orders_in_max=1_000_000)
    wrong = []
    async with on_a_port(tmp_path, settings) as (rooms, port):
        url = f"ws://127.0.0.1:{port}/api/orders/execute"
        async with connect(url, proxy=None) as socket:
            for case in corpus():
                if len(case.body) > settings.frame_bytes_max:
                    continue
                await socket.send(case.body)
                told = json.loads(await socket.recv())
                blamed = {one.get("field") for one in told.get("errors", ())}
                if told["success"] or (case.field is not None and case.field not in blamed):
                    wrong.append(f"{case.name}: {told}")
        assert (await rooms.client.get("/api/orders")).json()["total"] == 0
    assert not wrong


@pytest.mark.parametrize(
    "name",
    ["authorization", "idempotency-key", "last-event-id", "accept", "content-type", "origin",
     "x-forwarded-for", "upgrade", "sec-websocket-protocol", "cookie", "expect"],
)  # fmt: skip
async def test_no_header_makes_the_server_fail(tmp_path: Path, name: str) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        key = await rooms.key()
        for value in ODD:
            for method, path in (("POST", "/api/orders"), ("GET", "/api/orders/x/events")):
                headers = httpx.Headers({**key, **JSON}, encoding="latin-1")
                headers[name] = value
                answer = await rooms.client.request(method, path, headers=headers, content=b"{}")
                assert answer.status_code < 500, (value, answer.text)


async def test_no_path_and_no_query_makes_the_server_fail(tmp_path: Path) -> None:
    ways = ("GET", "DELETE", "PATCH", "POST", "PUT", "OPTIONS", "HEAD", "TRACE")
    async with in_process(tmp_path) as rooms:
        for odd in (*ODD, "\x00", "\ud83d\ude00", "a/b", "?", "#"):
            name = quote(odd.encode("utf-8", "surrogatepass"), safe="")
            for method in ways:
                for path in (f"/api/orders/{name}", f"/api/orders/{name}/cancel", f"/{name}"):
                    answer = await rooms.client.request(method, path)
                    assert answer.status_code < 500, (method, path)
            for asked in ("limit", "offset", "cursor", "status", "wallet", "token", "since"):
                answer = await rooms.client.get(f"/api/orders?{asked}={name}")
                assert answer.status_code < 500, (asked, odd)


async def test_a_refusal_can_be_read_by_the_strictest_reader(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms, asyncio.timeout(20):
        for name in ("\x00", "\ud800", "\u202e", "x" * 10_000):
            body = json.dumps({name: 1}).encode()
            answer = await rooms.client.post("/api/orders", content=body, headers=JSON)
            text = answer.content.decode("utf-8", "strict")
            assert json.loads(text)["errors"][0]["field"].isprintable()
            assert len(text) < 4_000
