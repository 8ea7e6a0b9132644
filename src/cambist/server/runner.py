"""Runs the server inside our own task group, and ends it without cutting anyone short."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn

from cambist.server.app import App
from cambist.server.client_address import TrustedProxies
from cambist.server.protocol.connections import ConnectionRegistry
from cambist.server.protocol.http1 import LimitedHttpProtocol, ProtocolConfig
from cambist.server.protocol.websocket import LimitedWebSocketProtocol
from cambist.server.responses import SECURITY_HEADERS

BACKLOG: Final = 2_048


class PortInUse(RuntimeError):
    """Another process listens on this address and port."""


class _Server(uvicorn.Server):
    """Uvicorn that says when it is ready, and leaves the process's signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


class ServerRunner:
    """One server, for as long as `listening` lasts."""

    def __init__(self, app: App, host: str, port: int) -> None:
        self._app = app
        self._address = (host, port)
        self._connections = ConnectionRegistry(
            app.settings.edge, TrustedProxies(app.settings.trusted_proxies)
        )

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Serve while the context lasts, and yield the port.

        On the way out nothing new is taken, streams are ended, and requests are finished.
        Raises PortInUse, and OSError for an address that is not this machine's.
        """
        server = _Server(self._configure())
        with self._listen() as listener:
            async with asyncio.TaskGroup() as tasks:
                sweeping = tasks.create_task(self._connections.sweep(self._app.clock))
                watching = tasks.create_task(self._app.revoke_loop())
                serving = tasks.create_task(server.serve(sockets=[listener]))
                serving.add_done_callback(lambda _: (sweeping.cancel(), watching.cancel()))
                await server.ready.wait()
                try:
                    yield listener.getsockname()[1]
                finally:
                    self._app.drain()
                    server.should_exit = True

    def _listen(self) -> socket.socket:
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            msg = f"{place} is in use; stop who listens there, or choose another port"
            raise PortInUse(msg) from None

    def _configure(self) -> ProtocolConfig:
        settings = self._app.settings
        config = ProtocolConfig(
            self._app,
            http=LimitedHttpProtocol,
            ws=LimitedWebSocketProtocol,
            ws_max_size=settings.frame_bytes_max,
            ws_per_message_deflate=False,
            ws_ping_interval=settings.ping_ms / 1_000,
            ws_ping_timeout=settings.pong_ms / 1_000,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            headers=[(name.decode(), value.decode()) for name, value in SECURITY_HEADERS],
            timeout_graceful_shutdown=settings.drain_ms // 1_000,
        )
        config.connections = self._connections
        return config
