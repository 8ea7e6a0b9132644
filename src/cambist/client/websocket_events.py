"""Receives events over a WebSocket, with the same messages as the other event streams."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Final

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from cambist.client.errors import (
    CambistError,
    ConnectionFailed,
    FieldFault,
    NotFound,
    RequestRejected,
)
from cambist.client.http_client import HttpClient, HttpResponse
from cambist.client.sse import EVENT_BYTES_MAX
from cambist.values.time_units import SECOND

CLOSE_NORMAL: Final = 1000
CLOSE_POLICY: Final = 1008
CLOSE_UNKNOWN: Final = 4404


_QUIET: Final = logging.getLogger(__name__)
# At the level of debugging the library would log the header that holds the key.
_QUIET.setLevel(logging.INFO)


class _Notice(msgspec.Struct, frozen=True):
    """What of a message tells whether it is an event."""

    seq: int | None = None
    error: str = ""


_read: Final = msgspec.json.Decoder(_Notice).decode


async def listen(calls: HttpClient, path: str) -> AsyncGenerator[bytes, None]:
    """Yield the events a socket tells, as JSON, until it is closed as it should be.

    Raises RequestRejected and Unreachable.
    """
    failed: CambistError | None = None
    said = ""
    address = "ws" + calls.url.removeprefix("http") + path
    patience = calls.patience
    try:
        async with connect(
            address,
            additional_headers=calls.authorization,
            user_agent_header="cambist-client",
            open_timeout=patience.timeout_ms / SECOND,
            ping_interval=patience.silence_max_ms / SECOND / 2,
            ping_timeout=patience.silence_max_ms / SECOND / 2,
            max_size=EVENT_BYTES_MAX,
            compression=None,
            proxy=None,
            logger=_QUIET,
        ) as socket:
            while True:
                text = await socket.recv(decode=False)
                notice = _notice(text)
                if notice.seq is not None:
                    yield text
                said = notice.error or said
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd is not None else None
        failed = _ended(calls, code, said)
    except InvalidStatus as refused:
        reply = refused.response
        failed = calls.refused(
            HttpResponse(reply.status_code, reply.headers, bytes(reply.body or b""))
        )
    except (WebSocketException, OSError) as error:
        failed = ConnectionFailed(calls.url, type(error).__name__)
    if failed is not None:
        raise failed


def is_event(text: bytes) -> bool:
    """Whether a message is a line of a journal, and no notice of the stream about itself."""
    return _notice(text).seq is not None


def _notice(text: bytes) -> _Notice:
    try:
        return _read(text)
    except (ValueError, RecursionError):
        return _Notice(error=text.decode(errors="replace"))


def _ended(calls: HttpClient, code: int | None, said: str) -> CambistError | None:
    match code:
        case 1000:
            return None
        case 4404:
            return NotFound(404, (FieldFault("order_not_found", said or "Order not found"),))
        case 1008:
            return RequestRejected(
                400, (FieldFault("bad_request", said or "the socket was refused"),)
            )
        case _:
            return ConnectionFailed(calls.url, "ConnectionClosed")
