"""Puts the routes together, and the gate before them."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from cambist.clock import draw_secret
from cambist.engine.engine import Engine
from cambist.faults import Code, Refused, fault
from cambist.ports.clock import Clock
from cambist.ports.errors import PortDown
from cambist.server.auth.authenticator import Doorman, KeyDoor, Locks, OpenDoor
from cambist.server.auth.tickets import Tickets
from cambist.server.concurrency import Seats
from cambist.server.middleware import Gate
from cambist.server.responses import Answer, send_answer
from cambist.server.routes import Entrance, Routes
from cambist.server.settings import ServerSettings

PAGES: Final = frozenset(("/docs", "/docs/faults"))


class App:
    """The ASGI application of one engine."""

    def __init__(
        self, engine: Engine, settings: ServerSettings, locks: Locks | None = None
    ) -> None:
        self.settings = settings
        self.clock: Clock = engine.clock
        self.seats = Seats(settings)
        draw = draw_secret if locks is None else locks.draw
        tickets = Tickets(engine.clock, draw)
        self._doorman: Doorman = (
            OpenDoor() if locks is None else KeyDoor(engine.clock, locks, settings, tickets)
        )
        entrance = Entrance(self._doorman, tickets)
        self.routes = Routes(engine, settings, self.seats, entrance).all()
        router = Router(self.routes, redirect_slashes=False, default=_nowhere)
        self._gate = Gate(router, settings, self.seats, draw)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or serve one socket."""
        await self._gate(scope, receive, send)

    async def watch(self) -> None:
        """End the streams of keys that are no longer in force, until cancelled."""
        while True:
            await self.clock.sleep(self.settings.recheck_ms)
            with suppress(PortDown):
                await self.seats.dismiss(self._doorman.still_admits)

    def drain(self) -> None:
        """End all streams and take no more; requests are still answered."""
        self.seats.drain()


def build(engine: Engine, settings: ServerSettings, locks: Locks | None = None) -> App:
    """Return the application that serves an engine; without locks it lets everyone in."""
    return App(engine, settings, locks)


async def _nowhere(scope: Scope, _receive: Receive, send: Send) -> None:
    """Lead to a page that was asked for with a slash too many, and refuse the rest."""
    path = scope["path"]
    if scope["type"] == "http" and path.endswith("/") and path[:-1] in PAGES:
        name = path[:-1].rpartition("/")[2]
        location = (b"location", f"../{name}".encode())
        await send_answer(send, Answer(308, b"", headers=(location,)))
        return
    raise Refused(fault(Code.NOT_FOUND))
