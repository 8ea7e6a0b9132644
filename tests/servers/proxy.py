"""Stands between a client and a server, and does to their connection what networks do.

Runs on the test's own event loop; what it does is changed by setting its attributes.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

CHUNK_BYTES: Final = 65_536
POSTGRES_PORT: Final = 5_432
SLICE_S: Final = 0.01


class Way(Enum):
    """What becomes of bytes."""

    PASS = "pass"
    BLACKHOLE = "blackhole"  # taken, and never answered; new connections too
    HALF_OPEN = "half-open"  # the server is hung up on, and the client not told


class Loss(Enum):
    """What is lost of an exchange that was chosen to be broken."""

    REPLY = "reply"  # the server does as it was asked, and the client never hears
    REQUEST = "request"  # the server never hears


Chooser = Callable[[bytes], Loss | None]
"""Looks at bytes from the client, and says whether their exchange is to be broken, and how."""


class Link:
    """One connection through the proxy."""

    def __init__(
        self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self.client = client
        self.server = server
        self.broken: Loss | None = None
        self.answered = 0

    async def upward(self, reader: asyncio.StreamReader) -> None:
        """Carry bytes from the client to the server."""
        while data := await reader.read(CHUNK_BYTES):
            if self._proxy.way is not Way.PASS:
                continue
            if self.broken is None and self._proxy.choose is not None:
                self.broken = self._proxy.choose(data)
            if self.broken is Loss.REQUEST:
                self.reset()
                return
            await self._carry(data, self.server)

    async def downward(self, reader: asyncio.StreamReader) -> None:
        """Carry bytes from the server to the client."""
        while data := await reader.read(CHUNK_BYTES):
            if self.broken is Loss.REPLY:
                self.reset()
                return
            if self._proxy.way is not Way.PASS:
                continue
            self.answered += len(data)
            cut = self._proxy.cut_after_bytes
            if cut is not None and self.answered > cut:
                self.client.write(data[: max(cut - (self.answered - len(data)), 0)])
                await self.client.drain()
                self.reset()
                return
            await self._carry(data, self.client)

    async def _carry(self, data: bytes, to: asyncio.StreamWriter) -> None:
        if self._proxy.delay_s:
            await asyncio.sleep(self._proxy.delay_s)
        step = self._proxy.bytes_a_slice or len(data)
        for start in range(0, len(data), step):
            to.write(data[start : start + step])
            await to.drain()
            if self._proxy.bytes_a_slice:
                await asyncio.sleep(SLICE_S)

    def reset(self) -> None:
        """Break both halves off with an RST."""
        for half in (self.client, self.server):
            line = half.get_extra_info("socket")
            if line is not None:
                with suppress(OSError):
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            half.transport.abort()

    def hang_up_on_server(self) -> None:
        """Close the server's half only."""
        self.server.transport.abort()


class Proxy:
    """A proxy to a port of this machine, on a port of its own that stays the same."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._to = (host, port)
        self._links: set[Link] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.way = Way.PASS
        self.delay_s = 0.0
        self.bytes_a_slice = 0
        self.cut_after_bytes: int | None = None
        self.choose: Chooser | None = None

    @classmethod
    def before(cls, url: str) -> Proxy:
        """Return a proxy to the server of a URL."""
        parts = urlsplit(url)
        return cls(parts.port or POSTGRES_PORT, parts.hostname or "127.0.0.1")

    async def __aenter__(self) -> Proxy:
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()

    async def accept(self) -> None:
        """Take connections, again after `refuse`."""
        self._server = await self._listen()

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self._to)

    async def refuse(self) -> None:
        """Break off all connections and take no more."""
        if self._server is not None:
            self._server.close()
            self.reset_all()
            await self._server.wait_closed()
            self._server = None

    def reset_all(self) -> None:
        """Break off every connection with an RST."""
        for link in tuple(self._links):
            link.reset()

    def half_open(self) -> None:
        """Hang up on the server, and leave clients in the belief that all is well."""
        self.way = Way.HALF_OPEN
        for link in tuple(self._links):
            link.hang_up_on_server()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await self._dial()
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, writer, up_writer)
        self._links.add(link)
        try:
            with suppress(OSError):
                await asyncio.gather(link.upward(reader), self._down(link, up_reader))
        finally:
            self._links.discard(link)
            writer.transport.abort()
            up_writer.transport.abort()

    async def _down(self, link: Link, reader: asyncio.StreamReader) -> None:
        """Carry what the server says; when it hangs up, so do we, unless that is to be hidden."""
        with suppress(OSError):
            await link.downward(reader)
        if self.way is Way.PASS:
            link.client.transport.abort()


class UnixProxy(Proxy):
    """A proxy between two sockets of the file system."""

    def __init__(self, path: Path, to: Path) -> None:
        super().__init__(0)
        self._path = path
        self._to_path = to

    async def _listen(self) -> asyncio.Server:
        self._path.unlink(missing_ok=True)
        return await asyncio.start_unix_server(self._take, self._path)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self._to_path)
