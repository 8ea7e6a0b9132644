"""Assembles the ASGI application: the routes, and the middleware before them."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from starlette.types import Receive, Scope, Send

from cambist.clock import draw_secret
from cambist.engine.engine import Engine
from cambist.faults import Code, RequestRejected, fault
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.server.auth.authenticator import (
    AllowAll,
    ApiKeyAuthenticator,
    AuthDependencies,
    Authenticator,
)
from cambist.server.auth.tickets import Tickets
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.dispatch import PathDispatcher
from cambist.server.request_guard import RequestGuard
from cambist.server.responses import Response, send_answer
from cambist.server.routes import Routes
from cambist.server.settings import ServerSettings

PAGES: Final = frozenset(("/docs", "/docs/faults"))


class App:
    """The ASGI application of one engine."""

    def __init__(
        self, engine: Engine, settings: ServerSettings, locks: AuthDependencies | None = None
    ) -> None:
        self.settings = settings
        self.clock: Clock = engine.clock
        self.concurrency = ConcurrencyLimits(settings)
        draw = draw_secret if locks is None else locks.draw
        tickets = Tickets(engine.clock, draw)
        self._authenticator: Authenticator = (
            AllowAll()
            if locks is None
            else ApiKeyAuthenticator(engine.clock, locks, settings, tickets)
        )
        self.routes = Routes(
            engine,
            settings,
            self.concurrency,
            authenticator=self._authenticator,
            tickets=tickets,
        ).all()
        paths = PathDispatcher(self.routes, default=_not_found)
        self._gate = RequestGuard(paths, settings, self.concurrency, draw)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or serve one socket."""
        await self._gate(scope, receive, send)

    async def revoke_loop(self) -> None:
        """End the streams of keys that are no longer in force, until cancelled."""
        while True:
            await self.clock.sleep(self.settings.key_recheck_ms)
            with suppress(PortUnavailable):
                await self.concurrency.close_unauthorized(self._authenticator.is_still_valid)

    def drain(self) -> None:
        """End all streams and take no more; requests are still answered."""
        self.concurrency.drain()


def create_app(
    engine: Engine, settings: ServerSettings, locks: AuthDependencies | None = None
) -> App:
    """Return the application that serves an engine; without locks it lets everyone in."""
    return App(engine, settings, locks)


async def _not_found(scope: Scope, _receive: Receive, send: Send) -> None:
    """Lead to a page that was asked for with a slash too many, and refuse the rest."""
    path = scope["path"]
    if scope["type"] == "http" and path.endswith("/") and path[:-1] in PAGES:
        name = path[:-1].rpartition("/")[2]
        location = (b"location", f"../{name}".encode())
        await send_answer(send, Response(308, b"", headers=(location,)))
        return
    raise RequestRejected(fault(Code.NOT_FOUND))
