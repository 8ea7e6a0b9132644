"""Lists every path, what lies behind it, and what a caller needs to go there."""

from __future__ import annotations

from typing import Final, NamedTuple

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Scope as Call

from cambist.engine.engine import Engine
from cambist.faults import Code, RequestRejected, fault
from cambist.ports.api_keys import Permission
from cambist.server.auth.authenticator import AllowAll, Authenticator
from cambist.server.auth.tickets import Tickets
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.endpoints import (
    Endpoint,
    MethodDispatcher,
    WebSocketDispatcher,
    as_asgi,
    reading,
)
from cambist.server.handlers.docs import DocsPage, show_faults
from cambist.server.handlers.markets import GetQuote, MarketHandlers
from cambist.server.handlers.order_entry import OrderEntrySocket, UpgradedPostSocket
from cambist.server.handlers.orders import OrderHandlers, PlaceBatch, PlaceOrder
from cambist.server.handlers.service import HaltHandler, ServiceHandlers
from cambist.server.html_pages import prepare_page
from cambist.server.openapi.document import document
from cambist.server.protocol.websocket import UPGRADE_BODY
from cambist.server.requests import StreamOptions
from cambist.server.responses import JSON, Response
from cambist.server.settings import ServerSettings
from cambist.server.streaming.event_streams import MessageCache
from cambist.server.streaming.sse import OrderEventsHandler, PrincipalEventsHandler
from cambist.server.streaming.websocket import OrderSocket, PrincipalEventsSocket
from cambist.server.submission import OrderSubmitter

PUBLIC: Final = None
READ, TRADE, CANCEL, ADMIN = Permission.READ, Permission.TRADE, Permission.CANCEL, Permission.ADMIN


class Entrance(NamedTuple):
    """Who lets callers in, and the tickets that let them in again."""

    authenticator: Authenticator
    tickets: Tickets


class Routes:
    """The paths of one engine's server."""

    def __init__(
        self,
        engine: Engine,
        settings: ServerSettings,
        concurrency: ConcurrencyLimits,
        entrance: Entrance,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._concurrency = concurrency
        self._authenticator = entrance.authenticator
        self._tickets = entrance.tickets
        self._messages = MessageCache(engine, settings)
        self._submitter = OrderSubmitter(engine, settings)
        self._about = ServiceHandlers(engine, concurrency, entrance.authenticator)

    def all(self) -> list[BaseRoute]:
        """Return every route; of a worker, those that tell of its health."""
        if not self._settings.takes_orders:
            return self._health()
        placing, sockets = self._placing(), self._sockets()
        http = (*placing, *sockets, *self._orders(), *self._markets())
        return [*http, *self._service(), *self._health()]

    def _at(self, path: str, **endpoints: Endpoint) -> Route:
        return Route(
            path, MethodDispatcher(self._authenticator, endpoints, self._concurrency.callers)
        )

    def _placing(self) -> list[BaseRoute]:
        engine, taker, edge = self._engine, self._submitter, self._settings.edge
        place = Endpoint(TRADE, PlaceOrder(taker, self._messages, self._concurrency))
        orders = OrderHandlers(engine)
        return [
            self._at(
                "/api/orders/batch",
                POST=Endpoint(
                    TRADE, PlaceBatch(engine, taker, self._concurrency, edge.batch_bytes_max)
                ),
            ),
            self._at("/api/orders", POST=place, GET=Endpoint(READ, reading(orders.list))),
            self._at(
                "/api/quotes",
                POST=Endpoint(
                    READ, GetQuote(engine, taker, self._concurrency, edge.body_bytes_max)
                ),
            ),
        ]

    def _orders(self) -> list[BaseRoute]:
        orders, one = OrderHandlers(self._engine), "/api/orders/{order_id}"
        cancel = Endpoint(CANCEL, as_asgi(orders.cancel))
        amend = Endpoint(TRADE, as_asgi(orders.amend))
        events = Endpoint(READ, OrderEventsHandler(self._messages, self._concurrency))
        return [
            self._at(one, GET=Endpoint(READ, reading(orders.read)), DELETE=cancel, PATCH=amend),
            self._at(f"{one}/events", GET=events),
            self._at(f"{one}/receipt", GET=Endpoint(READ, reading(orders.receipt))),
            self._at(f"{one}/cancel", POST=cancel),
            self._at("/api/stream-tickets", POST=Endpoint(READ, as_asgi(self._tickets.issue))),
            self._at(
                "/api/events",
                GET=Endpoint(READ, PrincipalEventsHandler(self._messages, self._concurrency)),
            ),
        ]

    def _markets(self) -> list[BaseRoute]:
        markets = MarketHandlers(self._engine)
        return [
            self._at("/api/tokens", GET=Endpoint(READ, as_asgi(markets.tokens))),
            self._at("/api/venues", GET=Endpoint(READ, as_asgi(markets.venues))),
            self._at("/api/pools", GET=Endpoint(READ, reading(markets.pools))),
            self._at("/api/report", GET=Endpoint(READ, reading(markets.report))),
        ]

    def _sockets(self) -> list[BaseRoute]:
        voice, seats, taker = self._messages, self._concurrency, self._submitter
        history = Endpoint(READ, OrderSocket(voice, seats, StreamOptions()))
        greeted = Endpoint(
            READ, OrderSocket(voice, seats, StreamOptions(send_greeting=True, nested=True))
        )
        latest = Endpoint(READ, OrderSocket(voice, seats, StreamOptions(latest_only=True)))
        posted = Endpoint(TRADE, UpgradedPostSocket(voice, seats, taker))
        ordering = Endpoint(TRADE, OrderEntrySocket(voice, seats, taker))
        everything = Endpoint(READ, PrincipalEventsSocket(voice, seats))

        def execute(call: Call) -> Endpoint:
            if UPGRADE_BODY in call.get("extensions", ()):
                return posted
            return history if _names_an_order(call) else ordering

        def firehose(call: Call) -> Endpoint:
            return greeted if _names_an_order(call) else everything

        def post_only(call: Call) -> Endpoint:
            if UPGRADE_BODY in call.get("extensions", ()):
                return posted
            raise RequestRejected(fault(Code.NOT_FOUND))

        choices = {
            "/api/orders/execute": execute,
            "/api/orders": post_only,
            "/ws": firehose,
            "/ws/orders": lambda _: latest,
            "/api/orders/{order_id}/status": lambda _: history,
        }
        place = Endpoint(TRADE, PlaceOrder(taker, voice, seats))
        doors = {"/api/orders/execute": {"POST": place}}
        sockets: list[BaseRoute] = [
            WebSocketRoute(path, WebSocketDispatcher(self._authenticator, choose))
            for path, choose in choices.items()
        ]
        return sockets + [
            Route(
                path,
                MethodDispatcher(self._authenticator, doors.get(path, {}), seats.callers, choose),
            )
            for path, choose in choices.items()
            if path != "/api/orders"  # where a plain GET is a list
        ]

    def _service(self) -> list[BaseRoute]:
        openapi, docs = prepare_page(document(), JSON), DocsPage()

        async def describe(request: Request) -> Response:
            return openapi.choose(request)

        halt = HaltHandler(self._engine, self._settings, self._about.forget, halts=True)
        resume = HaltHandler(self._engine, self._settings, self._about.forget, halts=False)
        return [
            self._at("/api/halt", POST=Endpoint(ADMIN, halt)),
            self._at("/api/resume", POST=Endpoint(ADMIN, resume)),
            self._at("/openapi.json", GET=Endpoint(PUBLIC, as_asgi(describe))),
            self._at("/docs", GET=Endpoint(PUBLIC, as_asgi(docs.show))),
            self._at("/docs/ui/{name}", GET=Endpoint(PUBLIC, as_asgi(docs.part))),
            self._at("/docs/faults", GET=Endpoint(PUBLIC, as_asgi(show_faults))),
            self._at("/", GET=Endpoint(PUBLIC, as_asgi(self._about.info))),
        ]

    def _health(self) -> list[BaseRoute]:
        about, everyone = self._about, AllowAll()
        probes = {
            "/health": about.health,
            "/health/live": about.live,
            "/health/ready": about.ready,
        }
        return [
            # Probes are counted nowhere, and need no key: they answer whatever others do.
            *(
                Route(path, MethodDispatcher(everyone, {"GET": Endpoint(PUBLIC, as_asgi(probe))}))
                for path, probe in probes.items()
            ),
            self._at("/metrics", GET=Endpoint(ADMIN, as_asgi(about.metrics))),
        ]


def _names_an_order(call: Call) -> bool:
    return "orderId" in QueryParams(call["query_string"])
