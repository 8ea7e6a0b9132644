"""Renders the events of one order, or of all orders of a caller, as messages of a stream."""

# This module sits between the subscriptions of the engine and the two transports (sse.py and
# websocket.py). It knows what a message looks like, but not how it is sent.
#
# - Replayed and live events are the same bytes, and so are the events on both transports. A client
#   that reconnects cannot tell where the replay ended, and need not.
# - An event is rendered once for all subscribers (MessageCache). The key is the hash of its
#   journal entry: it covers the content and the whole history before it, so two different events
#   never share it. The cache is bounded by bytes as well as by entries, because the replay of one
#   long history would fill it otherwise.
# - Each event carries its cursor: the sequence number of the order's journal, or the global
#   position. A client resumes after the last cursor it has processed. Notices (a greeting, "you
#   read too slowly", "an order cannot be read") have no cursor, since there is nothing to resume
#   after.
# - An empty batch is a heartbeat. The transports turn it into whatever keeps a connection open.
#
# Two kinds of clients use the streams. Some want states alone: their stream ends with the order.
# Others want notes, for example a later confirmation of finality: their stream goes on after the
# order is closed until nothing can follow, but no longer than `notes_after_close_ms`.

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final, NamedTuple, Protocol, cast

from cambist.engine.engine import Engine
from cambist.engine.event_following import EventBatch, FeedBatch
from cambist.orders.journal import RecordedEvent
from cambist.orders.order import Order
from cambist.server.concurrency import StreamLifetime
from cambist.server.requests import StreamOptions
from cambist.server.settings import ServerSettings
from cambist.values.ids import OrderId, Principal
from cambist.wire import event_messages
from cambist.wire.cursors import write_cursor

MESSAGES_KEPT_MAX: Final = 1_024
MESSAGES_KEPT_BYTES_MAX: Final = 2 * 1_024 * 1_024
"""How many bytes of rendered messages are kept for other subscribers."""


class StreamMessage(NamedTuple):
    """A rendered event and the cursor to resume after it; a notice has no cursor."""

    cursor: str | None
    payload: bytes


class EventStream(Protocol):
    """Messages in order, from the cursor of a client on."""

    def batches(self, lifetime: StreamLifetime) -> AsyncGenerator[tuple[StreamMessage, ...], None]:
        """Yield messages until no more can follow; an empty tuple is a heartbeat."""


class MessageCache:
    """Renders each event once, however many clients subscribe to it."""

    def __init__(self, engine: Engine, settings: ServerSettings) -> None:
        self.engine = engine
        self.settings = settings
        self._kept: dict[tuple[bytes, bool], bytes] = {}
        self._kept_bytes = 0

    def render(self, event: RecordedEvent, *, nested: bool = False) -> bytes:
        """Return the message of an event."""
        key = (event.entry.hash, nested)
        text = self._kept.get(key)
        if text is None:
            text = self._kept[key] = event_messages.message(event, nested=nested)
            self._kept_bytes += len(text)
            while len(self._kept) > MESSAGES_KEPT_MAX or self._kept_bytes > MESSAGES_KEPT_BYTES_MAX:
                self._kept_bytes -= len(self._kept.pop(next(iter(self._kept))))
        return text

    def lag(self, order: Order | None) -> StreamMessage:
        """Return the notice that a client read too slowly."""
        return StreamMessage(None, event_messages.lagged(order, self.engine.clock.now()))

    def unreadable(self, order_id: OrderId) -> StreamMessage:
        """Return the notice that an order's events cannot be read."""
        return StreamMessage(None, event_messages.unreadable(order_id, self.engine.clock.now()))


class OrderEvents:
    """The events of one order after a cursor, until no more can follow."""

    def __init__(self, messages: MessageCache, order: Order, options: StreamOptions) -> None:
        self._messages = messages
        self._order = order
        self._options = options

    async def batches(
        self, lifetime: StreamLifetime
    ) -> AsyncGenerator[tuple[StreamMessage, ...], None]:
        """Yield events in order.

        Without notes the stream ends with the order. With notes it goes on until no event can
        follow, or for as long as the settings allow.
        """
        options, settings = self._options, self._messages.settings
        if options.send_greeting:
            now = self._messages.engine.clock.now()
            yield (StreamMessage(None, event_messages.subscribed(self._order, now)),)
        if self._order.is_closed:
            lifetime.close_after(settings.notes_after_close_ms)
        events = self._messages.engine.follow_order(
            self._order.id, options.after_seq, settings.heartbeat_ms
        )
        is_replay = True
        async with aclosing(cast("AsyncGenerator[EventBatch, None]", events)) as batches:
            async for batch in batches:
                rendered = self._render(batch)
                yield rendered[-1:] if is_replay and options.latest_only else rendered
                is_replay = False
                if not batch.events or not batch.events[-1].order.is_closed:
                    continue
                if not options.notes:
                    return
                lifetime.close_after(settings.notes_after_close_ms)

    def _render(self, batch: EventBatch) -> tuple[StreamMessage, ...]:
        options, messages = self._options, self._messages
        rendered = tuple(
            StreamMessage(str(event.entry.seq), messages.render(event, nested=options.nested))
            for event in batch.events
            if options.notes or event_messages.is_status_change(event)
        )
        if batch.lagged and options.notes:
            order = batch.events[-1].order if batch.events else self._order
            return (messages.lag(order), *rendered)
        return rendered


class PrincipalEvents:
    """The events of all orders of a principal, after a position or from now on; it never ends.

    `start_cursor` is the cursor before the first event: a client that is disconnected before it
    resumes there.
    """

    def __init__(
        self, messages: MessageCache, feed: AsyncIterator[FeedBatch], start: int, *, notes: bool
    ) -> None:
        self.start_cursor = write_cursor(start)
        self._messages = messages
        self._feed = feed
        self._notes = notes

    @classmethod
    @asynccontextmanager
    async def open(
        cls, messages: MessageCache, principal: Principal, after: int | None, *, notes: bool
    ) -> AsyncIterator[PrincipalEvents]:
        """Subscribe; then the client may be answered, and misses nothing that it does next."""
        feed = messages.engine.follow_principal(principal, after, messages.settings.heartbeat_ms)
        async with aclosing(cast("AsyncGenerator[FeedBatch, None]", feed)) as batches:
            first = await anext(batches)
            yield cls(messages, batches, first.seen, notes=notes)

    async def batches(
        self, _lifetime: StreamLifetime
    ) -> AsyncGenerator[tuple[StreamMessage, ...], None]:
        """Yield events in the order in which they became durable."""
        async for batch in self._feed:
            rendered = tuple(
                StreamMessage(write_cursor(event.position), self._messages.render(event.event))
                for event in batch.events
                if self._notes or event_messages.is_status_change(event.event)
            )
            notices = (self._messages.lag(None),) if batch.lagged else ()
            yield (*notices, *map(self._messages.unreadable, batch.unreadable), *rendered)
