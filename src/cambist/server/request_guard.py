"""Guards every request: Host and Origin, CORS, load, errors as problem documents."""

# Host and Origin. A page of another site can make a browser on this machine call a server on the
# loopback (CSRF), and it can make its own name resolve to this machine (DNS rebinding). The first
# shows in Origin, the second in Host. Both are checked for every request, and for WebSockets, which
# the same-origin policy does not cover (RFC 6455, section 10.2).
#
# CORS (https://fetch.spec.whatwg.org). Only origins that the operator named may read answers. Each
# is echoed as it was sent, never as a wildcard, and without credentials: the page's own code sends
# the API key, never the browser by itself.

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cambist.faults import Code, Fault, RequestRejected, fault
from cambist.ports.errors import PortOverloaded, PortUnavailable, ReadInterrupted, Unreadable
from cambist.server.auth.caller_limits import RateLimitExceeded
from cambist.server.auth.request_priority import Priority, assign_priority
from cambist.server.client_address import TrustedProxies
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.header_fields import header_fields
from cambist.server.rate_limit_headers import rate_limit_headers
from cambist.server.request_ids import REQUEST_ID, RequestIds, with_headers
from cambist.server.responses import (
    ClientDisconnected,
    Header,
    Response,
    error_response,
    reject_websocket,
    send_answer,
)
from cambist.server.settings import ServerSettings
from cambist.values.loopback import LOOPBACK_HOSTS

_ANY: Final = "*"
_TOO_LONG: Final = "Reading took too long; ask for less, or try again soon."
DEFAULT_PORTS: Final = {"http": b"80", "https": b"443"}
log = structlog.get_logger(__name__)


class RequestGuard:
    """The outermost layer: checks the request, and turns exceptions into answers."""

    def __init__(
        self,
        inner: ASGIApp,
        settings: ServerSettings,
        concurrency: ConcurrencyLimits,
        draw: Callable[[int], bytes],
    ) -> None:
        self._inner = inner
        self._ids = RequestIds(draw)
        self._concurrency = concurrency
        self._retry_after = settings.retry_after_seconds
        self._proxies = TrustedProxies(settings.trusted_proxies)
        hosts = (*LOOPBACK_HOSTS, *settings.allowed_hosts)
        self._hosts = frozenset(host.lower().encode() for host in hosts)
        self._any_host = _ANY in settings.allowed_hosts
        self._origins = frozenset(origin.lower().encode() for origin in settings.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or serve one socket."""
        is_http = scope["type"] == "http"
        answer = send_answer if is_http else reject_websocket
        concurrency = self._concurrency
        fields = header_fields(scope)
        request_id = (REQUEST_ID, self._ids.take(fields))
        send = with_headers(send, lambda: [request_id, *rate_limit_headers(scope)])
        problem = self._check_host_and_origin(scope, fields)
        is_counted = is_http and assign_priority(scope) is Priority.NORMAL
        if problem is None and is_counted and concurrency.requests >= concurrency.requests_max:
            problem = fault(Code.TOO_BUSY)
        origin = fields.get(b"origin")
        if origin is not None and is_http and origin.lower() in self._origins:
            if problem is None and is_preflight(scope["method"], fields):
                await answer(send, preflight(origin))
                return
            send = with_cors(send, origin)
        if problem is not None:
            await answer(send, error_response((problem,), self._retry_after))
            return
        concurrency.requests += is_counted
        try:
            await self._inner(scope, receive, send)
        except ClientDisconnected:
            return
        except Exception as error:  # noqa: BLE001 -- the outermost layer: nothing else would answer
            await answer(send, self._answer_error(error, scope))
        finally:
            concurrency.requests -= is_counted

    def _answer_error(self, error: Exception, scope: Scope) -> Response:
        """Return the answer to a request that raised; the text of a defect stays in the log."""
        match error:
            case RateLimitExceeded():
                return error_response(error.faults, error.retry_after_seconds)
            case RequestRejected():
                faults = error.faults
            case Unreadable():
                faults = (fault(Code.ORDER_UNREADABLE),)
            case ReadInterrupted():
                faults = (fault(Code.TOO_BUSY, _TOO_LONG),)
            case PortOverloaded():
                faults = (fault(Code.TOO_BUSY),)
            case PortUnavailable():
                faults = (fault(Code.STORE_UNAVAILABLE),)
            case _:
                log.error("request_failed", path=scope["path"], exc_info=error)
                faults = (fault(Code.INTERNAL),)
        return error_response(faults, self._retry_after)

    def _check_host_and_origin(self, scope: Scope, fields: dict[bytes, bytes]) -> Fault | None:
        """Return the fault of a request with a foreign host or origin."""
        host = fields.get(b"host")
        if not host:
            return fault(Code.BAD_REQUEST, "A request needs a Host header.")
        name, colon, port = host.lower().rpartition(b":")
        if not colon or not port.isdigit():
            name = host.lower()
        if name not in self._hosts and not self._any_host:
            return fault(Code.HOST_NOT_ALLOWED)
        origin = fields.get(b"origin")
        if origin is None:
            return None
        origin = origin.lower()
        if origin in self._origins or _is_own(origin, self._proxies.scheme_of(scope), host):
            return None
        return fault(Code.ORIGIN_NOT_ALLOWED)


def _is_own(origin: bytes, scheme: str, host: bytes) -> bool:
    """Whether an origin is this server's: the same scheme, host and port."""
    its_scheme, mark, its_host = origin.partition(b"://")
    if not mark or its_scheme != scheme.encode():
        return False
    return _with_port(its_host, scheme) == _with_port(host.lower(), scheme)


def _with_port(host: bytes, scheme: str) -> tuple[bytes, bytes]:
    name, colon, port = host.rpartition(b":")
    if colon and port.isdigit():
        return name, port
    return host, DEFAULT_PORTS[scheme]


_VARY: Final[Header] = (b"vary", b"Origin")
_MAY_READ: Final[Header] = (
    b"access-control-expose-headers",
    b"Location, Retry-After, X-Order-Id, X-Request-Id, Idempotency-Replayed, RateLimit, "
    b"RateLimit-Policy, WWW-Authenticate",
)
_MAY_SEND: Final[tuple[Header, ...]] = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Accept, Idempotency-Key, Last-Event-ID, X-Request-Id",
    ),
    (b"access-control-max-age", b"600"),
)


def is_preflight(method: str, fields: dict[bytes, bytes]) -> bool:
    """Whether this is a CORS preflight."""
    return method == "OPTIONS" and b"access-control-request-method" in fields


def preflight(origin: bytes) -> Response:
    """Return the answer to a preflight."""
    return Response(200, b"", headers=(_allow(origin), *_MAY_SEND, _VARY))


def with_cors(send: Send, origin: bytes) -> Send:
    """Return a `send` that lets pages of an origin read the answer."""
    headers = (_allow(origin), _MAY_READ, _VARY)

    async def send_shared(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return send_shared


def _allow(origin: bytes) -> Header:
    return (b"access-control-allow-origin", origin)
