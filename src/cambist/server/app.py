"""Puts the routes together, and the gate before them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from cambist.engine.engine import Engine
from cambist.faults import Code, Refused, fault
from cambist.ports.clock import Clock
from cambist.server.about import About
from cambist.server.answers import Answer, refusal, send_answer
from cambist.server.faults_page import show_faults
from cambist.server.gate import Gate
from cambist.server.openapi import document
from cambist.server.orders import Orders, PlaceOrder
from cambist.server.seats import Seats
from cambist.server.settings import ServerSettings
from cambist.server.sockets import OrderSocket
from cambist.server.streams import Events

Handler = Callable[[Request], Awaitable[Answer]]


class App:
    """The ASGI application of one engine."""

    def __init__(self, engine: Engine, settings: ServerSettings) -> None:
        self.settings = settings
        self.clock: Clock = engine.clock
        self.seats = Seats(settings.requests_max, settings.streams_max)
        router = Router(
            _routes(engine, settings, self.seats), redirect_slashes=False, default=_nowhere
        )
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


class ByMethod:
    """Sends a request on by its method, and refuses the methods a path does not take."""

    def __init__(self, endpoints: Mapping[str, ASGIApp]) -> None:
        self._endpoints = dict(endpoints)
        if "GET" in self._endpoints:
            self._endpoints["HEAD"] = self._endpoints["GET"]
        self._allow = (b"allow", ", ".join(sorted(self._endpoints)).encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None:
            answer = refusal((fault(Code.METHOD_NOT_ALLOWED),))
            await send_answer(send, answer._replace(headers=(self._allow,)))
            return
        await endpoint(scope, receive, send)


def _plain(handler: Handler) -> ASGIApp:
    """Return the application of a handler that answers whole."""

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        await send_answer(send, await handler(Request(scope, receive)))

    return endpoint


def _routes(engine: Engine, settings: ServerSettings, seats: Seats) -> list[BaseRoute]:
    place = PlaceOrder(engine, settings)
    orders, about = Orders(engine), About(engine, seats)
    events = Events(engine, settings, seats)
    openapi = Answer(200, document())

    async def describe(_request: Request) -> Answer:
        return openapi

    def route(path: str, **endpoints: ASGIApp) -> Route:
        return Route(path, ByMethod(endpoints))

    one = "/api/orders/{order_id}"
    return [
        route("/api/orders/execute", POST=place),
        WebSocketRoute("/api/orders/execute", OrderSocket(engine, settings, seats)),
        route("/api/orders", POST=place, GET=_plain(orders.list)),
        route(one, GET=_plain(orders.read), DELETE=_plain(orders.cancel)),
        route(f"{one}/events", GET=events),
        route(f"{one}/cancel", POST=_plain(orders.cancel)),
        route("/health", GET=_plain(about.health)),
        route("/health/live", GET=_plain(about.live)),
        route("/health/ready", GET=_plain(about.ready)),
        route("/metrics", GET=_plain(about.metrics)),
        route("/openapi.json", GET=_plain(describe)),
        route("/docs/faults", GET=_plain(show_faults)),
        route("/", GET=_plain(about.info)),
    ]


async def _nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Refused(fault(Code.NOT_FOUND))
