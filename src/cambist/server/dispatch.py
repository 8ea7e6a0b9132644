"""Dispatches a call by its path and method, after the caller is authenticated and authorized."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from cambist.faults import Code, fault
from cambist.ports.api_keys import Permission
from cambist.server.auth.authenticator import Authenticator
from cambist.server.auth.caller import attach_caller
from cambist.server.auth.caller_concurrency import CallerConcurrency
from cambist.server.auth.request_priority import priority_of
from cambist.server.compression import compress
from cambist.server.protocol.handshake_defects import defect_in
from cambist.server.responses import Response, error_response, send_answer
from cambist.server.stop_abandoned_reads import while_connected

Handler = Callable[[Request], Awaitable[Response]]


class Endpoint(NamedTuple):
    """The handler of a path and method, and the permission that a caller needs."""

    permission: Permission | None
    app: ASGIApp


SelectEndpoint = Callable[[Scope], Endpoint]
AnyRoute = Route | WebSocketRoute


class PathDispatcher:
    """Dispatches a call by its path; calls of unknown paths go to `default`.

    A path without parameters is looked up. Only the few that have some are matched in turn, so a
    path without parameters always comes before one that has some.
    """

    def __init__(self, routes: Iterable[AnyRoute], default: ASGIApp) -> None:
        self._default = default
        self._exact: dict[tuple[str, str], ASGIApp] = {}
        self._with_parameters: list[AnyRoute] = []
        for route in routes:
            if route.param_convertors:
                self._with_parameters.append(route)
            else:
                kind = "http" if isinstance(route, Route) else "websocket"
                self._exact[kind, route.path] = route.app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or serve one socket."""
        scope["path_params"] = {}
        app = self._exact.get((scope["type"], scope["path"])) or self._match(scope)
        await app(scope, receive, send)

    def _match(self, scope: Scope) -> ASGIApp:
        for route in self._with_parameters:
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                return route.app
        return self._default


class MethodDispatcher:
    """Dispatches a request by its method; other methods are answered with 405."""

    def __init__(
        self,
        authenticator: Authenticator,
        endpoints: Mapping[str, Endpoint],
        limits: CallerConcurrency | None = None,
        socket: SelectEndpoint | None = None,
    ) -> None:
        """Take the endpoints by method; `socket` selects that of a WebSocket at the same path."""
        self._authenticator = authenticator
        self._limits = limits
        self._endpoints = dict(endpoints)
        if "GET" in self._endpoints:
            self._endpoints["HEAD"] = self._endpoints["GET"]
        self._socket = socket
        methods = {*self._endpoints, *(("GET",) if socket is not None else ())}
        self._allow = (b"allow", ", ".join(sorted(methods)).encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None and self._socket is not None and scope["method"] == "GET":
            await self._authenticator.authenticate(scope, self._socket(scope).permission)
            await send_answer(send, defect_in(scope).answer())
            return
        if endpoint is None:
            answer = error_response((fault(Code.METHOD_NOT_ALLOWED),))
            await send_answer(send, answer._replace(headers=(self._allow,)))
            return
        caller = await self._authenticator.authenticate(scope, endpoint.permission)
        attach_caller(scope, caller)
        if self._limits is None:
            await endpoint.app(scope, receive, send)
            return
        permit = self._limits.acquire(caller, priority_of(scope))
        try:
            await endpoint.app(scope, receive, send)
        finally:
            permit.release()


class WebSocketDispatcher:
    """Dispatches a WebSocket to the endpoint that `select` returns for its scope."""

    def __init__(self, authenticator: Authenticator, select: SelectEndpoint) -> None:
        self._authenticator = authenticator
        self._select = select

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        endpoint = self._select(scope)
        attach_caller(scope, await self._authenticator.authenticate(scope, endpoint.permission))
        await endpoint.app(scope, receive, send)


def as_asgi(handler: Handler) -> ASGIApp:
    """Return the ASGI application of a handler."""

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        await send_answer(send, await handler(Request(scope, receive)))

    return endpoint


def compressed(handler: Handler) -> Handler:
    """Return a handler whose long answers are compressed for clients that accept gzip."""

    async def handle(request: Request) -> Response:
        return await compress(request, await handler(request))

    return handle


def reading(handler: Handler) -> ASGIApp:
    """Return the ASGI application of a read-only handler: it stops once the client has left."""

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        work = handler(Request(scope, receive))
        await send_answer(send, await while_connected(receive, work))

    return endpoint
