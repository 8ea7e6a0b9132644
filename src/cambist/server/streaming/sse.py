"""Streams events over server-sent events: of one order, of all, or of one just placed."""

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
from cambist.server.cancel_on_disconnect import while_connected
from cambist.server.concurrency import ConcurrencyLimits, StreamLifetime
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
    tell: Coroutine[Any, Any, Any], watch: Coroutine[Any, Any, None], lifetime: StreamLifetime
) -> None:
    """Run a stream until it is told, ended, or nobody listens any more."""
    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(watch)
        try:
            async with lifetime.running():
                await tell
        except OSError:
            lifetime.disconnect()
        except PortUnavailable as down:
            # The listener resumes where it was; there is nothing here for anyone to mend.
            log.warning("store_away", error=str(down))
            lifetime.close_code = CLOSE_BROKEN
        except Exception:
            log.exception("stream_failed")
            lifetime.close_code = CLOSE_BROKEN
        finally:
            watcher.cancel()


class StreamStart(NamedTuple):
    """How a stream begins: its status, its headers, and what stands before the first event."""

    status: int = 200
    headers: tuple[Header, ...] = ()
    first: bytes = b""


_PLAIN: Final = StreamStart()


async def stream(
    story: EventStream,
    lifetime: StreamLifetime,
    line: tuple[Receive, Send],
    opening: StreamStart = _PLAIN,
) -> None:
    """Stream a story as server-sent events."""
    receive, send = line
    headers = [*_HEADERS, *opening.headers]
    await send({"type": "http.response.start", "status": opening.status, "headers": headers})

    async def put(body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})

    async def tell() -> None:
        if opening.first:
            await put(opening.first)
        async with aclosing(story.batches(lifetime)) as batches:
            async for lines in batches:
                await put(b"".join([_frame(one) for one in lines]) or HEARTBEAT)

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        lifetime.disconnect()

    await run_stream(tell(), watch(), lifetime)
    await send({"type": "http.response.body", "body": b""})


def _frame(line: StreamMessage) -> bytes:
    if line.cursor is None:
        return b"data: %b\n\n" % line.payload
    return b"id: %b\ndata: %b\n\n" % (line.cursor.encode(), line.payload)


class OrderEventsHandler:
    """Answers with an order's journal: as JSON, or as a stream if the client accepts one."""

    def __init__(self, messages: MessageCache, concurrency: ConcurrencyLimits) -> None:
        self._messages = messages
        self._concurrency = concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one GET."""
        request, voice = Request(scope), self._messages
        order = await find_order(voice.engine, request)
        want = read_stream_options(
            request.query_params, request.headers.get("last-event-id"), notes=True
        )
        if wants_stream(dict(scope["headers"])) and request.method == "GET":
            is_over = order.is_closed and not order.awaits_chain
            if is_over and want.after_seq >= order.last_seq:
                await send_nothing(send)
                return
            with self._concurrency.open_stream(caller_of(scope)) as life:
                await stream(OrderEvents(voice, order, want), life, (receive, send))
            return
        history = voice.engine.history(order.id, want.after_seq)
        told = await while_connected(receive, history)
        body = write_events(order.id, [voice.render(one) for one in told])
        await send_answer(send, Response(200, body))


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
        listening = PrincipalEvents.open(self._messages, principal, after, notes=True)
        with self._concurrency.open_stream(caller_of(scope)) as life:
            async with listening as story:
                # An id without data is no event: it only says where to go on after a cut.
                first = b"id: %b\n\n" % story.beginning.encode()
                await stream(story, life, (receive, send), StreamStart(first=first))
