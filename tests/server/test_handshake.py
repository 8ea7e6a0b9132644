"""Hold every refused handshake to be ours: a problem document, after Host, Origin and key."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from cambist import logs
from cambist.server.protocol.handshake_defects import find_defect
from cambist.server.protocol.request_head import RequestHead, upgrade_head
from tests.server.app_harness import Wire, on_a_port, wire
from tests.server.authenticated_app import locked_on_a_port

KEY = b"c2l4dGVlbiBieXRlcyBvaw=="
GOOD = {
    b"Host": b"localhost",
    b"Connection": b"Upgrade",
    b"Upgrade": b"websocket",
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Key": KEY,
}
SECRET = b"c0ffee-words-of-a-client"
PATHS = (b"/ws", b"/ws/orders", b"/api/orders/execute", b"/api/orders/x/status")


def handshake(path: bytes = b"/ws", extra: bytes = b"", **changed: bytes | None) -> bytes:
    """Return a handshake with some headers changed, or left out."""
    names = {name.replace(b"-", b"").lower().decode(): name for name in GOOD}
    fields = GOOD | {names[name]: value for name, value in changed.items() if value is not None}
    gone = {names[name] for name, value in changed.items() if value is None}
    lines = [b"%b: %b\r\n" % one for one in fields.items() if one[0] not in gone]
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path, b"".join(lines), extra)


async def refused(connection: Wire) -> tuple[int, dict[str, str], bytes]:
    """Return one answer with its headers."""
    head = await connection.reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await connection.reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1]), headers, body


BROKEN = {
    "no version": handshake(secwebsocketversion=None),
    "version 12": handshake(secwebsocketversion=b"12"),
    "version twice": handshake(extra=b"Sec-WebSocket-Version: 13\r\n"),
    "version in words": handshake(secwebsocketversion=SECRET),
    "no key": handshake(secwebsocketkey=None),
    "short key": handshake(secwebsocketkey=b"c2hvcnQ="),
    "key in words": handshake(secwebsocketkey=SECRET),
    "key twice": handshake(extra=b"Sec-WebSocket-Key: " + KEY + b"\r\n"),
    "broken protocol": handshake(extra=b"Sec-WebSocket-Protocol: a b " + SECRET + b"\r\n"),
    "empty protocol": handshake(extra=b"Sec-WebSocket-Protocol: ,\r\n"),
    "two upgrades": handshake(extra=b"Upgrade: " + SECRET + b"\r\n"),
    "upgrade list": handshake(upgrade=b"websocket, " + SECRET),
    "broken connection": handshake(connection=b"Upgrade, a b"),
    "a body": handshake(extra=b"Content-Length: 2\r\n") + b"{}",
    "http 1.0": handshake().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a long line": handshake(extra=b"X-Long: " + b"x" * 8_200 + b"\r\n"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_handshake_is_refused_as_every_other_call_is(
    tmp_path: Path, name: str
) -> None:
    async with on_a_port(tmp_path) as (_, port), wire(port) as connection:
        await connection.say(BROKEN[name])
        status, headers, body = await refused(connection)
    assert (status, headers["content-type"]) == (
        431 if name == "a long line" else 400,
        "application/problem+json",
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["connection"] == "close"
    assert headers.get("sec-websocket-version") == ("13" if "version" in name else None)
    assert json.loads(body)["status"] == status
    assert SECRET not in body
    assert SECRET.decode() not in str(headers)


@pytest.mark.parametrize("name", ["version 12", "no key"])
async def test_host_origin_and_key_are_looked_at_first(tmp_path: Path, name: str) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        asks = BROKEN[name]
        for sent, status, code in (
            (asks.replace(b"Host: localhost", b"Host: evil.example"), 403, "host_not_allowed"),
            (asks[:-2] + b"Origin: http://evil.example\r\n\r\n", 403, "origin_not_allowed"),
        ):
            async with wire(rooms.port) as connection:
                await connection.say(sent)
                told = await refused(connection)
                assert (told[0], json.loads(told[2])["code"]) == (status, code)
        key = await rooms.key()
        shown = b"Authorization: " + key["authorization"].encode() + b"\r\n\r\n"
        for sent, status, code in (
            (asks, 401, "unauthorized"),
            (asks[:-2] + shown, 400, "invalid_handshake"),
        ):
            async with wire(rooms.port) as connection:
                await connection.say(sent)
                told = await refused(connection)
                assert (told[0], json.loads(told[2])["code"]) == (status, code)


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_of_sockets_asks_a_plain_request_for_an_upgrade(
    tmp_path: Path, path: bytes
) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        answer = await rooms.client.get(path.decode())
        assert (answer.status_code, answer.json()["code"]) == (426, "upgrade_required")
        assert answer.headers["upgrade"] == "websocket"
        assert answer.headers["allow"] == "GET"
        wrong = await rooms.client.put(path.decode())
        assert wrong.status_code == 405
        assert wrong.headers["allow"] == ("GET, POST" if b"execute" in path else "GET")


token = st.binary(max_size=12)
header_values = st.one_of(
    st.sampled_from([b"websocket", b"Upgrade", b"upgrade, keep-alive", b"13", KEY, b"a, b", b""]),
    token,
)
header_names = st.sampled_from(
    [
        b"connection",
        b"upgrade",
        b"sec-websocket-version",
        b"sec-websocket-key",
        b"sec-websocket-protocol",
        b"sec-websocket-extensions",
        b"origin",
        b"x-other",
    ]
)


@given(st.lists(st.tuples(header_names, header_values), max_size=4), st.booleans())
def test_what_we_let_through_the_library_takes(
    extra: list[tuple[bytes, bytes]], replaces: bool
) -> None:
    changed = {name for name, _ in extra} if replaces else set()
    base = [(name.lower(), value) for name, value in GOOD.items() if name.lower() not in changed]
    headers = [*base, *extra]
    if [name for name, _ in headers].count(b"origin") > 1:
        return  # refused with the head already
    if find_defect(b"/ws", headers, "1.1") is not None:
        return
    library = ServerProtocol()
    library.receive_data(upgrade_head(RequestHead(b"/ws", headers)))
    (asked,) = library.events_received()
    assert isinstance(asked, Request)
    assert library.accept(asked).status_code == 101


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Log in JSON, as a server does, and put back what was set before."""
    out, kept = io.StringIO(), structlog.get_config()
    logs.set_up("info", "json", out)
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield out
    finally:
        structlog.configure(**kept)
        for name in ("uvicorn", "uvicorn.error", "websockets", "asyncio"):
            logging.getLogger(name).handlers = []
            logging.getLogger(name).propagate = True


async def test_a_frame_that_is_not_utf_8_is_one_warning_in_json(tmp_path: Path) -> None:
    with logged() as out:
        async with on_a_port(tmp_path) as (_, port), wire(port) as connection:
            await connection.say(handshake(b"/api/orders/execute"))
            await connection.reader.readuntil(b"\r\n\r\n")
            await connection.say(b"\x81\x83\x00\x00\x00\x00\xff\xfe\xfd")
            closed = await connection.hear()
            assert closed[:4] == b"\x88\x02\x03\xef"  # 1007
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    told = [line for line in lines if line["event"] == "library_warning"]
    assert len(told) == 1
    assert told[0]["level"] == "warning"
    assert "exception" not in told[0]


def test_whatever_a_library_logs_is_one_line_of_json() -> None:
    with logged() as out:
        for name in ("uvicorn.error", "websockets.server", "asyncio"):
            error = ValueError(SECRET)
            logging.getLogger(name).error("broken %s\n%s", "a", "b", exc_info=error)
            logging.getLogger(name).warning("%d words", "no number")
            logging.getLogger(name).info("nothing of note")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == 6
    assert {line["event"] for line in lines} == {"library_warning"}
    assert ["exception" in line for line in lines] == [False, False, False, False, True, False]
