"""Tells what happened and happens, line by line: to one order, or to all of a caller's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final, NamedTuple, Protocol, cast

from cambist.engine.engine import Engine
from cambist.engine.subscriptions import EventBatch, FeedBatch
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
"""How much text is kept for those who listen to the same: the past of one reader fills it too."""


class StreamMessage(NamedTuple):
    """One event, ready to send, and the mark to resume after; a notice has none."""

    cursor: str | None
    payload: bytes


class EventStream(Protocol):
    """Lines in order, from where a listener wants them."""

    def batches(self, lifetime: StreamLifetime) -> AsyncGenerator[tuple[StreamMessage, ...], None]:
        """Yield lines until there are no more; an empty tuple is a heartbeat."""


class MessageCache:
    """Writes each journal line once, however many listen to it."""

    def __init__(self, engine: Engine, settings: ServerSettings) -> None:
        self.engine = engine
        self.settings = settings
        self._kept: dict[tuple[bytes, bool], bytes] = {}
        self._kept_bytes = 0

    def render(self, told: RecordedEvent, *, nested: bool = False) -> bytes:
        """Return the message of a line. Its hash names it: no two lines have the same."""
        key = (told.entry.hash, nested)
        text = self._kept.get(key)
        if text is None:
            text = self._kept[key] = event_messages.message(told, nested=nested)
            self._kept_bytes += len(text)
            while len(self._kept) > MESSAGES_KEPT_MAX or self._kept_bytes > MESSAGES_KEPT_BYTES_MAX:
                self._kept_bytes -= len(self._kept.pop(next(iter(self._kept))))
        return text

    def lag(self, order: Order | None) -> StreamMessage:
        """Return the notice that a listener was too slow."""
        return StreamMessage(None, event_messages.lagged(order, self.engine.clock.now()))

    def leave_out(self, order_id: OrderId) -> StreamMessage:
        """Return the notice that an order's events cannot be read."""
        return StreamMessage(None, event_messages.unreadable(order_id, self.engine.clock.now()))


class OrderEvents:
    """An order's events from where a listener wants them, until nothing more can come."""

    def __init__(self, messages: MessageCache, order: Order, want: StreamOptions) -> None:
        self._messages = messages
        self._order = order
        self._want = want

    async def batches(
        self, lifetime: StreamLifetime
    ) -> AsyncGenerator[tuple[StreamMessage, ...], None]:
        """Yield events in order.

        Without notes the story ends with the order. With notes it goes on until the engine
        has nothing more to tell, or for as long as the settings grant.
        """
        want, settings = self._want, self._messages.settings
        if want.send_greeting:
            now = self._messages.engine.clock.now()
            yield (StreamMessage(None, event_messages.subscribed(self._order, now)),)
        if self._order.is_closed:
            lifetime.close_after(settings.notes_after_close_ms)
        news = self._messages.engine.follow_order(
            self._order.id, want.after_seq, settings.heartbeat_ms
        )
        is_past = True
        async with aclosing(cast("AsyncGenerator[EventBatch, None]", news)) as batches:
            async for heard in batches:
                lines = self._write(heard)
                yield lines[-1:] if is_past and want.latest_only else lines
                is_past = False
                if not heard.events or not heard.events[-1].order.is_closed:
                    continue
                if not want.notes:
                    return
                lifetime.close_after(settings.notes_after_close_ms)

    def _write(self, heard: EventBatch) -> tuple[StreamMessage, ...]:
        want, voice = self._want, self._messages
        lines = tuple(
            StreamMessage(str(event.entry.seq), voice.render(event, nested=want.nested))
            for event in heard.events
            if want.notes or event_messages.is_status_change(event)
        )
        if heard.lagged and want.notes:
            return (voice.lag(heard.events[-1].order if heard.events else self._order), *lines)
        return lines


class PrincipalEvents:
    """The events of all orders of a principal, from a place on or from now; it never ends.

    `beginning` is the cursor it begins after: a cut before the first event is resumed there.
    """

    def __init__(
        self, messages: MessageCache, news: AsyncIterator[FeedBatch], begin: int, *, notes: bool
    ) -> None:
        self.beginning = write_cursor(begin)
        self._messages = messages
        self._news = news
        self._notes = notes

    @classmethod
    @asynccontextmanager
    async def open(
        cls, messages: MessageCache, principal: Principal, after: int | None, *, notes: bool
    ) -> AsyncIterator[PrincipalEvents]:
        """Listen before the client is told so: what it does next must not be missed."""
        news = messages.engine.follow_principal(principal, after, messages.settings.heartbeat_ms)
        async with aclosing(cast("AsyncGenerator[FeedBatch, None]", news)) as opened:
            first = await anext(opened)
            yield cls(messages, opened, first.seen, notes=notes)

    async def batches(
        self, _life: StreamLifetime
    ) -> AsyncGenerator[tuple[StreamMessage, ...], None]:
        """Yield events in the order in which they became durable."""
        async for heard in self._news:
            lines = tuple(
                StreamMessage(write_cursor(event.position), self._messages.render(event.event))
                for event in heard.events
                if self._notes or event_messages.is_status_change(event.event)
            )
            notices = (self._messages.lag(None),) if heard.lagged else ()
            yield (*notices, *map(self._messages.leave_out, heard.unreadable), *lines)
