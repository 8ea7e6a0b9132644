"""Accepts orders over a WebSocket, and sends their events on it."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from starlette.types import Message, Receive, Scope, Send

from cambist.engine.intake import SubmitResult
from cambist.faults import Code, Fault, RequestRejected, fault
from cambist.ports.errors import PortUnavailable
from cambist.server.auth.caller import Caller, caller_of
from cambist.server.concurrency import ConcurrencyLimits, StreamLifetime
from cambist.server.header_fields import header_fields
from cambist.server.protocol.close_codes import CLOSE_BROKEN, CLOSE_POLICY
from cambist.server.protocol.websocket import UPGRADE_BODY
from cambist.server.requests import StreamOptions
from cambist.server.streaming.event_streams import MessageCache, OrderEvents
from cambist.server.streaming.sse import run_stream
from cambist.server.streaming.websocket import (
    FrameLimit,
    accept,
    close_socket,
    run_socket,
    send_events,
)
from cambist.server.submission import OrderSubmitter
from cambist.wire.problems import write_failure

FIRST_FRAME_MS: Final = 20
"""The wait between the 101 and the first frame of a posted order: its client may lose frames that
come with the head."""

FRAME_GAP_MS: Final = 5
"""The wait after each frame of a posted order: its client may read one frame of a segment."""

_HISTORY: Final = StreamOptions()
_GREETED: Final = StreamOptions(send_greeting=True, nested=True)
log = structlog.get_logger(__name__)


class OrderEntrySocket:
    """Each text message is an order; it is answered, and then its events follow."""

    def __init__(
        self, messages: MessageCache, concurrency: ConcurrencyLimits, submitter: OrderSubmitter
    ) -> None:
        self._messages = messages
        self._concurrency = concurrency
        self._submitter = submitter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        settings = self._messages.settings
        with self._concurrency.open_socket(caller_of(scope)) as lifetime:
            await accept(scope, receive, send)
            frames = FrameLimit(self._messages.engine.clock, settings.orders_in_max)
            async with asyncio.TaskGroup() as followers:
                session = _Session(self._messages, lifetime, followers, scope=scope, send=send)
                receiving = self._receive_orders(session, caller_of(scope), frames, receive)
                await run_stream(asyncio.Event().wait(), receiving, lifetime)
                session.end()
            await close_socket(lifetime, send)

    async def _receive_orders(
        self, session: _Session, caller: Caller, frames: FrameLimit, receive: Receive
    ) -> None:
        while (event := await receive())["type"] != "websocket.disconnect":
            if frames.is_passed():
                session.lifetime.close(CLOSE_POLICY)
                return
            text: str | None = event.get("text")
            body = text.encode() if text is not None else event.get("bytes") or b""
            if session.is_full:
                busy = "Too many orders are open on this socket; wait for some, or open another."
                await session.reject((fault(Code.TOO_BUSY, busy),))
                continue
            try:
                result = await self._submitter.submit(body, None, caller)
            except RequestRejected as rejected:
                await session.reject(rejected.faults)
                continue
            except PortUnavailable:
                await session.reject((fault(Code.STORE_UNAVAILABLE),))
                continue
            await session.answer(result, caller)
        session.lifetime.disconnect()


class _Session:
    """The server's side of one socket, and the orders whose events it sends."""

    def __init__(
        self,
        messages: MessageCache,
        lifetime: StreamLifetime,
        followers: asyncio.TaskGroup,
        *,
        scope: Scope,
        send: Send,
    ) -> None:
        self.lifetime = lifetime
        self._messages = messages
        self._scope, self._send = scope, send
        self._followers = followers
        self._following: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Whether this socket follows the maximum number of orders."""
        return len(self._following) >= self._messages.settings.socket_orders_max

    async def reject(self, faults: tuple[Fault, ...]) -> None:
        """Send the reasons why a message was rejected."""
        await self._send_text(write_failure(faults))

    async def answer(self, result: SubmitResult, caller: Caller) -> None:
        """Confirm an order, and start to send its events."""
        await self._send_text(result.reply)
        order = await self._messages.engine.get(result.order_id, caller.principal)
        if order is not None:
            stream = OrderEvents(self._messages, order, _HISTORY)
            task = self._followers.create_task(self._follow(stream))
            self._following.add(task)
            task.add_done_callback(self._following.discard)

    def end(self) -> None:
        """Stop following all orders."""
        for task in tuple(self._following):
            task.cancel()

    async def _follow(self, stream: OrderEvents) -> None:
        try:
            # A lifetime of its own: the end of an order does not close the socket.
            await send_events(stream, StreamLifetime(), self._scope, self._send)
        except OSError:
            self.lifetime.disconnect()
        except Exception:
            log.exception("stream_failed")
            self.lifetime.close(CLOSE_BROKEN)

    async def _send_text(self, text: bytes) -> None:
        await self._send({"type": "websocket.send", "text": text.decode()})


class UpgradedPostSocket:
    """An order POSTed with an upgrade: accepted, then its events follow on the connection."""

    def __init__(
        self, messages: MessageCache, concurrency: ConcurrencyLimits, submitter: OrderSubmitter
    ) -> None:
        self._messages = messages
        self._concurrency = concurrency
        self._submitter = submitter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket; an invalid order is rejected before the upgrade."""
        posted: bytes = scope["extensions"][UPGRADE_BODY]
        caller = caller_of(scope)
        key = header_fields(scope).get(b"idempotency-key")
        with self._concurrency.open_socket(caller) as lifetime:
            result = await self._submitter.submit(posted, key, caller)
            order = await self._messages.engine.get(result.order_id, caller.principal)
            if order is None:
                raise RequestRejected(fault(Code.ORDER_NOT_FOUND))
            await accept(scope, receive, send, headers=((b"x-order-id", order.id.encode()),))
            clock = self._messages.engine.clock
            await clock.sleep(FIRST_FRAME_MS)

            async def send_spaced(message: Message) -> None:
                await send(message)
                if message["type"] == "websocket.send":
                    await clock.sleep(FRAME_GAP_MS)

            stream = OrderEvents(self._messages, order, _GREETED)
            frames = FrameLimit.of(self._messages)
            await run_socket(stream, lifetime, frames, scope, receive, send_spaced)
