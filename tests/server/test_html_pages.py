"""Hold the pages to one style and their packed form, and unread answers to little memory."""

from __future__ import annotations

import asyncio
import gzip
import socket
from contextlib import AsyncExitStack
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from cambist.server.handlers.docs import CARRIER
from cambist.server.html_pages import STYLE, prepare_page
from cambist.server.protocol.http1 import WRITE_BUFFER_BYTES_MAX, LimitedHttpProtocol
from cambist.server.responses import CHUNK_BYTES, Response, send_answer
from cambist.server.runner import ServerRunner
from tests.server.app_harness import in_process, until

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OPENED = 20
UNREAD = 300
UNREAD_BYTES_MAX = 20 * 1024 * 1024


class Links(HTMLParser):
    """The places a page leads to, and the viewport it names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.viewports = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "a":
            self.links.append(told["href"] or "")
        self.viewports += told.get("name") == "viewport"


async def test_the_first_page_leads_a_browser_on_and_tells_programs_in_json(
    tmp_path: Path,
) -> None:
    async with in_process(tmp_path) as rooms:
        shown = await rooms.client.get("/", headers=BROWSER)
        assert shown.headers["content-type"] == "text/html; charset=utf-8"
        found = Links(shown.text)
        assert found.viewports == 1
        assert set(found.links) == {"docs", "docs/faults", "health", "openapi.json"}
        for link in found.links:
            assert (await rooms.client.get(f"/{link}")).status_code == 200, link
        for accept in ("*/*", "application/json"):
            told = await rooms.client.get("/", headers={"accept": accept})
            assert told.json()["name"] == "cambist"
            assert told.headers["vary"] == "Accept"


async def test_all_pages_have_one_style_and_load_nothing(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        for path in ("/", "/docs/faults"):
            shown = await rooms.client.get(path, headers=BROWSER)
            assert STYLE in shown.text
            assert "unsafe" not in shown.headers["content-security-policy"]
            assert "src=" not in shown.text


@pytest.mark.parametrize("path", ["/docs/", "/docs/faults/"])
async def test_a_page_is_found_with_a_slash_too_many(tmp_path: Path, path: str) -> None:
    async with in_process(tmp_path) as rooms:
        led = await rooms.client.get(path)
        assert led.status_code == 308
        found = await rooms.client.get(path, follow_redirects=True)
        assert found.status_code == 200
        assert found.url.path == path.rstrip("/")
        assert (await rooms.client.get("/api/orders/")).status_code == 404


async def test_pages_are_sent_packed_to_those_who_can_read_that(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        for path in ("/docs/faults", "/openapi.json"):
            plain = await rooms.client.get(path, headers={"accept-encoding": "identity"})
            packed = await rooms.client.get(path, headers={"accept-encoding": "br, gzip;q=0.5"})
            assert "content-encoding" not in plain.headers
            assert packed.headers["content-encoding"] == "gzip"
            assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
            assert plain.content == packed.content  # unpacked by the client
            assert int(packed.headers["content-length"]) * 3 < len(plain.content)


def test_a_packed_page_is_the_same_page() -> None:
    made = prepare_page(b"x" * 5_000)
    assert made.packed is not None
    assert gzip.decompress(made.packed.body) == made.answer.body
    assert prepare_page(b"short").packed is None


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
async def test_an_answer_goes_out_in_chunks_and_whole(size: int) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    body = bytes(range(256)) * (size // 256 + 1)
    await send_answer(send, Response(200, body[:size]))
    parts: list[Any] = [one["body"] for one in sent[1:]]
    assert b"".join(parts) == body[:size]
    assert max(map(len, parts)) <= CHUNK_BYTES
    assert [one.get("more_body", False) for one in sent[1:]] == [True] * (len(parts) - 1) + [False]


async def test_pages_that_nobody_reads_cost_little(tmp_path: Path) -> None:
    pytest.importorskip(CARRIER, reason="pip install 'cambist[docs]'")
    # The kernel takes some megabytes for each connection: more is asked for than it can hold.
    ask = b"GET /docs/ui/swagger-ui.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5
    async with in_process(tmp_path) as rooms, AsyncExitStack() as stack:
        serving = ServerRunner(rooms.app, "127.0.0.1", 0)
        port = await stack.enter_async_context(serving.listening())
        loop = asyncio.get_running_loop()
        for _ in range(OPENED):
            unread = stack.enter_context(socket.socket())
            unread.setblocking(False)
            unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            await loop.sock_connect(unread, ("127.0.0.1", port))
            await loop.sock_sendall(unread, ask)
        connections = serving._connections.timed

        def waiting() -> list[int]:
            return [
                connection.transport.get_write_buffer_size()
                for connection in connections
                if isinstance(connection, LimitedHttpProtocol) and connection.flow.write_paused
            ]

        await until(lambda: len(waiting()) == OPENED)
        most = max(waiting())
        assert most <= WRITE_BUFFER_BYTES_MAX + CHUNK_BYTES
        assert UNREAD * (most + CHUNK_BYTES) <= UNREAD_BYTES_MAX
