"""Lists every path with its handler and the permission a caller needs."""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.routing import Route, WebSocketRoute
from starlette.types import Scope

from cambist.engine.engine import Engine
from cambist.faults import Code, RequestRejected, fault
from cambist.ports.api_keys import Permission
from cambist.server.auth.authenticator import AllowAll, Authenticator
from cambist.server.auth.tickets import Tickets
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.dispatch import (
    AnyRoute,
    Endpoint,
    MethodDispatcher,
    SelectEndpoint,
    WebSocketDispatcher,
    as_asgi,
    compressed,
    reading,
)
from cambist.server.handlers.amend import AmendHandler
from cambist.server.handlers.docs import DocsPage, show_faults
from cambist.server.handlers.markets import GetQuote, MarketHandlers
from cambist.server.handlers.order_entry_socket import OrderEntrySocket, UpgradedPostSocket
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


class _Method(NamedTuple):
    method: str
    path: str
    endpoint: Endpoint


class _Socket(NamedTuple):
    path: str
    select: SelectEndpoint
    queries: tuple[str, ...]
    """The query strings under which the service info names it; none where it is not named."""


class Routes:
    """The paths of one engine's server."""

    # One list of methods and one of sockets. Starlette's routes and the names in the service info
    # are both derived from them, so neither can miss a path that the other has. The order of the
    # lists is the order of the names.

    def __init__(
        self,
        engine: Engine,
        settings: ServerSettings,
        concurrency: ConcurrencyLimits,
        *,
        authenticator: Authenticator,
        tickets: Tickets,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._concurrency = concurrency
        self._authenticator = authenticator
        self._tickets = tickets
        self._messages = MessageCache(engine, settings)
        self._submitter = OrderSubmitter(engine, settings)
        self._service_handlers = ServiceHandlers(engine, concurrency, authenticator)

    def all(self) -> list[AnyRoute]:
        """Return every route; of a worker, those for its health and metrics alone."""
        probes = self._probes()
        show_metrics = as_asgi(compressed(self._service_handlers.metrics))
        metrics = _Method("GET", "/metrics", Endpoint(ADMIN, show_metrics))
        if not self._settings.takes_orders:
            return [*probes, *self._routes([metrics], [])]
        orders, sockets = [*self._orders(), *self._markets()], self._sockets()
        halts, docs = self._halts(), [metrics, *self._documents()]
        names = (
            *map(_name, orders),
            *(
                f"WebSocket {_shown(socket.path)}{query}"
                for socket in sockets
                for query in socket.queries
            ),
            *map(_name, halts),
            *(f"GET {probe.path}" for probe in probes),
            *map(_name, docs),
        )
        info = as_asgi(partial(self._service_handlers.info, names))
        root = _Method("GET", "/", Endpoint(PUBLIC, info))
        return [*self._routes([*orders, *halts, *docs, root], sockets), *probes]

    def _routes(self, methods: list[_Method], sockets: list[_Socket]) -> list[AnyRoute]:
        by_path: dict[str, dict[str, Endpoint]] = {}
        for method, path, endpoint in methods:
            by_path.setdefault(path, {})[method] = endpoint
        for socket in sockets:
            by_path.setdefault(socket.path, {})
        # A plain GET of a socket's path is answered that it needs an upgrade; `/api/orders` has a
        # GET of its own.
        selects = {path: select for path, select, _ in sockets if "GET" not in by_path[path]}
        callers = self._concurrency.callers
        return [
            *(
                WebSocketRoute(path, WebSocketDispatcher(self._authenticator, select))
                for path, select, _ in sockets
            ),
            *(
                Route(
                    path,
                    MethodDispatcher(self._authenticator, endpoints, callers, selects.get(path)),
                )
                for path, endpoints in by_path.items()
            ),
        ]

    def _orders(self) -> list[_Method]:
        engine, submitter, edge = self._engine, self._submitter, self._settings.edge
        concurrency, orders, one_order = (
            self._concurrency,
            OrderHandlers(engine),
            "/api/orders/{order_id}",
        )
        place = Endpoint(TRADE, PlaceOrder(submitter, self._messages, concurrency))
        batch = PlaceBatch(engine, submitter, concurrency, edge.batch_bytes_max)
        quote = GetQuote(engine, submitter, concurrency, edge.body_bytes_max)
        order_events = OrderEventsHandler(self._messages, concurrency)
        receipt = reading(compressed(orders.receipt))
        cancel = Endpoint(CANCEL, as_asgi(orders.cancel))
        amend = AmendHandler(engine, self._settings, concurrency)
        all_events = PrincipalEventsHandler(self._messages, concurrency)
        return [
            _Method("POST", "/api/orders/execute", place),
            _Method("POST", "/api/orders", place),
            _Method("POST", "/api/orders/batch", Endpoint(TRADE, batch)),
            _Method("POST", "/api/quotes", Endpoint(READ, quote)),
            _Method("GET", "/api/orders", Endpoint(READ, reading(compressed(orders.list)))),
            _Method("GET", one_order, Endpoint(READ, reading(compressed(orders.read)))),
            _Method("GET", f"{one_order}/events", Endpoint(READ, order_events)),
            _Method("GET", f"{one_order}/receipt", Endpoint(READ, receipt)),
            _Method("GET", f"{one_order}/watch", Endpoint(READ, reading(orders.watch))),
            _Method("PATCH", one_order, Endpoint(TRADE, amend)),
            _Method("DELETE", one_order, cancel),
            _Method("POST", f"{one_order}/cancel", cancel),
            _Method("GET", "/api/events", Endpoint(READ, all_events)),
        ]

    def _markets(self) -> list[_Method]:
        markets = MarketHandlers(self._engine)
        return [
            _Method("GET", "/api/tokens", Endpoint(READ, as_asgi(compressed(markets.tokens)))),
            _Method("GET", "/api/venues", Endpoint(READ, as_asgi(markets.venues))),
            _Method("GET", "/api/pools", Endpoint(READ, reading(compressed(markets.pools)))),
            _Method("GET", "/api/report", Endpoint(READ, reading(compressed(markets.report)))),
            _Method("POST", "/api/stream-tickets", Endpoint(READ, as_asgi(self._tickets.issue))),
        ]

    def _sockets(self) -> list[_Socket]:
        messages, concurrency, submitter = self._messages, self._concurrency, self._submitter

        def order_socket(**options: bool) -> Endpoint:
            return Endpoint(READ, OrderSocket(messages, concurrency, StreamOptions(**options)))

        history, latest = order_socket(), order_socket(latest_only=True)
        greeted = order_socket(send_greeting=True, nested=True)
        posted = Endpoint(TRADE, UpgradedPostSocket(messages, concurrency, submitter))
        order_entry = Endpoint(TRADE, OrderEntrySocket(messages, concurrency, submitter))
        all_events = Endpoint(READ, PrincipalEventsSocket(messages, concurrency))

        def execute(scope: Scope) -> Endpoint:
            if UPGRADE_BODY in scope.get("extensions", ()):
                return posted
            return history if _names_an_order(scope) else order_entry

        def order_or_all(scope: Scope) -> Endpoint:
            return greeted if _names_an_order(scope) else all_events

        def post_only(scope: Scope) -> Endpoint:
            if UPGRADE_BODY in scope.get("extensions", ()):
                return posted
            raise RequestRejected(fault(Code.NOT_FOUND))

        return [
            _Socket("/api/orders/execute", execute, ("", "?orderId=")),
            _Socket("/api/orders/{order_id}/status", lambda _: history, ("",)),
            _Socket("/ws", order_or_all, ("", "?orderId=")),
            _Socket("/ws/orders", lambda _: latest, ("?orderId=",)),
            _Socket("/api/orders", post_only, ()),
        ]

    def _halts(self) -> list[_Method]:
        forget = self._service_handlers.forget
        halt = HaltHandler(self._engine, self._settings, forget, halts=True)
        resume = HaltHandler(self._engine, self._settings, forget, halts=False)
        return [
            _Method("POST", "/api/halt", Endpoint(ADMIN, halt)),
            _Method("POST", "/api/resume", Endpoint(ADMIN, resume)),
        ]

    def _documents(self) -> list[_Method]:
        openapi, docs = prepare_page(document(), JSON), DocsPage()

        async def describe(request: Request) -> Response:
            return openapi.choose(request)

        return [
            _Method("GET", "/openapi.json", Endpoint(PUBLIC, as_asgi(describe))),
            _Method("GET", "/docs", Endpoint(PUBLIC, as_asgi(docs.show))),
            _Method("GET", "/docs/faults", Endpoint(PUBLIC, as_asgi(show_faults))),
            _Method("GET", "/docs/ui/{name}", Endpoint(PUBLIC, as_asgi(docs.part))),
        ]

    def _probes(self) -> list[Route]:
        # Probes need no key and count against no limit: they must answer when nothing else does.
        handlers, allow_all = self._service_handlers, AllowAll()
        probes = {
            "/health": handlers.health,
            "/health/live": handlers.live,
            "/health/ready": handlers.ready,
        }
        return [
            Route(path, MethodDispatcher(allow_all, {"GET": Endpoint(PUBLIC, as_asgi(probe))}))
            for path, probe in probes.items()
        ]


def _name(method: _Method) -> str:
    return f"{method.method} {_shown(method.path)}"


def _shown(path: str) -> str:
    return path.replace("{order_id}", "{orderId}")


def _names_an_order(scope: Scope) -> bool:
    return "orderId" in QueryParams(scope["query_string"])
