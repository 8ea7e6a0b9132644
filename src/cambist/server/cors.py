"""Tells browsers which pages of other origins may read what they asked for.

Only origins the operator named, each echoed as it was sent; never a wildcard, and no credentials:
a key is sent by the page's own code, never by the browser on its own.
"""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Send

from cambist.server.responses import Answer, Header

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
    """Whether a browser asks what a page may send."""
    return method == "OPTIONS" and b"access-control-request-method" in fields


def preflight(origin: bytes) -> Answer:
    """Return what pages of an origin may send."""
    return Answer(200, b"", headers=(_allow(origin), *_MAY_SEND, _VARY))


def sharing(send: Send, origin: bytes) -> Send:
    """Return a way to send that lets pages of an origin read the answer."""
    headers = (_allow(origin), _MAY_READ, _VARY)

    async def send_shared(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return send_shared


def _allow(origin: bytes) -> Header:
    return (b"access-control-allow-origin", origin)
