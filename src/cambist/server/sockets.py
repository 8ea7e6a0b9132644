"""Tells what happens to one order over a WebSocket."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from cambist.engine.engine import Engine
from cambist.faults import CATALOGUE, Code
from cambist.ports.clock import Clock
from cambist.server.passports import passport_of
from cambist.server.queries import read_want
from cambist.server.seats import Life, Seats
from cambist.server.settings import ServerSettings
from cambist.server.streams import Story, serve
from cambist.values.ids import read_order_id
from cambist.values.moment import SECOND

CLOSE_POLICY: Final = 1008
CLOSE_UNKNOWN: Final = 4404
NO_ORDER_ID: Final = "orderId query parameter is required"


class OrderSocket:
    """One order's events as text messages; what the client sends is read and ignored."""

    def __init__(self, engine: Engine, settings: ServerSettings, seats: Seats) -> None:
        self._engine = engine
        self._settings = settings
        self._seats = seats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        params = QueryParams(scope["query_string"])
        want = read_want(params, None, notes=False)
        name = params.get("orderId")
        order_id = read_order_id(name) if name is not None else None
        order = None
        if order_id is not None:
            order = await self._engine.get(order_id, passport_of(scope).principal)
        with self._seats.socket() as life:
            await receive()
            await send({"type": "websocket.accept"})
            if name is None:
                await _dismiss(send, NO_ORDER_ID, CLOSE_POLICY)
            elif order is None:
                sentence = CATALOGUE[Code.ORDER_NOT_FOUND].sentence
                await _dismiss(send, sentence, CLOSE_UNKNOWN)
            else:
                story = Story(self._engine, self._settings, order, want)
                frames = _FrameLimit(self._engine.clock, self._settings.frames_in_max)
                await _converse(story, life, frames, (receive, send))


class _FrameLimit:
    """Counts what a client sends, second by second."""

    def __init__(self, clock: Clock, frames_max: int) -> None:
        self._clock = clock
        self._frames_max = frames_max
        self._since = clock.elapsed()
        self._count = 0

    def is_passed(self) -> bool:
        """Count one frame; whether it was one too many."""
        now = self._clock.elapsed()
        if now - self._since >= SECOND:
            self._since, self._count = now, 0
        self._count += 1
        return self._count > self._frames_max


async def _converse(
    story: Story, life: Life, frames: _FrameLimit, line: tuple[Receive, Send]
) -> None:
    receive, send = line

    async def tell() -> None:
        async with aclosing(story.lines(life)) as batches:
            async for lines in batches:
                for one in lines:
                    await send({"type": "websocket.send", "text": one.data.decode()})

    async def watch() -> None:
        while (await receive())["type"] != "websocket.disconnect":
            if frames.is_passed():
                life.end(CLOSE_POLICY)
                return
        life.cut()

    await serve(tell(), watch(), life)
    if not life.is_cut:
        await send({"type": "websocket.close", "code": life.close_code})


async def _dismiss(send: Send, error: str, code: int) -> None:
    await send({"type": "websocket.send", "text": msgspec.json.encode({"error": error}).decode()})
    await send({"type": "websocket.close", "code": code, "reason": error})
