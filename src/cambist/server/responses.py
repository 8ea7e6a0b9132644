"""Sends whole answers: a status, a few headers and bytes that are ready."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import Receive, Send

from cambist.clock import draw_secret
from cambist.faults import Fault
from cambist.wire.problems import MEDIA_TYPE, lead, write_problem

EVENT_STREAM: Final = b"text/event-stream"

JSON: Final = b"application/json"
Header = tuple[bytes, bytes]
CLOSE: Final[Header] = (b"connection", b"close")
RETRY_AFTER: Final = b"retry-after"
CHALLENGE: Final[Header] = (b"www-authenticate", b"Bearer")
_NO_STORE: Final[Header] = (b"cache-control", b"no-store")
_NO_SNIFFING: Final[Header] = (b"x-content-type-options", b"nosniff")
_NO_REFERRER: Final[Header] = (b"referrer-policy", b"no-referrer")
SECURITY_HEADERS: Final = [_NO_SNIFFING, _NO_REFERRER]
"""What stands on every answer."""

_ID_BYTES: Final = 12
_CUT_BODIES: Final = frozenset((408, 413))
_UNAUTHORIZED: Final = 401
_BUSY: Final = frozenset((429, 503))


CHUNK_BYTES: Final = 16 * 1024
"""How much of an answer is handed to a connection before its reader has to take some."""


class ClientDisconnected(Exception):
    """The client closed the connection before its request was read."""


class Response(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes
    media_type: bytes = JSON
    headers: tuple[Header, ...] = ()


def error_response(faults: tuple[Fault, ...], retry_after_seconds: int = 1) -> Response:
    """Return the answer to a request that is refused."""
    status = lead(faults).status
    headers: tuple[Header, ...] = ()
    if status in _BUSY:
        headers = ((RETRY_AFTER, b"%d" % retry_after_seconds),)
    elif status == _UNAUTHORIZED:
        headers = (CHALLENGE,)
    elif status in _CUT_BODIES:
        headers = (CLOSE,)
    return Response(status, write_problem(faults), MEDIA_TYPE, headers)


async def send_answer(send: Send, answer: Response) -> None:
    """Send an answer to an HTTP request."""
    await send({"type": "http.response.start", "status": answer.status, "headers": _heads(answer)})
    body, begin = answer.body, 0
    while len(body) - begin > CHUNK_BYTES:
        part = body[begin : begin + CHUNK_BYTES]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        begin += CHUNK_BYTES
    await send({"type": "http.response.body", "body": body[begin:] if begin else body})


async def send_nothing(send: Send) -> None:
    """Answer that there is no more to come: for event streams, whose clients then stay away."""
    headers = [_NO_STORE]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def reject_websocket(send: Send, answer: Response) -> None:
    """Send an answer to a request for a WebSocket, in place of one."""
    kind = "websocket.http.response"
    headers = [
        *_heads(answer),
        *SECURITY_HEADERS,
    ]  # the server adds them to other answers, and not here
    await send({"type": f"{kind}.start", "status": answer.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": answer.body})


def _heads(answer: Response) -> list[Header]:
    return [
        (b"content-type", answer.media_type),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
        *(() if b"cache-control" in dict(answer.headers) else (_NO_STORE,)),
    ]


async def read_body(receive: Receive, bytes_max: int) -> bytes | None:
    """Return the whole body, or None as soon as it is too large. Raises ClientDisconnected."""
    event = await receive()
    if event["type"] == "http.request" and not event.get("more_body", False):
        whole: bytes = event.get("body", b"")
        return whole if len(whole) <= bytes_max else None
    body = bytearray()
    while event["type"] == "http.request":
        body += event.get("body", b"")
        if len(body) > bytes_max:
            return None
        if not event.get("more_body", False):
            return bytes(body)
        event = await receive()
    raise ClientDisconnected


def render_raw(answer: Response) -> bytes:
    """Return the bytes of an answer after which the connection closes."""
    status = HTTPStatus(answer.status)
    name = (b"x-request-id", draw_secret(_ID_BYTES).hex().encode())
    closing = (CLOSE,) if CLOSE not in answer.headers else ()
    fields = [*_heads(answer), *SECURITY_HEADERS, name, *closing]
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (
        status,
        status.phrase.encode(),
        lines,
        answer.body,
    )


def wants_stream(fields: Mapping[bytes, bytes]) -> bool:
    """Whether a client accepts server-sent events."""
    return EVENT_STREAM in fields.get(b"accept", b"").lower()
