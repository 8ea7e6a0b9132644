"""Gives every request an id, which its answer and its log lines carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from starlette.types import Message, Send
from structlog.contextvars import bind_contextvars

from cambist.server.responses import Header

REQUEST_ID: Final = b"x-request-id"
LENGTH_MAX: Final = 128
RANDOM_BYTES: Final = 12
DRAWN_AT_ONCE: Final = 256
"""How many ids are drawn by one system call."""
_WELL_FORMED: Final = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,%d}" % LENGTH_MAX)
_BEGINS: Final = frozenset(
    ("http.response.start", "websocket.http.response.start", "websocket.accept")
)


class RequestIds:
    """Takes the id a client sends where it is well-formed, and makes one elsewhere."""

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        self._random = _random_ids(draw)

    def take(self, fields: dict[bytes, bytes]) -> bytes:
        """Return a request's id; from here on its log lines carry it."""
        sent = fields.get(REQUEST_ID)
        if sent is None or not _WELL_FORMED.fullmatch(sent):
            sent = next(self._random)
        bind_contextvars(request_id=sent.decode("ascii"))
        return sent


def _random_ids(draw: Callable[[int], bytes]) -> Iterator[bytes]:
    while True:
        digits = draw(RANDOM_BYTES * DRAWN_AT_ONCE).hex().encode()
        for start in range(0, len(digits), 2 * RANDOM_BYTES):
            yield digits[start : start + 2 * RANDOM_BYTES]


def with_headers(send: Send, headers: Callable[[], list[Header]]) -> Send:
    """Return a way to send that adds headers to the beginning of an answer, as they are then."""

    async def send_named(message: Message) -> None:
        if message["type"] in _BEGINS:
            message = {**message, "headers": [*message.get("headers", ()), *headers()]}
        await send(message)

    return send_named
