"""Serves the events of one order, or of all orders, over WebSocket."""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from cambist.faults import CATALOGUE, Code
from cambist.orders.order import Order
from cambist.ports.clock import Clock
from cambist.server.auth.caller import caller_of
from cambist.server.concurrency import ConcurrencyLimits, StreamLifetime
from cambist.server.header_fields import header_fields
from cambist.server.protocol.close_codes import CLOSE_POLICY, CLOSE_UNKNOWN
from cambist.server.protocol.text_frames import send_texts
from cambist.server.requests import StreamOptions, read_after, read_stream_options, wants_notes
from cambist.server.responses import Header
from cambist.server.streaming.event_streams import (
    EventStream,
    MessageCache,
    OrderEvents,
    PrincipalEvents,
)
from cambist.server.streaming.sse import run_stream
from cambist.values.ids import read_order_id
from cambist.values.time_units import SECOND

NO_ORDER_ID: Final = "orderId query parameter is required"
SUBPROTOCOL: Final = "cambist.v1"


class OrderSocket:
    """One order's events as text messages; messages of the client are ignored.

    The order id is in the path or in the query. Without one the socket is closed with the reason.
    `options` are those of the path; a client that resumes a stream gets plain events instead.
    """

    def __init__(
        self, messages: MessageCache, concurrency: ConcurrencyLimits, options: StreamOptions
    ) -> None:
        self._messages = messages
        self._concurrency = concurrency
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        params = QueryParams(scope["query_string"])
        last = header_fields(scope).get(b"last-event-id")
        options = read_stream_options(
            params, None if last is None else last.decode("latin-1"), notes=False
        )
        if "fromSeq" not in params and last is None:
            options = self._options._replace(notes=options.notes)
        name = scope["path_params"].get("order_id", params.get("orderId"))
        order = await self._find(name, scope)
        with self._concurrency.open_socket(caller_of(scope)) as lifetime:
            await accept(scope, receive, send)
            if name is None:
                await _reject(send, NO_ORDER_ID, CLOSE_POLICY)
            elif order is None:
                sentence = CATALOGUE[Code.ORDER_NOT_FOUND].sentence
                await _reject(send, sentence, CLOSE_UNKNOWN)
            else:
                stream = OrderEvents(self._messages, order, options)
                frames = FrameLimit.of(self._messages)
                await run_socket(stream, lifetime, frames, scope, receive, send)

    async def _find(self, name: str | None, scope: Scope) -> Order | None:
        order_id = read_order_id(name) if name is not None else None
        if order_id is None:
            return None
        return await self._messages.engine.get(order_id, caller_of(scope).principal)


class PrincipalEventsSocket:
    """The events of all the caller's orders, from now on."""

    def __init__(self, messages: MessageCache, concurrency: ConcurrencyLimits) -> None:
        self._messages = messages
        self._concurrency = concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        params = QueryParams(scope["query_string"])
        after, notes = read_after(params, None), wants_notes(params)
        principal = caller_of(scope).principal
        subscribing = PrincipalEvents.open(self._messages, principal, after, notes=notes)
        with self._concurrency.open_socket(caller_of(scope)) as lifetime:
            async with subscribing as stream:
                await accept(scope, receive, send)
                frames = FrameLimit.of(self._messages)
                await run_socket(stream, lifetime, frames, scope, receive, send)


class FrameLimit:
    """Counts the messages of a client, second by second."""

    def __init__(self, clock: Clock, frames_max: int) -> None:
        self._clock = clock
        self._frames_max = frames_max
        self._since = clock.monotonic_ms()
        self._count = 0

    @classmethod
    def of(cls, messages: MessageCache) -> FrameLimit:
        """Return the limit for a socket whose client has nothing to say."""
        return cls(messages.engine.clock, messages.settings.frames_in_max)

    def is_passed(self) -> bool:
        """Count a message, and return whether it is one too many."""
        now = self._clock.monotonic_ms()
        if now - self._since >= SECOND:
            self._since, self._count = now, 0
        self._count += 1
        return self._count > self._frames_max


async def accept(
    scope: Scope, receive: Receive, send: Send, *, headers: tuple[Header, ...] = ()
) -> None:
    """Accept a socket, with our own subprotocol if the client offers it."""
    await receive()
    offered = scope.get("subprotocols") or ()
    chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
    await send({"type": "websocket.accept", "subprotocol": chosen, "headers": headers})


async def run_socket(
    stream: EventStream,
    lifetime: StreamLifetime,
    frames: FrameLimit,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Send a stream over a socket until it ends or the client leaves."""

    async def watch() -> None:
        while (await receive())["type"] != "websocket.disconnect":
            if frames.is_passed():
                lifetime.close(CLOSE_POLICY)
                return
        lifetime.disconnect()

    await run_stream(send_events(stream, lifetime, scope, send), watch(), lifetime)
    await close_socket(lifetime, send)


async def close_socket(lifetime: StreamLifetime, send: Send) -> None:
    """Close a socket with the code of its lifetime, unless the client left first."""
    if not lifetime.is_cut:
        with suppress(OSError):
            await send({"type": "websocket.close", "code": lifetime.close_code})


async def send_events(
    stream: EventStream, lifetime: StreamLifetime, scope: Scope, send: Send
) -> None:
    """Send the messages of a stream as text messages."""
    async with aclosing(stream.batches(lifetime)) as batches:
        async for messages in batches:
            await send_texts(scope, send, [message.payload for message in messages])


async def _reject(send: Send, error: str, code: int) -> None:
    await send({"type": "websocket.send", "text": msgspec.json.encode({"error": error}).decode()})
    await send({"type": "websocket.close", "code": code, "reason": error})
