"""Place orders over an open socket and by a POST that asks for one, and hear of them there."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.utils import accept_key

from tests.server.app_harness import DEFAULTS, ORDER, WAIT_S, Wire, on_a_port, until_closed, wire

MOVES = ["pending", "routing", "building", "submitted", "confirmed"]
KEY = b"x3JJHMbDL1EzLkh9GBhXDw=="
UPGRADE = (
    b"Connection: Upgrade", b"Upgrade: websocket",
    b"Sec-WebSocket-Key: " + KEY, b"Sec-WebSocket-Version: 13",
)  # fmt: skip


async def said(socket: ClientConnection) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(await socket.recv())
    return told


async def test_orders_sent_over_a_socket_are_answered_and_told(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(WAIT_S),
        on_a_port(tmp_path) as (_, port),
        connect(f"ws://127.0.0.1:{port}/api/orders/execute") as socket,
    ):
        for _ in range(5):
            await socket.send(json.dumps(ORDER))
        replies, told = [], dict[str, list[str]]()
        while len(replies) < 5 or any(event[-1] != "confirmed" for event in told.values()):
            message = await said(socket)
            if "success" in message:
                replies.append(message["orderId"])
                told[message["orderId"]] = [""]
            else:
                assert message["orderId"] in replies, "the answer comes before the events"
                told[message["orderId"]].append(message["status"])
        assert all(one[1:] == MOVES for one in told.values())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hello", "malformed_json"),
        ("[]", "not_an_object"),
        ('{"tokenIn":"SOL","tokenOut":"USDC","amount":-1}', "not_positive"),
        ('{"tokenIn":"SOL","tokenOut":"USDC","amount":1,"type":"twap"}', "not_yet_supported"),
    ],
)
async def test_what_is_no_order_is_answered_and_the_socket_stays(
    tmp_path: Path, text: str, code: str
) -> None:
    async with (
        asyncio.timeout(WAIT_S),
        on_a_port(tmp_path) as (rooms, port),
        connect(f"ws://127.0.0.1:{port}/api/orders/execute") as socket,
    ):
        await socket.send(text)
        refusal = await said(socket)
        assert (refusal["success"], refusal["status"], refusal["code"]) == (False, "failed", code)
        assert "orderId" not in refusal
        assert (await rooms.client.get("/api/orders")).json()["total"] == 0
        await socket.send(json.dumps(ORDER).encode())
        assert (await said(socket))["success"] is True


async def test_a_socket_follows_only_so_many_orders(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(WAIT_S),
        on_a_port(tmp_path, replace(DEFAULTS, socket_orders_max=0)) as (_, port),
        connect(f"ws://127.0.0.1:{port}/api/orders/execute") as socket,
    ):
        await socket.send(json.dumps(ORDER))
        assert (await said(socket))["code"] == "too_busy"


async def test_a_flood_of_orders_ends_the_socket_and_loses_none(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (rooms, port):
        taken: list[str] = []
        async with connect(f"ws://127.0.0.1:{port}/api/orders/execute") as socket:
            for number in range(DEFAULTS.orders_in_max * 2):
                await socket.send(json.dumps({**ORDER, "clientOrderId": f"flood-{number}"}))
            with suppress(ConnectionClosed):
                while True:
                    message = await said(socket)
                    taken += [message["orderId"]] if "success" in message else []
            assert socket.close_code == 1008
        page = (await rooms.client.get("/api/orders?limit=500")).json()
        assert set(taken) <= {one["orderId"] for one in page["orders"]}
        assert page["total"] <= DEFAULTS.orders_in_max + 1


def posted(body: bytes, path: bytes = b"/api/orders/execute", *lines: bytes) -> bytes:
    head = (b"POST %b HTTP/1.1" % path, b"Host: 127.0.0.1", b"Content-Type: application/json")
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join((*head, length, *UPGRADE, *lines)) + b"\r\n\r\n" + body


def chunked(wire_body: bytes, key: bytes = KEY) -> bytes:
    """Return a posted upgrade whose body stands in chunks as they are given."""
    sent = posted(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return sent.replace(KEY, key) + wire_body


async def hear_upgraded(line: Wire) -> list[dict[str, Any]]:
    """Read the 101 and all messages until the server closes, from the bytes themselves."""
    head = await line.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"HSmrc0sMlYUkAGmm5OPpG2HaGWk=" in head, "the key is answered as RFC 6455 says"
    return await hear_frames(line)


async def hear_frames(line: Wire) -> list[dict[str, Any]]:
    """Read all messages behind the head until the server closes."""
    told: list[dict[str, Any]] = []
    while True:
        kind, size = await line.reader.readexactly(2)
        assert kind & 0x80, "each message is one frame"
        if size == 126:
            size = int.from_bytes(await line.reader.readexactly(2), "big")
        data = await line.reader.readexactly(size)
        if kind & 0x0F == 0x8:
            assert int.from_bytes(data[:2], "big") == 1000
            return told
        told.append(json.loads(data))


BODY = json.dumps(ORDER).encode()


@pytest.mark.parametrize("path", [b"/api/orders/execute", b"/api/orders"])
@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_a_post_that_upgrades_is_one_connection_from_order_to_end(
    tmp_path: Path, step: int, path: bytes
) -> None:
    async with (
        asyncio.timeout(WAIT_S),
        on_a_port(tmp_path) as (_, port),
        wire(port) as line,
    ):
        sent = posted(BODY, path)
        for start in range(0, len(sent), step):
            await line.say(sent[start : start + step])
        notice, *told = await hear_upgraded(line)
        assert (notice["event"], notice["status"], notice["success"]) == (
            "subscribed", "pending", True,
        )  # fmt: skip
        assert [one["status"] for one in told] == MOVES
        assert {one["orderId"] for one in told} == {notice["orderId"]}
        assert told[-1]["data"]["txHash"] == told[-1]["txHash"]


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (posted(b'{"tokenIn":"SOL"}'), 400, "missing_field"),
        (posted(b"nonsense"), 400, "malformed_json"),
        (posted(b"x" * 70_000), 413, "body_too_large"),
        (posted(b"").replace(b"Content-Length: 0\r\n", b""), 411, "length_required"),
        (chunked(b'5\r\n{"a":\r\nzz\r\n'), 400, "bad_request"),
        (chunked(b'5\r\n{"a":1}\r\n'), 400, "bad_request"),
        (chunked(b"fffffff\r\n"), 413, "body_too_large"),
        (chunked(b"8\r\nnonsense\r\n0\r\n\r\n"), 400, "malformed_json"),
    ],
    ids=["missing", "nonsense", "large", "no-length", "size", "end", "large-chunk", "chunked"],
)
async def test_a_bad_post_is_refused_before_it_upgrades(
    tmp_path: Path, request_bytes: bytes, status: int, code: str
) -> None:
    async with on_a_port(tmp_path) as (rooms, port), wire(port) as line:
        await line.say(request_bytes)
        answered, body = await line.answer()
        assert (answered, json.loads(body)["code"]) == (status, code)
        assert (await rooms.client.get("/api/orders")).json()["total"] == 0


@pytest.mark.parametrize("step", [1, 10_000])
async def test_a_posted_upgrade_takes_chunks_and_any_key(tmp_path: Path, step: int) -> None:
    half = len(BODY) // 2
    body = b"%x;a=b\r\n%b\r\n%X\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (
        half, BODY[:half], len(BODY) - half, BODY[half:],
    )  # fmt: skip
    key = b"MC40ODIxOTM3NjUwMjE4Mzc0"  # what `Math.random()` gives: 18 bytes
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (_, port), wire(port) as line:
        sent = chunked(body, key)
        for start in range(0, len(sent), step):
            await line.say(sent[start : start + step])
        head = await line.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert accept_key(key.decode()).encode() in head
        told = await hear_frames(line)
        assert [event["status"] for event in told[1:]] == MOVES
        assert b"x-order-id: %b" % told[0]["orderId"].encode() in head.lower()


async def test_numbers_inside_data_are_numbers(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (_, port), wire(port) as line:
        await line.say(posted(BODY))
        done = (await hear_upgraded(line))[-1]
        assert isinstance(done["amountOut"], str)
        for name in ("amountOut", "executedPrice", "raydiumPrice", "meteoraPrice"):
            assert isinstance(done["data"][name], int | float), name


async def test_the_notice_never_runs_ahead_of_the_history(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (rooms, port):
        taken = (await rooms.client.post("/api/orders", json=ORDER)).json()
        await until_closed(rooms.client, taken["orderId"])
        url = f"ws://127.0.0.1:{port}/ws?orderId={taken['orderId']}"
        async with connect(url) as socket:
            notice = json.loads(await socket.recv())
            assert notice["event"] == "subscribed"
            assert "status" not in notice
            assert json.loads(await socket.recv())["status"] == "pending"


async def test_a_client_that_never_answers_the_close_is_let_go(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (_, port), wire(port) as line:
        await line.say(posted(BODY))
        await hear_upgraded(line)
        assert await line.reader.read() == b"", "the server ends the connection by itself"


async def test_a_slow_upgrade_is_cut(tmp_path: Path) -> None:
    settings = replace(DEFAULTS, edge=replace(DEFAULTS.edge, body_ms=50, sweep_ms=10))
    async with on_a_port(tmp_path, settings) as (_, port), wire(port) as line:
        await line.say(posted(BODY)[:-1])
        assert (await line.answer())[0] == 408


async def test_a_repeated_key_attaches_to_the_order_it_belongs_to(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (_, port):
        heard = []
        for _ in range(2):
            async with wire(port) as line:
                await line.say(posted(BODY, b"/api/orders/execute", b"Idempotency-Key: mine"))
                heard.append(await hear_upgraded(line))
        first, second = heard
        assert second[1:] == first[1:]


async def test_a_post_that_accepts_events_is_answered_with_them(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (rooms, _):
        headers = {"accept": "text/event-stream", "idempotency-key": "mine"}
        texts = []
        for replayed in (None, "true"):
            answer = await rooms.client.post("/api/orders", json=ORDER, headers=headers)
            assert answer.status_code == 202
            assert answer.headers.get("idempotency-replayed") == replayed
            texts.append(answer.text)
        assert texts[0].replace(": beat\n\n", "") == texts[1].replace(": beat\n\n", "")
        reply, *events = [one for one in texts[1].split("\n\n") if one]
        taken = json.loads(reply.removeprefix("data: "))
        assert answer.headers["x-order-id"] == taken["orderId"]
        assert answer.headers["location"] == f"/api/orders/{taken['orderId']}"
        assert [int(event.split("\n")[0].removeprefix("id: ")) for event in events] == list(
            range(1, 8)
        )
        bad = await rooms.client.post("/api/orders", json={}, headers=headers)
        assert (bad.status_code, bad.json()["code"]) == (400, "missing_field")
