"""Streams events as server-sent events: of one order, of all, or of a new one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any, Final, NamedTuple

import structlog
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from cambist.ports.errors import PortUnavailable
from cambist.server.auth.caller import caller_of
from cambist.server.compression import compress
from cambist.server.concurrency import ConcurrencyLimits, StreamLifetime
from cambist.server.header_fields import header_fields
from cambist.server.protocol.close_codes import CLOSE_BROKEN
from cambist.server.requests import find_order, read_after, read_stream_options
from cambist.server.responses import (
    EVENT_STREAM,
    Header,
    Response,
    send_answer,
    send_nothing,
    wants_stream,
)
from cambist.server.stop_abandoned_reads import while_connected
from cambist.server.streaming.event_streams import (
    EventStream,
    MessageCache,
    OrderEvents,
    PrincipalEvents,
    StreamMessage,
)
from cambist.wire.order_responses import write_events

HEARTBEAT: Final = b": beat\n\n"
_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", EVENT_STREAM),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
log = structlog.get_logger(__name__)


async def run_stream(
    sending: Coroutine[Any, Any, Any], watching: Coroutine[Any, Any, None], lifetime: StreamLifetime
) -> None:
    """Run a stream until it is sent, closed, or the client has left."""
    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(watching)
        try:
            async with lifetime.running():
                await sending
        except OSError:
            lifetime.disconnect()
        except PortUnavailable as error:
            # The client resumes at its cursor; no traceback, since the cause is logged elsewhere.
            log.warning("store_unavailable", error=str(error))
            lifetime.close_code = CLOSE_BROKEN
        except Exception:
            log.exception("stream_failed")
            lifetime.close_code = CLOSE_BROKEN
        finally:
            watcher.cancel()


class StreamStart(NamedTuple):
    """The status and the headers of a stream, and bytes to send before its first event."""

    status: int = 200
    headers: tuple[Header, ...] = ()
    first: bytes = b""


_PLAIN: Final = StreamStart()


async def stream_sse(
    stream: EventStream,
    lifetime: StreamLifetime,
    receive: Receive,
    send: Send,
    *,
    start: StreamStart = _PLAIN,
) -> None:
    """Send the messages of a stream as server-sent events."""
    headers = [*_HEADERS, *start.headers]
    await send({"type": "http.response.start", "status": start.status, "headers": headers})

    async def put(body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})

    async def send_events() -> None:
        if start.first:
            await put(start.first)
        async with aclosing(stream.batches(lifetime)) as batches:
            async for messages in batches:
                await put(b"".join([_frame(message) for message in messages]) or HEARTBEAT)

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        lifetime.disconnect()

    await run_stream(send_events(), watch(), lifetime)
    await send({"type": "http.response.body", "body": b""})


def _frame(message: StreamMessage) -> bytes:
    if message.cursor is None:
        return b"data: %b\n\n" % message.payload
    return b"id: %b\ndata: %b\n\n" % (message.cursor.encode(), message.payload)


class OrderEventsHandler:
    """Answers with an order's journal: as JSON, or as a stream if the client accepts one."""

    def __init__(self, messages: MessageCache, concurrency: ConcurrencyLimits) -> None:
        self._messages = messages
        self._concurrency = concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one GET."""
        request, messages = Request(scope), self._messages
        order = await find_order(messages.engine, request)
        options = read_stream_options(
            request.query_params, request.headers.get("last-event-id"), notes=True
        )
        if wants_stream(header_fields(scope)) and request.method == "GET":
            is_over = order.is_closed and not order.awaits_chain
            if is_over and options.after_seq >= order.last_seq:
                await send_nothing(send)
                return
            with self._concurrency.open_stream(caller_of(scope)) as lifetime:
                events = OrderEvents(messages, order, options)
                await stream_sse(events, lifetime, receive, send)
            return
        history = messages.engine.history(order.id, options.after_seq)
        recorded = await while_connected(receive, history)
        body = write_events(order.id, [messages.render(event) for event in recorded])
        await send_answer(send, await compress(request, Response(200, body)))


class PrincipalEventsHandler:
    """Streams the events of all the caller's orders, from a cursor on or from now."""

    def __init__(self, messages: MessageCache, concurrency: ConcurrencyLimits) -> None:
        self._messages = messages
        self._concurrency = concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one GET."""
        request = Request(scope)
        after = read_after(request.query_params, request.headers.get("last-event-id"))
        principal = caller_of(scope).principal
        if request.method == "HEAD":
            await send_answer(send, Response(200, b"", EVENT_STREAM))
            return
        subscribing = PrincipalEvents.open(self._messages, principal, after, notes=True)
        with self._concurrency.open_stream(caller_of(scope)) as lifetime:
            async with subscribing as stream:
                # An id without data is no event; it only sets the client's Last-Event-ID.
                first = b"id: %b\n\n" % stream.start_cursor.encode()
                await stream_sse(stream, lifetime, receive, send, start=StreamStart(first=first))
