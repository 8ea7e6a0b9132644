"""Probes the processes of an installation: each is ready once it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

PROBE_S_MAX: Final = 2
LINE_BYTES: Final = 128
OK: Final = 200
UNKNOWN_CALLER: Final = 401


async def redis_ready(path: Path) -> bool:
    """Return whether a Redis answers on a Unix socket."""
    return await _answer(path, b"PING\r\n") == b"+PONG\r\n"


async def socket_ready(path: Path) -> bool:
    """Return whether a process accepts connections on a Unix socket."""
    try:
        async with _open(path):
            return True
    except (OSError, TimeoutError):
        return False


async def http_status(address: tuple[str, int], target: str) -> int:
    """Return the status of an engine's answer to a GET; 0 when there is no answer."""
    request = f"GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    status_line = await _answer(address, request.encode())
    words = status_line.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


async def _answer(address: Path | tuple[str, int], request: bytes) -> bytes:
    """Return the first line of the answer; empty when there is no answer."""
    try:
        async with _open(address) as (reader, writer):
            writer.write(request)
            return (await reader.readline())[:LINE_BYTES]
    except (OSError, ValueError, TimeoutError):
        return b""


@asynccontextmanager
async def _open(
    address: Path | tuple[str, int],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(PROBE_S_MAX):
        if isinstance(address, Path):
            reader, writer = await asyncio.open_unix_connection(address)
        else:
            reader, writer = await asyncio.open_connection(*address)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
