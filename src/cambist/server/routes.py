"""Lists every path, what lies behind it, and what a caller needs to go there."""

from __future__ import annotations

from typing import Final, NamedTuple

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Scope as Call

from cambist.engine.engine import Engine
from cambist.faults import Code, Refused, fault
from cambist.ports.api_keys import Scope
from cambist.server.auth.authenticator import Doorman, OpenDoor
from cambist.server.auth.tickets import Tickets
from cambist.server.concurrency import Seats
from cambist.server.endpoints import ByMethod, Door, SocketDoor, plain, reading
from cambist.server.handlers.docs import DocsPage, show_faults
from cambist.server.handlers.markets import AskQuote, Markets
from cambist.server.handlers.order_entry import OrderingSocket, PostedSocket
from cambist.server.handlers.orders import Orders, PlaceBatch, PlaceOrder
from cambist.server.handlers.service import About, Halting
from cambist.server.html_pages import page
from cambist.server.openapi.document import document
from cambist.server.protocol.websocket import POSTED
from cambist.server.requests import Want
from cambist.server.responses import JSON, Answer
from cambist.server.settings import ServerSettings
from cambist.server.streaming.event_streams import Voice
from cambist.server.streaming.sse import AllEvents, Events
from cambist.server.streaming.websocket import AllOrdersSocket, OrderSocket
from cambist.server.submission import OrderTaker

PUBLIC: Final = None
READ, TRADE, CANCEL, ADMIN = Scope.READ, Scope.TRADE, Scope.CANCEL, Scope.ADMIN


class Entrance(NamedTuple):
    """Who lets callers in, and the tickets that let them in again."""

    doorman: Doorman
    tickets: Tickets


class Routes:
    """The paths of one engine's server."""

    def __init__(
        self, engine: Engine, settings: ServerSettings, seats: Seats, entrance: Entrance
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._seats = seats
        self._doorman = entrance.doorman
        self._tickets = entrance.tickets
        self._voice = Voice(engine, settings)
        self._taker = OrderTaker(engine, settings)
        self._about = About(engine, seats, entrance.doorman)

    def all(self) -> list[BaseRoute]:
        """Return every route; of a worker, those that tell of its health."""
        if not self._settings.takes_orders:
            return self._health()
        placing, sockets = self._placing(), self._sockets()
        http = (*placing, *sockets, *self._orders(), *self._markets())
        return [*http, *self._service(), *self._health()]

    def _at(self, path: str, **doors: Door) -> Route:
        return Route(path, ByMethod(self._doorman, doors, self._seats.callers))

    def _placing(self) -> list[BaseRoute]:
        engine, taker, edge = self._engine, self._taker, self._settings.edge
        place = Door(TRADE, PlaceOrder(taker, self._voice, self._seats))
        orders = Orders(engine)
        return [
            self._at(
                "/api/orders/batch",
                POST=Door(TRADE, PlaceBatch(engine, taker, self._seats, edge.batch_bytes_max)),
            ),
            self._at("/api/orders", POST=place, GET=Door(READ, reading(orders.list))),
            self._at(
                "/api/quotes",
                POST=Door(READ, AskQuote(engine, taker, self._seats, edge.body_bytes_max)),
            ),
        ]

    def _orders(self) -> list[BaseRoute]:
        orders, one = Orders(self._engine), "/api/orders/{order_id}"
        cancel = Door(CANCEL, plain(orders.cancel))
        amend = Door(TRADE, plain(orders.amend))
        events = Door(READ, Events(self._voice, self._seats))
        return [
            self._at(one, GET=Door(READ, reading(orders.read)), DELETE=cancel, PATCH=amend),
            self._at(f"{one}/events", GET=events),
            self._at(f"{one}/receipt", GET=Door(READ, reading(orders.receipt))),
            self._at(f"{one}/cancel", POST=cancel),
            self._at("/api/stream-tickets", POST=Door(READ, plain(self._tickets.issue))),
            self._at("/api/events", GET=Door(READ, AllEvents(self._voice, self._seats))),
        ]

    def _markets(self) -> list[BaseRoute]:
        markets = Markets(self._engine)
        return [
            self._at("/api/tokens", GET=Door(READ, plain(markets.tokens))),
            self._at("/api/venues", GET=Door(READ, plain(markets.venues))),
            self._at("/api/pools", GET=Door(READ, reading(markets.pools))),
            self._at("/api/report", GET=Door(READ, reading(markets.report))),
        ]

    def _sockets(self) -> list[BaseRoute]:
        voice, seats, taker = self._voice, self._seats, self._taker
        history = Door(READ, OrderSocket(voice, seats, Want()))
        greeted = Door(READ, OrderSocket(voice, seats, Want(greets=True, nested=True)))
        latest = Door(READ, OrderSocket(voice, seats, Want(latest_only=True)))
        posted = Door(TRADE, PostedSocket(voice, seats, taker))
        ordering = Door(TRADE, OrderingSocket(voice, seats, taker))
        everything = Door(READ, AllOrdersSocket(voice, seats))

        def execute(call: Call) -> Door:
            if POSTED in call.get("extensions", ()):
                return posted
            return history if _names_an_order(call) else ordering

        def firehose(call: Call) -> Door:
            return greeted if _names_an_order(call) else everything

        def post_only(call: Call) -> Door:
            if POSTED in call.get("extensions", ()):
                return posted
            raise Refused(fault(Code.NOT_FOUND))

        choices = {
            "/api/orders/execute": execute,
            "/api/orders": post_only,
            "/ws": firehose,
            "/ws/orders": lambda _: latest,
            "/api/orders/{order_id}/status": lambda _: history,
        }
        place = Door(TRADE, PlaceOrder(taker, voice, seats))
        doors = {"/api/orders/execute": {"POST": place}}
        sockets: list[BaseRoute] = [
            WebSocketRoute(path, SocketDoor(self._doorman, choose))
            for path, choose in choices.items()
        ]
        return sockets + [
            Route(path, ByMethod(self._doorman, doors.get(path, {}), seats.callers, choose))
            for path, choose in choices.items()
            if path != "/api/orders"  # where a plain GET is a list
        ]

    def _service(self) -> list[BaseRoute]:
        openapi, docs = page(document(), JSON), DocsPage()

        async def describe(request: Request) -> Answer:
            return openapi.choose(request)

        halt = Halting(self._engine, self._settings, self._about.forget, halts=True)
        resume = Halting(self._engine, self._settings, self._about.forget, halts=False)
        return [
            self._at("/api/halt", POST=Door(ADMIN, halt)),
            self._at("/api/resume", POST=Door(ADMIN, resume)),
            self._at("/openapi.json", GET=Door(PUBLIC, plain(describe))),
            self._at("/docs", GET=Door(PUBLIC, plain(docs.show))),
            self._at("/docs/ui/{name}", GET=Door(PUBLIC, plain(docs.part))),
            self._at("/docs/faults", GET=Door(PUBLIC, plain(show_faults))),
            self._at("/", GET=Door(PUBLIC, plain(self._about.info))),
        ]

    def _health(self) -> list[BaseRoute]:
        about, everyone = self._about, OpenDoor()
        probes = {
            "/health": about.health,
            "/health/live": about.live,
            "/health/ready": about.ready,
        }
        return [
            # Probes are counted nowhere, and need no key: they answer whatever others do.
            *(
                Route(path, ByMethod(everyone, {"GET": Door(PUBLIC, plain(probe))}))
                for path, probe in probes.items()
            ),
            self._at("/metrics", GET=Door(ADMIN, plain(about.metrics))),
        ]


def _names_an_order(call: Call) -> bool:
    return "orderId" in QueryParams(call["query_string"])
