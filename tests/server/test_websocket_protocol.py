"""Hold sockets against hostile ends: each is refused or closed with the code that is written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from websockets.frames import Opcode

from cambist.server.settings import ServerSettings
from tests.server.app_harness import (
    DEFAULTS,
    ORDER,
    WAIT_S,
    Rooms,
    Wire,
    on_a_port,
    until,
    wire,
    with_edge,
)
from tests.server.authenticated_app import locked_on_a_port

MASK_BIT = 0x80
CLOSE = 0x88
FAST = with_edge(linger_ms=200)
OPENING = (
    b"Host: localhost", b"Connection: Upgrade", b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
)  # fmt: skip


def opening(path: str, *more: bytes, without: bytes = b"-") -> bytes:
    lines = [line for line in OPENING if not line.startswith(without)]
    return b"\r\n".join((b"GET %b HTTP/1.1" % path.encode(), *lines, *more, b"", b""))


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True, bits: int = 0) -> bytes:
    """Write a frame as a client would, masked by nothing."""
    first = fin << 7 | bits << 4 | opcode
    if len(data) < 126:
        head = bytes((first, MASK_BIT | len(data)))
    elif len(data) < 1 << 16:
        head = bytes((first, MASK_BIT | 126)) + len(data).to_bytes(2, "big")
    else:
        head = bytes((first, MASK_BIT | 127)) + len(data).to_bytes(8, "big")
    return head + bytes(4) + data


def text(data: bytes) -> bytes:
    return frame(Opcode.TEXT, data)


class Ended(NamedTuple):
    """How a socket ended: the code it was closed with, and what was said before."""

    code: int | None
    said: list[bytes]


def read_frames(heard: bytes) -> Ended:
    """Read the whole frames of a server: unmasked, and short or middling."""
    said, code = [], None
    while len(heard) > 3:
        opcode, length, start = heard[0], heard[1], 2
        assert not length & MASK_BIT
        if length == 126:
            length, start = int.from_bytes(heard[2:4], "big"), 4
        data, heard = heard[start : start + length], heard[start + length :]
        if len(data) < length:
            break
        if opcode == CLOSE:
            code = int.from_bytes(data[:2], "big")
        elif opcode == 0x81:
            said.append(data)
    return Ended(code, said)


@asynccontextmanager
async def open_socket(
    tmp_path: Path, path: str = "/ws", settings: ServerSettings = FAST
) -> AsyncIterator[tuple[Rooms, Wire]]:
    """Open a raw socket."""
    async with on_a_port(tmp_path, settings) as (rooms, port), wire(port) as line:
        await line.say(opening(path))
        head = await line.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        yield rooms, line
        await until(lambda: not rooms.app.concurrency.streams)
        assert (await rooms.client.get("/health/live")).status_code == 200


HALF_A_HEAD = b"\x81\xff" + (1 << 20).to_bytes(8, "big") + b"mask"
HOSTILE: dict[str, tuple[bytes, int]] = {
    "a frame of 1 MiB": (text(b"x" * (1 << 20)), 1009),
    "a frame of 1 MiB that is only announced": (HALF_A_HEAD, 1009),
    "a frame one byte too large": (text(b"x" * 4_097), 1009),
    "parts that are too large together": (
        frame(Opcode.TEXT, b"x" * 4_000, fin=False) + frame(Opcode.CONT, b"x" * 4_000), 1009,
    ),
    "1,000 messages at once": (text(b"{}") * 1_000, 1008),
    "eleven messages at once": (text(b"{}") * 11, 1008),
    "10,000 pings at once": (frame(Opcode.PING) * 10_000, 1008),
    "1,000 pings of 125 bytes": (frame(Opcode.PING, b"x" * 125) * 1_000, 1008),
    "10,000 pongs nobody asked for": (frame(Opcode.PONG) * 10_000, 1008),
    "a message of 10,000 empty parts": (
        frame(Opcode.TEXT, fin=False) + frame(Opcode.CONT, fin=False) * 10_000, 1008,
    ),
    "a frame that is not masked": (b"\x81\x02{}", 1002),
    "a frame said to be compressed": (frame(Opcode.TEXT, b"{}", bits=4), 1002),
    "an opcode there is not": (b"\x83\x80mask", 1002),
    "a ping in parts": (frame(Opcode.PING, fin=False), 1002),
    "a ping that is too large": (b"\x89\xfe\x00\x7emask" + b"x" * 126, 1002),
    "the middle of a message": (frame(Opcode.CONT, b"x"), 1002),
    "a text that is not UTF-8": (text(b"\xff\xfe"), 1007),
    "a close code there is not": (frame(Opcode.CLOSE, b"\x00\x01"), 1002),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
async def test_what_no_client_sends_closes_the_socket_with_its_code(
    tmp_path: Path, case: str
) -> None:
    sent, code = HOSTILE[case]
    async with open_socket(tmp_path) as (_, line):
        with suppress(ConnectionError):
            await line.say(sent)
        assert (await until_closed(line)).code == code


async def until_closed(line: Wire) -> Ended:
    """Return what is said up to the close frame, and that frame's code."""
    heard, ended = b"", Ended(None, [])
    async with asyncio.timeout(WAIT_S):
        while ended.code is None:
            more = await line.reader.read(4_096)
            if not more:
                break
            heard += more
            ended = read_frames(heard)
    return ended


@pytest.mark.parametrize("case", HOSTILE)
async def test_a_socket_for_orders_ends_no_other_way(tmp_path: Path, case: str) -> None:
    sent, code = HOSTILE[case]
    if case == "eleven messages at once":
        return  # an order a message is what this socket is for
    async with open_socket(tmp_path, "/api/orders/execute") as (rooms, line):
        await line.say(sent)
        assert (await until_closed(line)).code == code
        assert (await rooms.client.get("/api/orders")).json()["total"] == 0


async def test_messages_and_pings_within_the_limits_are_answered(tmp_path: Path) -> None:
    async with open_socket(tmp_path, "/api/orders/execute") as (_, line):
        order = json.dumps({**ORDER, "amount": -1}).encode()
        await line.say(text(order) * 5 + frame(Opcode.PING, b"?") * 50)
        heard = b""
        async with asyncio.timeout(WAIT_S):
            while len(read_frames(heard).said) < 5 or heard.count(b"\x8a\x01?") < 50:
                heard += await line.reader.read(4_096)
        assert all(b'"failed"' in one for one in read_frames(heard).said)
        await line.say(frame(Opcode.CLOSE, b"\x03\xe8"))
        assert read_frames(await line.hear()).code == 1000


async def test_a_client_that_answers_no_ping_is_let_go(tmp_path: Path) -> None:
    settings = replace(FAST, ping_ms=20, pong_ms=20)
    async with open_socket(tmp_path, settings=settings) as (rooms, line):
        assert read_frames(await line.hear()).code == 1011
        await until(lambda: not rooms.app.concurrency.streams)


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "a bad origin": (opening("/ws", b"Origin: https://evil.example"), 403, "origin_not_allowed"),
    "no origin there can be": (opening("/ws", b"Origin: null"), 403, "origin_not_allowed"),
    "another host": (
        opening("/ws", b"Host: evil.example", without=b"Host"), 403, "host_not_allowed",
    ),
    "no such path": (opening("/nowhere"), 404, "not_found"),
    "two hosts": (opening("/ws", b"Host: localhost"), 400, "bad_request"),
    "a long line": (opening("/ws", b"X: " + b"x" * 9_000), 431, "headers_too_large"),
    "a line no library reads": (opening("/ws", b"X: a\x01"), 400, "bad_request"),
    "a cursor that is none": (opening("/ws?cursor=x"), 400, "invalid_query"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_what_may_not_open_a_socket_is_told_why_in_plain_http(
    tmp_path: Path, case: str
) -> None:
    sent, status, code = REFUSED[case]
    async with on_a_port(tmp_path) as (rooms, port), wire(port) as line:
        await line.say(sent)
        told, body = await line.answer()
        assert (told, json.loads(body)["code"]) == (status, code)
        assert await line.hear() == b""
        await until(lambda: not rooms.app.concurrency.streams)


BEARER = b"Authorization: Bearer cmb_11111111_" + b"1" * 44
LOCKED: dict[str, tuple[bytes, ...]] = {
    "no key": (),
    "a bad key": (BEARER,),
    "a key in the wrong place": (b"Sec-WebSocket-Protocol: cambist.v1, " + BEARER[22:],),
    "a ticket of nobody": (b"Sec-WebSocket-Protocol: cambist.v1, ticket." + b"1" * 44,),
    "an empty ticket": (b"Sec-WebSocket-Protocol: ticket.",),
    "500 tickets": (b"Sec-WebSocket-Protocol: " + b", ".join([b"ticket.x"] * 500),),
}


@pytest.mark.parametrize("case", LOCKED)
async def test_without_a_key_or_a_ticket_no_socket_opens(tmp_path: Path, case: str) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        await rooms.key()
        for path in ("/ws", "/ws/orders?orderId=x", "/api/orders/execute"):
            async with wire(rooms.port) as line:
                # Frames that come along with a refused opening are not looked at.
                await line.say(opening(path, *LOCKED[case]) + text(b"{}"))
                status, body = await line.answer()
                assert (status, json.loads(body)["code"]) == (401, "unauthorized")


async def test_half_an_opening_is_cut(tmp_path: Path) -> None:
    settings = with_edge(head_ms=50)
    async with on_a_port(tmp_path, settings) as (rooms, port), wire(port) as line:
        await line.say(opening("/ws")[:-2])
        heard: Any = await line.hear()
        assert heard.startswith(b"HTTP/1.1 408 ")
        assert not rooms.app.concurrency.streams


async def test_a_refused_opening_leaves_no_place_taken(tmp_path: Path) -> None:
    settings = replace(DEFAULTS, edge=replace(DEFAULTS.edge, connections_max=3))
    async with on_a_port(tmp_path, settings) as (_, port):
        for _ in range(20):
            async with wire(port) as line:
                await line.say(opening("/nowhere"))
                assert (await line.answer())[0] == 404
                assert await line.hear() == b""
