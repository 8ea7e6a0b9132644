"""Runs the whole house on a paper world without delays, in process or on a real port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from msgspec.structs import replace

from cambist.bootstrap import open_engine
from cambist.config import Settings
from cambist.engine.engine import Engine
from cambist.server.app import App, create_app
from cambist.server.runner import ServerRunner
from cambist.server.settings import ServerSettings

ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
DEFAULTS = ServerSettings()
WAIT_S = 20


class Rooms(NamedTuple):
    """An engine, its application, and a client of it."""

    engine: Engine
    app: App
    client: httpx.AsyncClient


@asynccontextmanager
async def in_process(home: Path, settings: ServerSettings = DEFAULTS) -> AsyncIterator[Rooms]:
    """Run an engine, and its application without a socket."""
    async with open_engine(Settings(home=str(home), paper_profile="instant")) as engine:
        app = create_app(engine, settings)
        async with client_of(app) as client:
            yield Rooms(engine, app, client)


def client_of(app: App) -> httpx.AsyncClient:
    """Return a client of an application without a socket."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@asynccontextmanager
async def on_a_port(
    home: Path, settings: ServerSettings = DEFAULTS
) -> AsyncIterator[tuple[Rooms, int]]:
    """Run an engine, and its application on a real port."""
    async with open_engine(Settings(home=str(home), paper_profile="instant")) as engine:
        app = create_app(engine, settings)
        async with ServerRunner(app, "127.0.0.1", 0).listening() as port:
            base = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
                yield Rooms(engine, app, client), port


def with_edge(**changes: Any) -> ServerSettings:
    """Return the settings with other limits of the connection."""
    return replace(DEFAULTS, edge=replace(DEFAULTS.edge, sweep_ms=10, **changes))


class Wire:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> bytes:
        """Return everything until the server closes."""
        async with asyncio.timeout(WAIT_S):
            return await self.reader.read()

    async def answer(self) -> tuple[int, bytes]:
        """Return one answer's status and body."""
        async with asyncio.timeout(WAIT_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if b"content-length" in line]
            body = await self.reader.readexactly(int(lengths[0].split(b":")[1]))
        return int(head.split()[1]), body


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """Open a raw connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


async def until_closed(client: httpx.AsyncClient, order_id: str) -> dict[str, Any]:
    """Return an order once it has ended, by following its stream."""
    accept = {"accept": "text/event-stream"}
    async with asyncio.timeout(WAIT_S):
        async with client.stream("GET", f"/api/orders/{order_id}/events", headers=accept) as told:
            async for _ in told.aiter_lines():
                pass
        return (await client.get(f"/api/orders/{order_id}")).json()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what the loop is about to do by itself."""
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 -- there is no event to wait for
            await asyncio.sleep(0.001)
