"""Hold long answers to be compressed for the clients that accept it, and no others."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import threading
from asyncio.subprocess import PIPE
from pathlib import Path

import httpx
import pytest

from cambist.server import compression
from cambist.server.compression import COMPRESSED_FROM_BYTES, prefers_gzip
from tests.server.app_harness import ORDER, Rooms, in_process, on_a_port, until_closed
from tests.server.authenticated_app import FREE, locked

GZIP = {"accept-encoding": "gzip"}
PLAIN = {"accept-encoding": "identity"}
CURL = shutil.which("curl")
STREAM = {"accept": "text/event-stream"}
LONG = (
    "/api/orders",
    "/api/orders?include=quotes",
    "/api/orders/{order_id}",
    "/api/orders/{order_id}/events",
    "/api/orders/{order_id}/receipt",
    "/api/tokens",
    "/api/report",
    "/openapi.json",
    "/docs/faults",
)


async def _ended_order(rooms: Rooms) -> str:
    placed = (await rooms.client.post("/api/orders", json=ORDER)).json()
    await until_closed(rooms.client, placed["orderId"])
    order_id: str = placed["orderId"]
    return order_id


async def _raw(client: httpx.AsyncClient, path: str, **headers: str) -> tuple[httpx.Headers, bytes]:
    """Return the headers and the body as it was sent."""
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, path
        return answer.headers, b"".join([part async for part in answer.aiter_raw()])


@pytest.mark.parametrize(
    ("accept_encoding", "is_compressed"),
    [
        ("gzip", True),
        ("GZIP;q=1", True),
        ("x-gzip", True),
        ("br, *", True),
        ("*", True),
        ("br, gzip", True),
        ("deflate,gzip;q=0.001", True),
        ("gzip ; q=0.5 , br", True),
        ("*;q=0, gzip", True),
        ("gzip, identity", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("gzip, identity;q=0", True),
        ("*, identity;q=0", True),
        ("gzip;q=0, *", False),
        ("*, gzip;q=0", False),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=0.5, *", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;q=2", False),
        ("gzip;q=-1", False),
        ("gzip;q=", False),
        ("gzip;quality=1", False),
        ("identity", False),
        ("identity;q=0", False),
        ("*;q=0", False),
        ("br;q=1.0", False),
        ("gzipped", False),
        ("", False),
        (",;,;q=,", False),
    ],
)
def test_gzip_is_chosen_by_what_the_client_accepts(
    accept_encoding: str, is_compressed: bool
) -> None:
    assert prefers_gzip(accept_encoding) is is_compressed


async def test_long_answers_are_compressed_for_those_who_accept_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "COMPRESSED_FROM_BYTES", 100)
    async with in_process(tmp_path) as rooms:
        order_id = await _ended_order(rooms)
        for path in (path.format(order_id=order_id) for path in LONG):
            plain_headers, plain = await _raw(rooms.client, path, **PLAIN)
            headers, body = await _raw(rooms.client, path, **GZIP)
            assert "content-encoding" not in plain_headers, path
            assert headers.get("content-encoding") == "gzip", path
            assert plain_headers["vary"] == headers["vary"] == "Accept-Encoding", path
            assert int(headers["content-length"]) == len(body) < len(plain), path
            assert headers["content-type"] == plain_headers["content-type"]
            assert gzip.decompress(body) == plain, path


async def test_changing_documents_are_compressed_too(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        pools = "/api/pools?tokenIn=SOL&tokenOut=USDC"
        for path, media_type in (pools, "application/json"), ("/metrics", "text/plain"):
            headers, body = await _raw(rooms.client, path, **GZIP)
            assert headers["content-encoding"] == "gzip"
            assert headers["content-type"].startswith(media_type)
            assert len(gzip.decompress(body)) > COMPRESSED_FROM_BYTES


async def test_a_head_has_the_headers_of_the_get(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        await _ended_order(rooms)
        for path in ("/api/orders?include=quotes", "/api/tokens", "/openapi.json"):
            for accept in (GZIP, PLAIN):
                got = await rooms.client.get(path, headers=accept)
                head = await rooms.client.head(path, headers=accept)
                for name in ("content-length", "content-type", "content-encoding", "vary"):
                    assert head.headers.get(name) == got.headers.get(name), (path, name)


async def test_an_accept_encoding_may_be_sent_in_parts(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        parts = [("accept-encoding", "br"), ("accept-encoding", "gzip")]
        answer = await rooms.client.get("/api/tokens", headers=parts)
        assert answer.headers["content-encoding"] == "gzip"


async def test_short_answers_and_errors_stay_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_process(tmp_path) as rooms:
        listed = await rooms.client.get("/api/orders", headers=GZIP)
        assert len(listed.content) < COMPRESSED_FROM_BYTES
        assert "content-encoding" not in listed.headers
        assert "vary" not in listed.headers
        monkeypatch.setattr(compression, "COMPRESSED_FROM_BYTES", 1)
        for path in ("/nowhere", "/api/orders?limit=x", "/api/report?since=x"):
            refused = await rooms.client.get(path, headers=GZIP)
            assert refused.status_code >= 400
            assert "content-encoding" not in refused.headers


async def test_the_answer_to_a_post_is_never_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "COMPRESSED_FROM_BYTES", 1)
    async with in_process(tmp_path) as rooms:
        for path, body in (
            ("/api/orders", ORDER),
            ("/api/orders/batch", {"orders": [ORDER] * 9}),
            ("/api/quotes", ORDER),
        ):
            answer = await rooms.client.post(path, json=body, headers=GZIP)
            assert answer.status_code in (200, 202)
            assert "content-encoding" not in answer.headers
            assert "vary" not in answer.headers


async def test_a_ticket_is_a_secret_and_is_never_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "COMPRESSED_FROM_BYTES", 1)
    async with locked(tmp_path, FREE) as rooms:
        headers = {**await rooms.key(), **GZIP}
        issued = await rooms.client.post("/api/stream-tickets", headers=headers)
        assert issued.status_code == 201
        assert "content-encoding" not in issued.headers


async def test_a_stream_is_never_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "COMPRESSED_FROM_BYTES", 1)
    async with in_process(tmp_path) as rooms:
        order_id = await _ended_order(rooms)
        path = f"/api/orders/{order_id}/events"
        headers, body = await _raw(rooms.client, path, **GZIP, **STREAM)
        assert "content-encoding" not in headers
        assert "vary" not in headers
        assert body.startswith(b"id: 1\ndata: ")


async def test_only_long_lists_are_compressed_in_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    really = gzip.compress

    def compress(*given: object, **named: object) -> bytes:
        threads.append(threading.current_thread() is not threading.main_thread())
        return really(*given, **named)  # type: ignore[arg-type]

    async with in_process(tmp_path) as rooms:
        monkeypatch.setattr(gzip, "compress", compress)
        await rooms.client.get("/api/tokens", headers=GZIP)
        monkeypatch.setattr(compression, "THREAD_FROM_BYTES", COMPRESSED_FROM_BYTES)
        await rooms.client.get("/api/tokens", headers=GZIP)
    assert threads == [False, True]


async def test_httpx_asks_for_gzip_by_itself_and_reads_it(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        await _ended_order(rooms)
        listed = await rooms.client.get("/api/orders?include=quotes")
        assert listed.headers["content-encoding"] == "gzip"
        plain = await rooms.client.get("/api/orders?include=quotes", headers=PLAIN)
        assert listed.json() == plain.json()


@pytest.mark.skipif(CURL is None, reason="needs curl")
async def test_curl_reads_a_compressed_list(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        await _ended_order(rooms)
        url = f"http://127.0.0.1:{port}/api/orders?include=quotes"
        options = (
            "--silent",
            "--compressed",
            "--max-time",
            "10",
            "--write-out",
            "%{size_download}",
        )
        run = await asyncio.create_subprocess_exec(str(CURL), *options, url, stdout=PIPE)
        out, _ = await run.communicate()
        plain = (await rooms.client.get("/api/orders?include=quotes", headers=PLAIN)).content
        assert out.startswith(plain)
        assert int(out.removeprefix(plain)) < len(plain)
