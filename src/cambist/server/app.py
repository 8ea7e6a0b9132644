"""Puts the routes together, and the gate before them."""

from __future__ import annotations

from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from cambist.engine.engine import Engine
from cambist.faults import Code, Refused, fault
from cambist.ports.clock import Clock
from cambist.server.doorman import OpenDoor
from cambist.server.gate import Gate
from cambist.server.routes import Routes
from cambist.server.seats import Seats
from cambist.server.settings import ServerSettings


class App:
    """The ASGI application of one engine."""

    def __init__(self, engine: Engine, settings: ServerSettings) -> None:
        self.settings = settings
        self.clock: Clock = engine.clock
        self.seats = Seats(settings.requests_max, settings.streams_max)
        routes = Routes(engine, settings, self.seats, OpenDoor()).all()
        router = Router(routes, redirect_slashes=False, default=_nowhere)
        self._gate = Gate(router, settings, self.seats)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or serve one socket."""
        await self._gate(scope, receive, send)

    def drain(self) -> None:
        """End all streams and take no more; requests are still answered."""
        self.seats.drain()


def build(engine: Engine, settings: ServerSettings) -> App:
    """Return the application that serves an engine."""
    return App(engine, settings)


async def _nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Refused(fault(Code.NOT_FOUND))
