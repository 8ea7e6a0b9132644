"""Hold the stream of all orders to its promise: once, in order, resumed by cursor."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cambist.coordination import memory
from cambist.engine import event_following
from cambist.server.streaming import event_streams
from cambist.values.ids import LOCAL
from tests.server.app_harness import DEFAULTS, ORDER, WAIT_S, Rooms, on_a_port, until_closed

SSE = {"accept": "text/event-stream"}
ORDERS = 12


class Frame(dict[str, Any]):
    """One event, and the id it came with."""

    cursor: str | None = None


async def frames(answer: httpx.Response) -> AsyncIterator[Frame]:
    cursor = None
    async for line in answer.aiter_lines():
        if line.startswith("id: "):
            cursor = line.removeprefix("id: ")
        elif line.startswith("data: "):
            frame = Frame(json.loads(line.removeprefix("data: ")))
            frame.cursor = cursor
            yield frame
        elif not line:
            cursor = None


@asynccontextmanager
async def following(rooms: Rooms, cursor: str | None = None) -> AsyncIterator[AsyncIterator[Frame]]:
    headers = SSE if cursor is None else {**SSE, "last-event-id": cursor}
    async with rooms.client.stream("GET", "/api/events", headers=headers) as answer:
        assert answer.status_code == 200
        yield frames(answer)


async def place_all(rooms: Rooms, number: int = ORDERS) -> list[str]:
    answers = await asyncio.gather(
        *(rooms.client.post("/api/orders", json=ORDER) for _ in range(number))
    )
    return [answer.json()["orderId"] for answer in answers]


async def journals(rooms: Rooms, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    for one in ids:
        await until_closed(rooms.client, one)
    told = [await rooms.client.get(f"/api/orders/{one}/events") for one in ids]
    return {one: answer.json()["events"] for one, answer in zip(ids, told, strict=True)}


def by_order(told: list[Frame]) -> dict[str, list[Frame]]:
    found: dict[str, list[Frame]] = {}
    for event in told:
        found.setdefault(event["orderId"], []).append(event)
    return found


async def hear(lines: AsyncIterator[Frame], count: int) -> list[Frame]:
    return [await anext(lines) for _ in range(count)]


async def test_every_event_of_every_order_is_told_once(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _), asyncio.timeout(WAIT_S):
        async with following(rooms) as lines:
            ids = await place_all(rooms)
            wanted = await journals(rooms, ids)
            told = await hear(lines, sum(len(one) for one in wanted.values()))
        assert by_order(told) == wanted


async def test_a_cut_before_the_first_event_loses_none(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _), asyncio.timeout(WAIT_S):
        async with rooms.client.stream("GET", "/api/events", headers=SSE) as answer:
            first = await anext(answer.aiter_lines())
        ids = await place_all(rooms)
        wanted = await journals(rooms, ids)
        async with following(rooms, first.removeprefix("id: ")) as lines:
            told = await hear(lines, sum(len(one) for one in wanted.values()))
        assert by_order(told) == wanted


async def test_a_cut_stream_goes_on_after_its_cursor(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _), asyncio.timeout(WAIT_S):
        async with following(rooms) as lines:
            ids = await place_all(rooms)
            wanted = await journals(rooms, ids)
            whole = await hear(lines, sum(len(one) for one in wanted.values()))
        for place in range(0, len(whole) - 1, 7):
            async with following(rooms, whole[place].cursor) as lines:
                assert await hear(lines, len(whole) - place - 1) == whole[place + 1 :]


async def test_a_reader_that_lags_is_told_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SUBSCRIPTION_FACTS_MAX", 2)
    monkeypatch.setattr(event_following, "FEED_PAGE", 5)
    async with on_a_port(tmp_path) as (rooms, _), asyncio.timeout(WAIT_S):
        async with following(rooms) as lines:
            ids = await place_all(rooms)
            wanted = await journals(rooms, ids)
            told: list[Frame] = []
            lags = 0
            while len(told) < sum(len(one) for one in wanted.values()):
                frame = await anext(lines)
                if frame["event"] == "lagged":
                    assert frame.cursor is None
                    lags += 1
                else:
                    told.append(frame)
        assert lags
        assert by_order(told) == wanted


async def test_a_socket_without_an_order_hears_all_orders(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(WAIT_S),
        on_a_port(tmp_path) as (rooms, port),
        connect(f"ws://127.0.0.1:{port}/ws") as moves,
        connect(f"ws://127.0.0.1:{port}/ws?notes=1") as notes,
    ):
        ids = await place_all(rooms)
        wanted = await journals(rooms, ids)
        statuses = {
            one: [e for e in told if e["event"] == e["status"]] for one, told in wanted.items()
        }
        for socket, expected in (moves, statuses), (notes, wanted):
            count = sum(len(one) for one in expected.values())
            told = [Frame(json.loads(await socket.recv())) for _ in range(count)]
            assert by_order(told) == expected


@pytest.mark.parametrize("query", ["cursor=7", "cursor=", "cursor=c", "fromSeq=3", "cursor=czz"])
async def test_a_cursor_of_nobodys_is_refused(tmp_path: Path, query: str) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        answer = await rooms.client.get(f"/api/events?{query}", headers=SSE)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{port}/ws?{query}"):
                pass
        assert refused.value.response.status_code == 400


async def test_the_past_is_told_in_pages_and_little_of_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_following, "FEED_PAGE", 7)
    monkeypatch.setattr(event_streams, "MESSAGES_KEPT_BYTES_MAX", 10_000)
    async with on_a_port(tmp_path) as (rooms, _):
        orders = await place_all(rooms)
        for order_id in orders:
            await until_closed(rooms.client, order_id)
        messages = event_streams.MessageCache(rooms.engine, DEFAULTS)
        told: list[tuple[str, int]] = []
        async for heard in rooms.engine.follow_principal(LOCAL, 0, 1):
            assert len(heard.events) <= ORDERS  # what happens meanwhile comes at once
            for event in heard.events:
                assert messages.render(event.event)
                told.append((event.event.order.id, event.event.entry.seq))
            kept = sum(len(text) for text in messages._kept.values())
            assert messages._kept_bytes == kept <= 10_000
            if told and not heard.events:
                break
        histories = [await rooms.engine.history(order_id) for order_id in orders]
        wanted = {(one.order.id, one.entry.seq) for history in histories for one in history}
        assert set(told) >= wanted
        assert len(told) == len(set(told))
