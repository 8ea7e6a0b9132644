"""Listens to streams over raw sockets, at far less cost than the server they come from.

Reads just what our server sends: unmasked frames that are whole messages, and server-sent events
in chunks. Anything else is an error.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, NamedTuple, cast

from bench.http_load import HOST

_HEAD_END: Final = b"\r\n\r\n"
_LINE_END: Final = b"\r\n"
_EVENT_END: Final = b"\n\n"
_SWITCHING: Final = 101
_TEXT, _CLOSE, _PING = 1, 8, 9
_CLOSING: Final = b"\x88\x80\x00\x00\x00\x00"
DEAF_BYTES: Final = 4_096
_SHORT_MAX: Final = 125
_MEDIUM: Final = 126


class Event(NamedTuple):
    """One message, and the id it came with, where it has one."""

    data: bytes
    mark: bytes | None = None


def ask_socket(target: str, origin: str = "") -> bytes:
    """Write the request that opens a WebSocket."""
    lines = [
        f"GET {target} HTTP/1.1", f"Host: {HOST}", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==", "Sec-WebSocket-Version: 13",
    ]  # fmt: skip
    return "\r\n".join([*lines, *([f"Origin: {origin}"] if origin else []), "", ""]).encode()


def ask_events(target: str, after: str | None = None) -> bytes:
    """Write the request for a stream of server-sent events."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {HOST}", "Accept: text/event-stream"]
    if after is not None:
        lines.append(f"Last-Event-ID: {after}")
    return "\r\n".join([*lines, "", ""]).encode()


class Ear(asyncio.Protocol):
    """One stream, from its request on. `hear` is called once for each message."""

    def __init__(self, request: bytes, hear: Callable[[Event], None]) -> None:
        self._request = request
        self._hear = hear
        self._rest = b""
        self._read = self._read_head
        self._events = b""
        self._transport: asyncio.Transport | None = None
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()
        self.status = 0
        self.is_whole = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Say that it is over."""
        self._transport = None
        self.opened.set()
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        self._rest += data
        while self._read():
            pass

    def _read_head(self) -> bool:
        head, end, rest = self._rest.partition(_HEAD_END)
        if not end:
            return False
        self._rest = rest
        self.status = int(head[9:12])
        self._read = self._read_frame if self.status == _SWITCHING else self._read_chunk
        self.opened.set()
        return bool(rest)

    def _read_frame(self) -> bool:
        rest, start = self._rest, 2
        if len(rest) < start:
            return False
        size = rest[1]
        if size > _SHORT_MAX:
            start = 4 if size == _MEDIUM else 10
            if len(rest) < start:
                return False
            size = int.from_bytes(rest[2:start], "big")
        if len(rest) < start + size:
            return False
        kind, data = rest[0] & 0x0F, rest[start : start + size]
        self._rest = rest[start + size :]
        if kind == _TEXT:
            self._hear(Event(data))
        elif kind == _PING:
            # An empty pong is no answer to it, so the payload goes back, masked with zeros.
            self._write(b"\x8a" + bytes([0x80 | len(data)]) + b"\0\0\0\0" + data)
        elif kind == _CLOSE:
            self.is_whole = data[:2] == b"\x03\xe8"
            self._write(_CLOSING)
        return bool(self._rest)

    def _read_chunk(self) -> bool:
        size_text, end, rest = self._rest.partition(_LINE_END)
        if not end:
            return False
        size = int(size_text, 16)
        if len(rest) < size + len(_LINE_END):
            return False
        self._rest = rest[size + len(_LINE_END) :]
        if not size:
            self.is_whole = True
            self.cut()
            return False
        *events, self._events = (self._events + rest[:size]).split(_EVENT_END)
        for event in events:
            self._hear_event(event)
        return bool(self._rest)

    def _hear_event(self, text: bytes) -> None:
        if text.startswith(b":"):
            return
        head, _, data = text.rpartition(b"data: ")
        mark = head.removeprefix(b"id: ").removesuffix(b"\n") if head else None
        self._hear(Event(data, mark))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def pause(self) -> None:
        """Read no more, leave the connection open, and let the kernel take little for it."""
        if self._transport is not None:
            self._transport.pause_reading()
            line = self._transport.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DEAF_BYTES)

    def cut(self) -> None:
        """Cut the connection, wherever it is."""
        if self._transport is not None:
            self._transport.abort()


async def listen(port: int, request: bytes, hear: Callable[[Event], None]) -> Ear:
    """Open a stream. Raises OSError."""
    loop = asyncio.get_running_loop()
    _, ear = await loop.create_connection(lambda: Ear(request, hear), HOST, port)
    return ear
