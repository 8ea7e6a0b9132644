"""Tells what happens to one order: its history, then its news, over server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, Final, NamedTuple, cast

import structlog
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from cambist.engine.engine import Engine
from cambist.orders.journal import Told
from cambist.orders.order import Order
from cambist.server.answers import Answer, send_answer
from cambist.server.orders import find_order
from cambist.server.queries import Want, read_want
from cambist.server.seats import Life, Seats
from cambist.server.settings import ServerSettings
from cambist.wire.messages import is_status_change, message
from cambist.wire.replies import write_events

EVENT_STREAM: Final = "text/event-stream"
CLOSE_BROKEN: Final = 1011
BEAT: Final = b": beat\n\n"
_HEADERS: Final = [
    (b"content-type", EVENT_STREAM.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
log = structlog.get_logger(__name__)


class Line(NamedTuple):
    """One event, ready to send."""

    seq: int
    data: bytes


class Story:
    """An order's events from where a listener wants them, until nothing more can come."""

    def __init__(self, engine: Engine, settings: ServerSettings, order: Order, want: Want) -> None:
        self._engine = engine
        self._settings = settings
        self._order = order
        self._want = want

    async def lines(self, life: Life) -> AsyncGenerator[tuple[Line, ...], None]:
        """Yield events in order; an empty tuple is a heartbeat, or a note nobody asked for.

        Without notes the story ends with the order. With notes it goes on until the engine
        has nothing more to tell, or for as long as the settings grant.
        """
        want, patience = self._want, self._settings.notes_after_end_ms
        if self._order.is_closed:
            life.end_after(patience)
        news = self._engine.follow(self._order.id, want.after_seq, self._settings.beat_ms)
        async with aclosing(cast("AsyncGenerator[tuple[Told, ...], None]", news)) as batches:
            async for batch in batches:
                yield tuple(
                    Line(one.entry.seq, message(one))
                    for one in batch
                    if want.notes or is_status_change(one)
                )
                if not batch or not batch[-1].order.is_closed:
                    continue
                if not want.notes:
                    return
                life.end_after(patience)


async def serve(
    tell: Coroutine[Any, Any, None], watch: Coroutine[Any, Any, None], life: Life
) -> None:
    """Run a stream until it is told, ended, or nobody listens any more."""
    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(watch)
        try:
            async with life.lasts():
                await tell
        except OSError:
            life.cut()
        except Exception:
            log.exception("stream_failed")
            life.close_code = CLOSE_BROKEN
        finally:
            watcher.cancel()


class Events:
    """Answers with an order's journal: as JSON, or as a stream if the client accepts one."""

    def __init__(self, engine: Engine, settings: ServerSettings, seats: Seats) -> None:
        self._engine = engine
        self._settings = settings
        self._seats = seats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one GET."""
        request = Request(scope)
        order = await find_order(self._engine, request)
        last_event_id = request.headers.get("last-event-id")
        want = read_want(request.query_params, last_event_id, notes=True)
        streams = EVENT_STREAM in request.headers.get("accept", "").lower()
        if streams and request.method == "GET":
            with self._seats.stream() as life:
                story = Story(self._engine, self._settings, order, want)
                await _stream(story, life, receive, send)
            return
        told = await self._engine.history(order.id, want.after_seq)
        body = write_events(order.id, [message(one) for one in told])
        await send_answer(send, Answer(200, body))


async def _stream(story: Story, life: Life, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})

    async def tell() -> None:
        async with aclosing(story.lines(life)) as batches:
            async for lines in batches:
                body = b"".join([b"id: %d\ndata: %b\n\n" % one for one in lines]) or BEAT
                await send({"type": "http.response.body", "body": body, "more_body": True})

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        life.cut()

    await serve(tell(), watch(), life)
    await send({"type": "http.response.body", "body": b""})
