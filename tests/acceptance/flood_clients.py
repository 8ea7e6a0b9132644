"""Plays crowds of clients that send too much or too slowly, and one that behaves."""

from __future__ import annotations

import asyncio
import re
import resource
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx

CHUNK = b"x" * 65_536
FILES_BESIDE = 200
WAIT_S = 60
_RSS = re.compile(r"VmRSS:\s+(\d+) kB")
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
HEAD = b"POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Address:
        parts = httpx.URL(url)
        assert parts.port is not None
        return cls(parts.host, parts.port)


def room_for(connections: int) -> int:
    """Let this process, and those it starts, open so many files; return how many it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES_BESIDE
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(connections, soft - FILES_BESIDE)


def rss_kib(pid: int) -> int:
    """Return how much memory a process holds."""
    found = _RSS.search(Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found is not None
    return int(found[1])


class Flood(NamedTuple):
    """A request without end: how it begins, and what goes on and on."""

    begin: bytes
    more: bytes
    times: int


FLOODS = {
    "a body of 100 MB": Flood(HEAD + b"Content-Length: 100000000\r\n\r\n", CHUNK, 1_526),
    "100 MB in chunks": Flood(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n%b\r\n" % CHUNK, 1_526
    ),
    "small chunks for ever": Flood(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000, 100
    ),
    "a header of 1 MiB": Flood(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", CHUNK, 16),
    "5,000 headers": Flood(b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X: 1\r\n" * 5_000, 1),
    "a target of 1 MiB": Flood(b"GET /", CHUNK, 16),
    "the extension of a chunk for ever": Flood(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", CHUNK, 100
    ),
}


async def flood(address: Address, what: Flood) -> int | None:
    """Send until the server will not hear more; return the status it answered with."""
    reader, writer = await asyncio.open_connection(*address)
    hearing = asyncio.create_task(reader.read(4_096))
    try:
        with suppress(ConnectionError):
            writer.write(what.begin)
            for _ in range(what.times):
                if hearing.done():
                    break
                writer.write(what.more)
                await writer.drain()
        with suppress(ConnectionError):
            found = _STATUS.match(await hearing)
            return int(found[1]) if found else None
        return None
    finally:
        hearing.cancel()
        writer.close()


SLOW = {
    "not a byte": (b"", b""),
    "a head that drips": (b"GET / HTTP/1.1\r\n", b"X: 1\r\n"),
    "a body that drips": (HEAD + b"Content-Length: 5000\r\n\r\n", b" "),
    "a chunked body that drips": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}


async def drip(address: Address, begin: bytes, more: bytes, every_s: float) -> int | None:
    """Send slowly until the server closes; return the status it closed with, if any."""
    reader, writer = await asyncio.open_connection(*address)
    heard = b""
    try:
        with suppress(ConnectionError):
            writer.write(begin)
            while not reader.at_eof():
                with suppress(TimeoutError):
                    async with asyncio.timeout(every_s):
                        heard += await reader.read(4_096)
                writer.write(more)
                await writer.drain()
    finally:
        writer.close()
    found = _STATUS.match(heard)
    return int(found[1]) if found else None


class Behaved:
    """What a client that behaves was answered meanwhile."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()


@asynccontextmanager
async def behaving(url: str) -> AsyncIterator[Behaved]:
    """Place and read orders, one after another, while the context lasts."""
    behaved = Behaved()
    order = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}

    async def behave() -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=WAIT_S) as client:
            while True:
                for answer in (
                    await client.post("/api/orders", json=order),
                    await client.get("/api/orders?limit=1"),
                ):
                    behaved.statuses[answer.status_code] += 1

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(behave())
        yield behaved
        task.cancel()
