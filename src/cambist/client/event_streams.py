"""Follows orders across reconnects: every event once, in order, and none left out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final, Literal

from msgspec.structs import replace

from cambist.client.errors import CambistError, ConnectionFailed, InvalidResponse
from cambist.client.http_client import PASSING, HttpClient, read
from cambist.client.models import Event, Order
from cambist.client.sse import SseDecoder, SseEvent
from cambist.client.websocket_events import is_event, listen

Over = Literal["sse", "websocket"]
Heard = AsyncGenerator[Event | None, None]
"""Events as they come; None is a sign of life."""

FINAL: Final = "finalized"


class ReconnectBackoff:
    """Counts the cuts that nothing good came between."""

    def __init__(self, calls: HttpClient) -> None:
        self._calls = calls
        self._tries = 0

    def forget(self) -> None:
        """Begin to count anew: something came."""
        self._tries = 0

    def ended(self) -> ConnectionFailed:
        """Return what it means when a stream ends before its story does."""
        return ConnectionFailed(self._calls.url, "the stream ended")

    async def mend(self, failed: CambistError) -> None:
        """Wait before the next try; raise what failed when there were too many."""
        self._tries += 1
        await self._calls.pause(failed, self._tries)


class OrderStream:
    """One order, from where it was left."""

    def __init__(
        self,
        open_at: Callable[[int], Heard],
        ask: Callable[[], Awaitable[Order]],
        cuts: ReconnectBackoff,
        after_seq: int,
    ) -> None:
        self._open_at = open_at
        self._ask = ask
        self._cuts = cuts
        self._seen = after_seq
        self._heard_any = False

    async def events(self, *, to_finality: bool) -> AsyncGenerator[Event, None]:
        """Yield every event once, up to the one that closes the order or makes it final."""
        while True:
            failed: CambistError
            try:
                async with aclosing(self._open_at(self._seen)) as heard:
                    async for event in heard:
                        if event is None:
                            self._cuts.forget()
                        elif self._is_next(event):
                            yield event
                            if event.is_closed and (not to_finality or event.event == FINAL):
                                return
                # The server ended the story: it is over, or the server is stopping.
                order = await self._ask()
                if order.is_closed and order.seq <= self._seen:
                    return
                failed = self._cuts.ended()
            except (*PASSING, InvalidResponse) as error:
                failed = error
            await self._cuts.mend(failed)

    def _is_next(self, event: Event) -> bool:
        """Tell whether an event is news. Raises InvalidResponse when one before it is missing."""
        if not self._heard_any:
            # Who asks for what comes after a line not written yet is told from the end there is.
            self._seen = min(self._seen, event.seq - 1)
        if event.seq > self._seen + 1:
            msg = f"line {self._seen + 1} of order {event.order_id} was left out"
            raise InvalidResponse(msg)
        is_news = event.seq > self._seen
        if is_news:
            self._seen, self._heard_any = event.seq, True
            self._cuts.forget()
        return is_news


class StreamCursor:
    """The id of the last event a stream told, for the next connection to go on from."""

    def __init__(self, last_id: str | None) -> None:
        self.last_id = last_id


async def follow_all(
    open_again: Callable[[], Heard], cuts: ReconnectBackoff
) -> AsyncGenerator[Event, None]:
    """Yield the events of all orders for ever, resumed where they were cut."""
    while True:
        failed: CambistError = cuts.ended()
        try:
            async with aclosing(open_again()) as heard:
                async for event in heard:
                    cuts.forget()
                    if event is not None:
                        yield event
        except (*PASSING, InvalidResponse) as error:
            failed = error
        await cuts.mend(failed)


async def stream_sse(calls: HttpClient, path: str, mark: StreamCursor) -> Heard:
    """Yield what server-sent events tell after the mark, and move it along."""
    headers = {"accept": "text/event-stream", "cache-control": "no-store"}
    if mark.last_id is not None:
        headers["last-event-id"] = mark.last_id
    frames = SseDecoder()
    async with aclosing(calls.stream(path, headers)) as chunks:
        async for chunk in chunks:
            for frame in frames.feed(chunk):
                mark.last_id = frames.last_id or mark.last_id
                yield None if frame is None else _event(frame)


def _event(frame: SseEvent) -> Event | None:
    """Read an event; a notice of the stream about itself is only a sign of life."""
    if not is_event(frame.data):
        return None
    return replace(read(frame.data, Event), cursor=frame.id)


async def stream_websocket(calls: HttpClient, path: str) -> Heard:
    """Yield what a WebSocket tells."""
    async with aclosing(listen(calls, path)) as texts:
        async for text in texts:
            yield read(text, Event)
