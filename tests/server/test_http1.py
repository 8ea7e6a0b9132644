"""Hold the connection's own limits: sizes, deadlines, counts, and upgrades that are none."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cambist.server.app import App
from tests.server.app_harness import (
    DEFAULTS,
    ORDER,
    WAIT_S,
    Wire,
    on_a_port,
    until,
    wire,
    with_edge,
)

BODY = json.dumps(ORDER).encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
JSON = b"Content-Type: application/json\r\n"
HOST = b"Host: localhost\r\n"
CHUNKED = b"POST /api/orders HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
SOCKET_KEY = b"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw=="
SOCKET_VERSION = b"Sec-WebSocket-Version: 13"
SOON_MS = 50


def post(*headers: bytes, body: bytes = BODY) -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST /api/orders/execute HTTP/1.1\r\n" + HOST + JSON + length + lines + b"\r\n" + body


def get(path: bytes = b"/health/live", *headers: bytes) -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path, HOST, lines)


def problem(heard: bytes) -> dict[str, object]:
    """Return the problem document of a refusal, and check that it is the only answer."""
    head, _, body = heard.partition(b"\r\n\r\n")
    assert heard.count(b"HTTP/1.1 ") == 1
    assert b"application/problem+json" in head
    assert b"connection: close" in head
    told = json.loads(body)
    assert int(head.split()[1]) == told["status"]
    return told


REFUSED = {
    "a long header": (get(b"/", b"X: " + b"x" * 20_000), 431),
    "a long header without end": (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, 431),
    "a long target": (get(b"/?" + b"x" * 5_000), 431),
    "a target without end": (b"GET /" + b"x" * 20_000, 431),
    "65 headers": (get(b"/", *[b"X-%d: 1" % n for n in range(64)]), 431),
    "5,000 headers": (get(b"/", *[b"X-%d: 1" % n for n in range(5_000)]), 431),
    "a large body announced": (
        b"POST /api/orders HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: 70000\r\n\r\n",
        413,
    ),
    "a large body in chunks": (
        b"POST /api/orders HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"13880\r\n" + b" " * 80_000,
        413,
    ),
    "length and chunks": (post(b"Transfer-Encoding: chunked"), 400),
    "a coding that is not chunked": (
        b"POST /api/orders HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: gzip\r\n\r\n{}",
        400,
    ),
    "two codings": (
        b"POST /api/orders HTTP/1.1\r\n" + HOST + JSON
        + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        400,
    ),
    "chunked said twice": (
        b"POST /api/orders HTTP/1.1\r\n" + HOST + JSON
        + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n2\r\n{}\r\n0\r\n\r\n",
        400,
    ),
    "two lengths": (post(b"Content-Length: 5"), 400),
    "two equal lengths": (post(LENGTH.strip()), 400),
    "a length that is no number": (
        b"POST /api/orders HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: +5\r\n\r\nhello",
        400,
    ),
    "two hosts": (post(b"Host: localhost"), 400),
    "two keys": (post(b"Idempotency-Key: a", b"Idempotency-Key: a"), 400),
    "two authorizations": (post(b"Authorization: a", b"Authorization: b"), 400),
    "a header after the body": (
        b"POST /api/orders HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}\r\n0\r\nIdempotency-Key: late\r\n\r\n",
        400,
    ),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "a tunnel": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "HTTP/2 by prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a header folded over lines": (get(b"/", b"X: a\r\n b"), 400),
    "a blank before the colon": (get(b"/", b"X : a"), 400),
    "a bare line feed in a header": (get(b"/", b"X: a\nY: b\rZ"), 400),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_it_refuses(tmp_path: Path, case: str) -> None:
    sent, status = REFUSED[case]
    async with on_a_port(tmp_path) as (rooms, port), wire(port) as line:
        await line.say(sent)
        assert problem(await line.hear())["status"] == status
        assert (await rooms.client.get("/health/live")).status_code == 200
        assert (await rooms.client.get("/api/orders")).json()["total"] == 0


async def test_what_is_just_within_the_limits_is_served(tmp_path: Path) -> None:
    body = BODY.ljust(DEFAULTS.edge.body_bytes_max)
    async with on_a_port(tmp_path) as (_, port), wire(port) as line:
        await line.say(get(b"/", *[b"X-%d: 1" % n for n in range(63)]))
        assert (await line.answer())[0] == 200
        await line.say(post(b"X: " + b"x" * 15_000, body=body))
        assert (await line.answer())[0] == 202


DRIPS = {
    "nothing": ([], None),
    "half a head": ([b"GET / HTTP/1.1\r\n"], 408),
    "a dripping head": ([b"GET / HTTP/1.1\r\n", b"X: 1\r\n", b"Y: 1\r\n"], 408),
    "half a body": ([post()[:-3]], 408),
    "half a chunk": (
        [CHUNKED + b"5\r\n{"],
        408,
    ),
    "half the body of an upgrade": (
        [post(b"Connection: Upgrade", b"Upgrade: websocket")[:-3]],
        408,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DRIPS)
async def test_a_slow_sender_is_cut(tmp_path: Path, case: str) -> None:
    parts, status = DRIPS[case]
    settings = with_edge(head_ms=SOON_MS, body_ms=SOON_MS)
    async with on_a_port(tmp_path, settings) as (rooms, port), wire(port) as line:
        for part in parts:
            await line.say(part)
        heard = await line.hear()
        assert heard == b"" if status is None else problem(heard)["status"] == status
        assert rooms.app.concurrency.requests == 0


async def test_an_idle_connection_is_closed_without_a_word(tmp_path: Path) -> None:
    async with on_a_port(tmp_path, with_edge(idle_ms=SOON_MS)) as (_, port), wire(port) as line:
        await line.say(get())
        assert (await line.answer())[0] == 200
        assert await line.hear() == b""


async def test_connections_are_counted_by_address_and_in_all(tmp_path: Path) -> None:
    for settings, status in (
        (with_edge(address_connections_max=2), 429),
        (with_edge(connections_max=2), 503),
    ):
        async with (
            on_a_port(tmp_path, settings) as (rooms, port),
            wire(port) as first,
            wire(port) as second,
        ):
            for line in (first, second):
                await line.say(get())
                assert (await line.answer())[0] == 200
            async with wire(port) as third:
                assert problem(await third.hear())["status"] == status
            first.writer.close()
            await first.writer.wait_closed()
            await until(lambda: rooms.app.concurrency.requests == 0)
            assert 200 in [await _ask_anew(port) for _ in range(100)]


async def _ask_anew(port: int) -> int:
    async with wire(port) as line:
        await line.say(get())
        return (await line.answer())[0]


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize(
    "upgrade",
    [
        (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
        (b"Connection: keep-alive, Upgrade", b"Upgrade: websocket"),
        (b"Connection: Upgrade", b"Upgrade: TLS/1.0"),
    ],
)  # fmt: skip
async def test_a_post_with_an_upgrade_keeps_its_body_and_its_connection(
    tmp_path: Path, upgrade: tuple[bytes, ...], step: int
) -> None:
    sent = post(*upgrade)
    async with on_a_port(tmp_path) as (_, port), wire(port) as line:
        for start in range(0, len(sent), step):
            await line.say(sent[start : start + step])
        assert (await line.answer())[0] == 202
        await line.say(post(*upgrade, body=b'{"tokenIn":1}'))
        status, body = await line.answer()
        assert (status, json.loads(body)["code"]) == (400, "wrong_type")
        await line.say(get())
        assert (await line.answer())[0] == 200


async def test_an_upgrade_in_chunks_keeps_its_body(tmp_path: Path) -> None:
    sent = (
        b"POST /api/orders HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n"
        b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    )
    async with on_a_port(tmp_path) as (_, port), wire(port) as line:
        await line.say(sent)
        assert (await line.answer())[0] == 202


async def test_a_client_that_waits_to_be_told_to_go_on_is_told(tmp_path: Path) -> None:
    sent = post(b"Expect: 100-continue")
    async with on_a_port(tmp_path) as (_, port), wire(port) as line, asyncio.timeout(WAIT_S):
        await line.say(sent[: -len(BODY)])
        assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await line.say(BODY)
        assert (await line.answer())[0] == 202


async def test_an_answer_without_a_body_leaves_at_once(tmp_path: Path) -> None:
    head = get().replace(b"GET", b"HEAD")
    async with on_a_port(tmp_path) as (_, port), wire(port) as line, asyncio.timeout(WAIT_S):
        for _ in range(2):
            await line.say(head)
            assert (await line.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_requests_sent_together_are_answered_in_order(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (_, port), wire(port) as line:
        await line.say(post() + get(b"/nowhere") + post(b"Connection: Upgrade", b"Upgrade: h2c"))
        assert [(await line.answer())[0] for _ in range(3)] == [202, 404, 202]


async def test_a_refusal_never_takes_the_place_of_an_earlier_answer(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (_, port), wire(port) as line:
        await line.say(post() + b"garbage\r\n\r\n")
        assert (await line.answer())[0] == 202
        await line.hear()


async def test_an_answered_request_is_not_answered_again_when_its_body_drips(
    tmp_path: Path,
) -> None:
    sent = b"POST /nowhere HTTP/1.1\r\n" + HOST + LENGTH + b"\r\n"
    async with on_a_port(tmp_path, with_edge(body_ms=SOON_MS)) as (_, port), wire(port) as line:
        await line.say(sent)
        heard = await line.hear()
        assert heard.count(b"HTTP/1.1 ") == 1
        assert b" 404 " in heard


SOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", SOCKET_KEY, SOCKET_VERSION)


async def test_a_socket_may_follow_a_request_and_bring_frames_along(tmp_path: Path) -> None:
    pong = b"\x89\x80\x00\x00\x00\x00"  # a masked ping without content; a pong answers it
    path = b"/api/orders/execute?orderId=x"
    async with on_a_port(tmp_path) as (rooms, port), wire(port) as line:
        await line.say(get())
        assert (await line.answer())[0] == 200
        await line.say(get(path, *SOCKET) + pong)
        heard = b""
        async with asyncio.timeout(WAIT_S):
            while b"\x8a\x00" not in heard or b"Order not found" not in heard:
                heard += await line.reader.read(4_096)
        assert heard.startswith(b"HTTP/1.1 101 ")
        line.writer.close()
        await until(lambda: not rooms.app.concurrency.streams)


async def test_a_socket_behind_an_unread_body_is_refused(tmp_path: Path) -> None:
    path = b"/api/orders/execute?orderId=x"
    async with on_a_port(tmp_path) as (_, port), wire(port) as line:
        await line.say(get(path, *SOCKET, b"Content-Length: 5") + b"hello")
        assert problem(await line.hear())["status"] == 400


async def test_a_server_that_stops_finishes_what_it_took(tmp_path: Path) -> None:
    async with AsyncExitStack() as lines:
        async with on_a_port(tmp_path) as (rooms, port):
            line = await lines.enter_async_context(wire(port))
            await line.say(post()[:-1])
            await until(lambda: rooms.app.concurrency.bodies == 1)
            finishing = asyncio.create_task(_finish_late(line, rooms.app))
        assert await finishing == 202


async def _finish_late(line: Wire, app: App) -> int:
    await until(lambda: app.concurrency.draining)
    await line.say(post()[-1:])
    return (await line.answer())[0]
