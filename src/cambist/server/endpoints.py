"""Sends a call on by its method, once whoever calls may do what lies behind that door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from cambist.faults import Code, fault
from cambist.ports.api_keys import Permission as Right
from cambist.server.auth.authenticator import Authenticator
from cambist.server.auth.caller import attach_caller
from cambist.server.auth.caller_concurrency import CallerConcurrency
from cambist.server.auth.request_priority import priority_of
from cambist.server.cancel_on_disconnect import while_connected
from cambist.server.protocol.handshake import defect_in
from cambist.server.responses import Response, error_response, send_answer

Handler = Callable[[Request], Awaitable[Response]]


class Endpoint(NamedTuple):
    """What lies behind a path and method, and what a caller needs to go through."""

    permission: Right | None
    app: ASGIApp


SelectEndpoint = Callable[[Scope], Endpoint]


class MethodDispatcher:
    """Sends a request on by its method, and refuses the methods a path does not take."""

    def __init__(
        self,
        authenticator: Authenticator,
        doors: Mapping[str, Endpoint],
        limits: CallerConcurrency | None = None,
        socket: SelectEndpoint | None = None,
    ) -> None:
        """Take the doors by method; `socket` says what a WebSocket at the same path needs."""
        self._authenticator = authenticator
        self._limits = limits
        self._doors = dict(doors)
        if "GET" in self._doors:
            self._doors["HEAD"] = self._doors["GET"]
        self._socket = socket
        methods = {*self._doors, *(("GET",) if socket is not None else ())}
        self._allow = (b"allow", ", ".join(sorted(methods)).encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        door = self._doors.get(scope["method"])
        if door is None and self._socket is not None and scope["method"] == "GET":
            await self._authenticator.authenticate(scope, self._socket(scope).permission)
            await send_answer(send, defect_in(scope).answer())
            return
        if door is None:
            answer = error_response((fault(Code.METHOD_NOT_ALLOWED),))
            await send_answer(send, answer._replace(headers=(self._allow,)))
            return
        caller = await self._authenticator.authenticate(scope, door.permission)
        attach_caller(scope, caller)
        if self._limits is None:
            await door.app(scope, receive, send)
            return
        permit = self._limits.acquire(caller, priority_of(scope))
        try:
            await door.app(scope, receive, send)
        finally:
            permit.release()


class WebSocketDispatcher:
    """Lets a WebSocket in: `choose` says through which door, by what it asks for."""

    def __init__(self, authenticator: Authenticator, choose: SelectEndpoint) -> None:
        self._authenticator = authenticator
        self._choose = choose

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        door = self._choose(scope)
        attach_caller(scope, await self._authenticator.authenticate(scope, door.permission))
        await door.app(scope, receive, send)


def as_asgi(handler: Handler) -> ASGIApp:
    """Return the application of a handler that answers whole."""

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        await send_answer(send, await handler(Request(scope, receive)))

    return endpoint


def reading(handler: Handler) -> ASGIApp:
    """Return the application of a handler that only reads: it stops once the client has left."""

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        work = handler(Request(scope, receive))
        await send_answer(send, await while_connected(receive, work))

    return endpoint
