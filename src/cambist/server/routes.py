"""Lists every path, what lies behind it, and what a caller needs to go there."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.routing import BaseRoute, Route, WebSocketRoute

from cambist.engine.engine import Engine
from cambist.ports.keys import Scope
from cambist.server.about import About
from cambist.server.answers import Answer
from cambist.server.docs_page import DocsPage
from cambist.server.doors import ByMethod, Door, Doorman, SocketDoor, plain
from cambist.server.faults_page import show_faults
from cambist.server.openapi import document
from cambist.server.orders import Orders, PlaceOrder
from cambist.server.seats import Seats
from cambist.server.settings import ServerSettings
from cambist.server.sockets import OrderSocket
from cambist.server.streams import Events

PUBLIC: Final = None
READ, TRADE, CANCEL, ADMIN = Scope.READ, Scope.TRADE, Scope.CANCEL, Scope.ADMIN


class Routes:
    """The paths of one engine's server."""

    def __init__(
        self, engine: Engine, settings: ServerSettings, seats: Seats, doorman: Doorman
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._seats = seats
        self._doorman = doorman

    def all(self) -> list[BaseRoute]:
        """Return every route."""
        return [*self._orders(), *self._service()]

    def _at(self, path: str, **doors: Door) -> Route:
        return Route(path, ByMethod(self._doorman, doors))

    def _socket(self, path: str, door: Door) -> WebSocketRoute:
        return WebSocketRoute(path, SocketDoor(self._doorman, door))

    def _orders(self) -> list[BaseRoute]:
        engine, settings, seats = self._engine, self._settings, self._seats
        place, orders = Door(TRADE, PlaceOrder(engine, settings)), Orders(engine)
        cancel = Door(CANCEL, plain(orders.cancel))
        one = "/api/orders/{order_id}"
        return [
            self._at("/api/orders/execute", POST=place),
            self._socket("/api/orders/execute", Door(READ, OrderSocket(engine, settings, seats))),
            self._at("/api/orders", POST=place, GET=Door(READ, plain(orders.list))),
            self._at(one, GET=Door(READ, plain(orders.read)), DELETE=cancel),
            self._at(f"{one}/events", GET=Door(READ, Events(engine, settings, seats))),
            self._at(f"{one}/cancel", POST=cancel),
        ]

    def _service(self) -> list[BaseRoute]:
        about, openapi = About(self._engine, self._seats), Answer(200, document())
        docs = DocsPage()

        async def describe(_request: Request) -> Answer:
            return openapi

        return [
            self._at("/health", GET=Door(PUBLIC, plain(about.health))),
            self._at("/health/live", GET=Door(PUBLIC, plain(about.live))),
            self._at("/health/ready", GET=Door(PUBLIC, plain(about.ready))),
            self._at("/metrics", GET=Door(ADMIN, plain(about.metrics))),
            self._at("/openapi.json", GET=Door(PUBLIC, plain(describe))),
            self._at("/docs", GET=Door(PUBLIC, plain(docs.show))),
            self._at("/docs/ui/{name}", GET=Door(PUBLIC, plain(docs.part))),
            self._at("/docs/faults", GET=Door(PUBLIC, plain(show_faults))),
            self._at("/", GET=Door(PUBLIC, plain(about.info))),
        ]
