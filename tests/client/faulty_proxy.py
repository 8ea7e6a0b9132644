"""Stands between a client and a server, and cuts, stalls, loses and refuses as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from cambist.client import Client, RetryPolicy
from cambist.values.time_units import Timestamp
from tests.server.app_harness import Rooms, on_a_port

READ_BYTES = 1_024
NOW = Timestamp(1_700_000_000_000)


class Mischief(NamedTuple):
    """What happens to one connection: so many bytes reach the client, then it is cut or stalls.

    With an `answer` the server is not asked at all.
    """

    bytes_max: int | None = None
    stalls: bool = False
    answer: bytes = b""


KIND = Mischief()
LOSE = Mischief(bytes_max=0)


def refuse(status: int, *headers: str) -> Mischief:
    """Answer with a status, as a server that is too busy does."""
    lines = [f"HTTP/1.1 {status} No", "content-length: 0", "connection: close", *headers]
    return Mischief(answer="".join(f"{line}\r\n" for line in [*lines, ""]).encode())


class Proxy:
    """A door to a server that plays its tricks in order, one for each connection."""

    def __init__(self, port: int, tricks: Iterable[Mischief]) -> None:
        self._port = port
        self._tricks: Iterator[Mischief] = iter(tricks)
        self.connections = 0
        self._serving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Take connections while the context lasts, and yield the address."""
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    def turn(self, *tricks: Mischief) -> None:
        """Play these tricks from now on."""
        self._tricks = iter(tricks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        trick = next(self._tricks, KIND)
        try:
            with suppress(OSError):
                if trick.answer:
                    await reader.read(READ_BYTES)
                    writer.write(trick.answer)
                else:
                    await self._pass_on(reader, writer, trick)
        finally:
            writer.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, trick: Mischief
    ) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        asking = asyncio.create_task(_copy(reader, to_server))
        try:
            left = trick.bytes_max
            while data := await from_server.read(READ_BYTES):
                part = data if left is None else data[:left]
                writer.write(part)
                await writer.drain()
                left = None if left is None else left - len(part)
                if left == 0 and trick.stalls:
                    await reader.read()
                if left == 0:
                    return
        finally:
            asking.cancel()
            to_server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what a client says; when it has gone, so has its connection to the server."""
    try:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()


class HastyClock:
    """A clock on which no wait takes any time; it remembers each."""

    def __init__(self) -> None:
        self.waits: list[int] = []

    def now(self) -> Timestamp:
        return NOW

    async def sleep(self, milliseconds: int) -> None:
        self.waits.append(milliseconds)
        await asyncio.sleep(0)


class Stage(NamedTuple):
    """A server, the proxy before it, and a client that comes through the proxy."""

    rooms: Rooms
    proxy: Proxy
    cambist: Client
    clock: HastyClock


@asynccontextmanager
async def stage(
    home: Path, tricks: Iterable[Mischief] = (), **patience: Any
) -> AsyncIterator[Stage]:
    """Set up all of it on real sockets."""
    clock = HastyClock()
    async with on_a_port(home) as (rooms, port):
        proxy = Proxy(port, tricks)
        async with (
            proxy.listening() as url,
            Client(url, patience=RetryPolicy(**patience), clock=clock) as cambist,
        ):
            yield Stage(rooms, proxy, cambist, clock)
