"""Takes orders over an open WebSocket, and tells their events on it."""

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
"""The wait between the 101 and the first frame of a posted order: its client may lose what comes
with the head."""

FRAME_GAP_MS: Final = 5
"""The wait after each frame of a posted order: its client may read one frame a segment."""

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
        with self._concurrency.open_socket(caller_of(scope)) as life:
            await accept((scope, receive, send))
            frames = FrameLimit(self._messages.engine.clock, settings.orders_in_max)
            async with asyncio.TaskGroup() as followers:
                talk = _Session(self._messages, life, (scope, send), followers)
                hearing = self._hear(talk, caller_of(scope), frames, receive)
                await run_stream(asyncio.Event().wait(), hearing, life)
                talk.end()
            await close_socket(life, send)

    async def _hear(
        self, talk: _Session, caller: Caller, frames: FrameLimit, receive: Receive
    ) -> None:
        while (event := await receive())["type"] != "websocket.disconnect":
            if frames.is_passed():
                talk.lifetime.close(CLOSE_POLICY)
                return
            text: str | None = event.get("text")
            body = text.encode() if text is not None else event.get("bytes") or b""
            if talk.is_full:
                busy = "Too many orders are open on this socket; wait for some, or open another."
                await talk.refuse((fault(Code.TOO_BUSY, busy),))
                continue
            try:
                taken = await self._submitter.submit(body, None, caller)
            except RequestRejected as refused:
                await talk.refuse(refused.faults)
                continue
            except PortUnavailable:
                await talk.refuse((fault(Code.STORE_UNAVAILABLE),))
                continue
            await talk.answer(taken, caller)
        talk.lifetime.disconnect()


class _Session:
    """One socket's side of the talk, and the orders it follows."""

    def __init__(
        self,
        messages: MessageCache,
        lifetime: StreamLifetime,
        line: tuple[Scope, Send],
        followers: asyncio.TaskGroup,
    ) -> None:
        self.lifetime = lifetime
        self._messages = messages
        self._scope, self._send = line
        self._followers = followers
        self._following: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Whether this socket follows as many orders as it may."""
        return len(self._following) >= self._messages.settings.socket_orders_max

    async def refuse(self, faults: tuple[Fault, ...]) -> None:
        """Say why a message was no order we take."""
        await self._say(write_failure(faults))

    async def answer(self, taken: SubmitResult, caller: Caller) -> None:
        """Say that an order was taken, and begin to tell its events."""
        await self._say(taken.reply)
        order = await self._messages.engine.get(taken.order_id, caller.principal)
        if order is not None:
            story = OrderEvents(self._messages, order, _HISTORY)
            task = self._followers.create_task(self._follow(story))
            self._following.add(task)
            task.add_done_callback(self._following.discard)

    def end(self) -> None:
        """Follow no order any more."""
        for task in tuple(self._following):
            task.cancel()

    async def _follow(self, story: OrderEvents) -> None:
        try:
            # A life of its own: the end of one order is not the end of the socket.
            await send_events(story, StreamLifetime(), self._scope, self._send)
        except OSError:
            self.lifetime.disconnect()
        except Exception:
            log.exception("stream_failed")
            self.lifetime.close(CLOSE_BROKEN)

    async def _say(self, text: bytes) -> None:
        await self._send({"type": "websocket.send", "text": text.decode()})


class UpgradedPostSocket:
    """An order posted with a wish for a WebSocket: taken, then told on the same connection."""

    def __init__(
        self, messages: MessageCache, concurrency: ConcurrencyLimits, submitter: OrderSubmitter
    ) -> None:
        self._messages = messages
        self._concurrency = concurrency
        self._submitter = submitter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket; a bad order is refused before there is one."""
        posted: bytes = scope["extensions"][UPGRADE_BODY]
        passport = caller_of(scope)
        key = dict(scope["headers"]).get(b"idempotency-key")
        with self._concurrency.open_socket(passport) as life:
            taken = await self._submitter.submit(posted, key, passport)
            order = await self._messages.engine.get(taken.order_id, passport.principal)
            if order is None:
                raise RequestRejected(fault(Code.ORDER_NOT_FOUND))
            await accept((scope, receive, send), ((b"x-order-id", order.id.encode()),))
            clock = self._messages.engine.clock
            await clock.sleep(FIRST_FRAME_MS)

            async def send_apart(message: Message) -> None:
                await send(message)
                if message["type"] == "websocket.send":
                    await clock.sleep(FRAME_GAP_MS)

            story = OrderEvents(self._messages, order, _GREETED)
            await run_socket(
                story, life, FrameLimit.of(self._messages), (scope, receive, send_apart)
            )
