"""Send 2,400 generated requests that no client should send: none may be answered with a 5xx.

The one exception is an honest 503, which says when to come again. Each request is drawn from a
seed: a path, its query, its headers and its body.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from cambist.ports.api_keys import Permission
from tests.server.app_harness import ORDER, WAIT_S, on_a_port, wire
from tests.server.authenticated_app import locked_on_a_port

REQUESTS = 2_400
AT_ONCE = 6
MARK = "zqxjk"
"""A word that no answer to a broken handshake may repeat."""

PATHS = (
    "/", "/docs", "/docs/", "/docs/faults", "/docs/ui/{word}", "/health", "/health/live",
    "/health/ready", "/metrics", "/openapi.json", "/api/orders", "/api/orders/execute",
    "/api/orders/batch", "/api/quotes", "/api/orders/{id}", "/api/orders/{id}/cancel",
    "/api/orders/{id}/events", "/api/orders/{id}/receipt", "/api/orders/{id}/status", "/api/events",
    "/api/tokens", "/api/venues", "/api/pools", "/api/report", "/api/stream-tickets", "/ws",
    "/ws/orders", "/api/halt", "/api/resume", "/nowhere/{word}",
)  # fmt: skip
METHODS = (
    "GET",
    "GET",
    "GET",
    "POST",
    "POST",
    "DELETE",
    "PATCH",
    "PUT",
    "HEAD",
    "OPTIONS",
    "TRACE",
)
MOMENTS = (
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00%2B23:59", "1999-12-31T23:59:59Z",
    "2262-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01", "now", "2026-01-01T24:00:00Z",
)  # fmt: skip
NUMBERS = ("1.0E7", "1e+5", "9e-05", "1e999", "-1", "0", "00", "1.", "NaN", "9" * 60, "1e-400")
ADDRESSES = (
    "203.0.113.9:49152", "[2001:db8::1]:80", "2001:db8::1", "[2001:db8::1", "fe80::1%eth0", "", ",",
    " 203.0.113.9 ,, x", "unknown", "\xff\xfe", "999.1.1.1", "127.0.0.1", "a" * 3_000,
)  # fmt: skip
ORIGINS = (
    "null", "http://localhost", "https://localhost", "http://evil.example", "http://", "\xff",
    "http://localhost:0", "http://127.0.0.1:99999", "file://x",
)  # fmt: skip
QUERIES = (
    "since={moment}", "offset={number}", "limit={number}", "cursor={word}", "status={word}",
    "token={word}", "wallet={word}", "fromSeq={number}", "notes={word}", "orderId={id}",
    "tokenIn={word}&tokenOut=USDC", "trading={word}", "include={word}", "%ff=%00", "a" * 300,
)  # fmt: skip


class Draw:
    """Draws the parts of one request."""

    def __init__(self, seed: int, order_id: str, key: str | None) -> None:
        self._chance = random.Random(seed)
        self._order_id, self._key = order_id, key

    def _word(self) -> str:
        return self._chance.choice(
            (MARK, "SOL", "%00", "..%2f..", "x" * 200, "%F0%9F%92%A9", "'%20OR%201=1", "*", "%", "")
        )

    def _fill(self, text: str) -> str:
        chance = self._chance
        known = chance.choice((self._order_id, MARK, "0" * 36, self._order_id[-6:], "%00"))
        return text.format(
            id=known,
            word=self._word(),
            moment=chance.choice(MOMENTS),
            number=chance.choice(NUMBERS),
        )

    def _body(self) -> bytes:
        chance = self._chance
        order = {**ORDER, chance.choice(("expiresAt", "amount", "slippage", "tokenIn", "x")): None}
        odd = chance.choice((MARK, *MOMENTS, -1, 1e300, [], {}, None, "1e5", 2**70))
        order = {name: odd if value is None else value for name, value in order.items()}
        text = json.dumps(order).replace('"1e5"', chance.choice(NUMBERS[:4]))
        bodies = (
            text.encode(),
            json.dumps({"orders": [order] * chance.choice((0, 1, 101))}).encode(),
            b"[" * chance.choice((10, 3_000)),
            chance.randbytes(50),
            b"",
            json.dumps({"reason": self._word()}).encode(),
        )
        return chance.choice(bodies)

    def _handshake(self) -> list[str]:
        chance = self._chance
        return [
            f"Connection: {chance.choice(('Upgrade', 'keep-alive, Upgrade', 'close'))}",
            f"Upgrade: {chance.choice(('websocket', 'websocket', 'h2c', MARK, 'WebSocket'))}",
            f"Sec-WebSocket-Version: {chance.choice(('13', '13', '12', '8', MARK, ''))}",
            f"Sec-WebSocket-Key: {chance.choice(('x3JJHMbDL1EzLkh9GBhXDw==', MARK, '', 'AA=='))}",
            *chance.choice(([], [f"Sec-WebSocket-Protocol: cambist.v1, ticket.{MARK}"], [])),
            *chance.choice(([], [f"Sec-WebSocket-Extensions: {MARK}; a=b"])),
        ]

    def _headers(self) -> list[str]:
        chance = self._chance
        lines = [chance.choice((*["Host: localhost"] * 18, "Host: evil.example", ""))]
        extra = (
            f"X-Forwarded-For: {chance.choice(ADDRESSES)}",
            f"Origin: {chance.choice(ORIGINS)}",
            f"Authorization: Bearer {chance.choice((self._key or MARK, MARK, ''))}",
            f"Accept: {chance.choice(('text/event-stream', 'application/json', 'text/html'))}",
            f"Accept-Encoding: {chance.choice(('gzip', 'br', MARK))}",
            f"Idempotency-Key: {chance.choice((MARK, 'x' * 300, ' '))}",
            f"Last-Event-ID: {chance.choice(NUMBERS)}",
            f"X-Request-Id: {chance.choice((MARK, 'x' * 500, '{}'))}",
            f"Content-Type: {chance.choice(('application/json', 'text/plain', MARK))}",
            "Expect: 100-continue",
        )
        lines += [one for one in extra if chance.random() < 0.15]
        if chance.random() < 0.3:
            lines += self._handshake()
        return [line for line in lines if line]

    def request(self) -> bytes:
        """Return the bytes of one request."""
        chance = self._chance
        target = self._fill(chance.choice(PATHS))
        if chance.random() < 0.5:
            target += "?" + self._fill(chance.choice(QUERIES))
        lines = [f"{chance.choice(METHODS)} {target} HTTP/1.1", *self._headers()]
        body = self._body() if chance.random() < 0.5 else b""
        if body and chance.random() < 0.2:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        elif body:
            lines.append(f"Content-Length: {len(body)}")
        lines.append("Connection: close")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


async def answer_to(port: int, request: bytes) -> bytes:
    """Send a request, and return what comes back; a stream is left after its head."""
    async with wire(port) as line:
        await line.say(request)
        line.writer.write_eof()
        try:
            async with asyncio.timeout(WAIT_S):
                head = await line.reader.readuntil(b"\r\n\r\n")
                if b"event-stream" in head or b" 101 " in head:
                    return head
                return head + await line.reader.read()
        except asyncio.IncompleteReadError as cut:
            return cut.partial


def fault_in(request: bytes, answer: bytes) -> str | None:
    """Return what is wrong with an answer."""
    if not answer:
        return None  # a client that closed its side may be let go without a word
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    lowered = head.lower()
    if status >= 500 and not (status == 503 and b"retry-after" in lowered):
        return f"{status}: {body[:200]!r}"
    if status >= 400 and b"HEAD " not in request[:5] and b"problem+json" not in lowered:
        return f"{status} is no problem document: {head!r}"
    is_handshake = b"Sec-WebSocket-Key" in request and b" 101 " not in head
    if is_handshake and status in (400, 426) and MARK.encode() in body:
        return f"{status} repeats the client's words: {body[:300]!r}"
    return None


async def hold(port: int, order_id: str, key: str | None) -> Counter[int]:
    """Send all requests, a few at once, and return how often each status came."""
    seeds = iter(range(REQUESTS // 2))
    wrong: list[str] = []
    statuses: Counter[int] = Counter()

    async def send_some() -> None:
        for seed in seeds:
            request = Draw(seed, order_id, key).request()
            answer = await answer_to(port, request)
            fault = fault_in(request, answer)
            wrong.extend([f"seed {seed}: {fault}\n{request[:300]!r}"] if fault else [])
            statuses[int(answer.split()[1]) if answer else 0] += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(send_some())
    assert not wrong, "\n".join(wrong[:5])
    print(sorted(statuses.items()))
    return statuses


@pytest.mark.timeout(180)
async def test_hostile_requests_without_keys(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        order_id = (await rooms.client.post("/api/orders", json=ORDER)).json()["orderId"]
        statuses = await hold(port, order_id, None)
        await rooms.client.post("/api/resume", json={"reason": "a request may have halted"})
        assert (await rooms.client.get("/health")).json()["database"] == "ok"
        assert (await rooms.client.post("/api/orders", json=ORDER)).status_code == 202
        assert (await rooms.client.get("/api/orders?limit=500")).status_code == 200
    assert len(statuses) > 5


@pytest.mark.timeout(180)
async def test_hostile_requests_against_keys(tmp_path: Path) -> None:
    async with locked_on_a_port(tmp_path) as locked:
        text = await locked.key_text(Permission.READ, Permission.TRADE, Permission.CANCEL)
        key = {"authorization": f"Bearer {text}"}
        placed = await locked.client.post("/api/orders", json=ORDER, headers=key)
        statuses = await hold(locked.port, placed.json()["orderId"], text)
        assert (await locked.client.post("/api/orders", json=ORDER, headers=key)).status_code == 202
        assert (await locked.client.get("/api/orders?limit=500", headers=key)).status_code == 200
    assert {401, 403} & set(statuses)
