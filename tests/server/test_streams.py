"""Hold streams to one promise: every event once, in order, from wherever one asks."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.server.app_harness import (
    DEFAULTS,
    ORDER,
    WAIT_S,
    Rooms,
    in_process,
    on_a_port,
    until,
    until_closed,
)

SSE = {"accept": "text/event-stream"}
MOVES = ["pending", "routing", "building", "submitted", "confirmed"]


async def place(rooms: Rooms) -> str:
    return (await rooms.client.post("/api/orders", json=ORDER)).json()["orderId"]


async def listen(
    port: int, query: str, *, path: str = "/api/orders/execute", **more: Any
) -> tuple[list[dict[str, Any]], int | None]:
    """Return what a socket tells, and the code it closes with."""
    told: list[dict[str, Any]] = []
    async with asyncio.timeout(WAIT_S), connect(url(port, query, path), **more) as socket:
        try:
            while True:
                told.append(json.loads(await socket.recv()))
        except ConnectionClosed as closed:
            return told, closed.rcvd.code if closed.rcvd else None


def url(port: int, query: str, path: str = "/api/orders/execute") -> str:
    return f"ws://127.0.0.1:{port}{path}{query}"


async def test_each_path_begins_in_its_own_way(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        order_id = await place(rooms)
        await until_closed(rooms.client, order_id)
        plain, _ = await listen(port, f"?orderId={order_id}")
        greeted, _ = await listen(port, f"?orderId={order_id}", path="/ws")
        named, _ = await listen(port, "", path=f"/api/orders/{order_id}/status")
        assert named == plain
        latest, code = await listen(port, f"?orderId={order_id}", path="/ws/orders")
        assert (latest, code) == (plain[-1:], 1000)
        notice = greeted[0]
        assert notice["event"] == "subscribed"
        assert "status" not in notice, "a later status would run ahead of the history"
        assert notice["message"] == f"Subscribed to order {order_id}"
        assert "seq" not in notice
        bare = [{k: v for k, v in one.items() if k != "data"} for one in greeted[1:]]
        assert bare == plain
        assert greeted[-1]["data"]["txHash"] == plain[-1]["txHash"]
        for path in ("/ws", "/ws/orders"):
            resumed, _ = await listen(port, f"?orderId={order_id}&fromSeq=2", path=path)
            assert [one["seq"] for one in resumed] == list(range(3, 8))
            header = {"last-event-id": "4"}
            resumed, _ = await listen(
                port, f"?orderId={order_id}", path=path, additional_headers=header
            )
            assert [one["seq"] for one in resumed] == list(range(5, 8))


async def test_a_socket_tells_history_then_news_and_closes(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        told, code = await listen(port, f"?orderId={await place(rooms)}")
        assert [one["status"] for one in told] == MOVES
        assert [one["event"] for one in told] == MOVES
        assert code == 1000


async def test_a_late_socket_hears_the_same_bytes(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        order_id = await place(rooms)
        early, _ = await listen(port, f"?orderId={order_id}")
        late, _ = await listen(port, f"?orderId={order_id}")
        assert early == late


async def test_with_notes_nothing_is_left_out(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        order_id = await place(rooms)
        for query in (f"?orderId={order_id}&notes=1", f"?orderId={order_id}&fromSeq=0"):
            told, code = await listen(port, query)
            assert [one["seq"] for one in told] == list(range(1, len(told) + 1))
            assert (told[-1]["event"], code) == ("finalized", 1000)


async def test_a_stream_resumes_after_the_seq_it_is_given(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        order_id = await place(rooms)
        whole, _ = await listen(port, f"?orderId={order_id}&fromSeq=0")
        for after in range(len(whole) + 1):
            rest, code = await listen(port, f"?orderId={order_id}&fromSeq={after}")
            assert (rest, code) == (whole[after:], 1000)
        events = f"/api/orders/{order_id}/events"
        listed = (await rooms.client.get(f"{events}?fromSeq=3")).json()
        assert (listed["orderId"], listed["events"]) == (order_id, whole[3:])


async def test_server_sent_events_carry_their_seq_and_end(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        order_id = await place(rooms)
        whole, _ = await listen(port, f"?orderId={order_id}&fromSeq=0")
        path = f"/api/orders/{order_id}/events"
        answer = await rooms.client.get(path, headers={**SSE, "Last-Event-ID": "2"})
        assert answer.headers["content-type"].startswith("text/event-stream")
        frames = [frame.split("\n") for frame in answer.text.split("\n\n") if frame]
        assert [int(frame[0].removeprefix("id: ")) for frame in frames] == list(
            range(3, len(whole) + 1)
        )
        assert [json.loads(frame[1].removeprefix("data: ")) for frame in frames] == whole[2:]


async def test_a_quiet_stream_still_beats(tmp_path: Path) -> None:
    settings = replace(DEFAULTS, heartbeat_ms=5)
    async with on_a_port(tmp_path, settings) as (rooms, _), asyncio.timeout(WAIT_S):
        order_id = await place(rooms)
        path = f"/api/orders/{order_id}/events"
        async with rooms.client.stream("GET", path, headers=SSE) as told:
            text = "".join([part async for part in told.aiter_text()])
        assert text.count("id: ") == 7


@pytest.mark.parametrize(
    ("query", "error", "code"),
    [
        ("?orderId=nope", "Order not found", 4404),
        ("?orderId=01890000-0000-7000-8000-000000000000", "Order not found", 4404),
    ],
)
async def test_a_socket_for_no_order_says_why_it_closes(
    tmp_path: Path, query: str, error: str, code: int
) -> None:
    async with on_a_port(tmp_path) as (_, port):
        for path in ("/api/orders/execute", "/ws", "/ws/orders"):
            assert await listen(port, query, path=path) == ([{"error": error}], code)


async def test_a_path_that_tells_one_order_asks_which(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (_, port):
        error = {"error": "orderId query parameter is required"}
        assert await listen(port, "", path="/ws/orders") == ([error], 1008)


@pytest.mark.parametrize("seq", ["x", "-1", "1.5", "99999999999", ""])
async def test_a_place_to_resume_from_must_be_a_number(tmp_path: Path, seq: str) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        order_id = await place(rooms)
        with pytest.raises(InvalidStatus) as refused:
            await listen(port, f"?orderId={order_id}&fromSeq={seq}")
        assert refused.value.response.status_code == 400
        answer = await rooms.client.get(f"/api/orders/{order_id}/events?fromSeq={seq}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")


async def test_a_page_of_another_site_gets_no_socket(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        order_id = await place(rooms)
        with pytest.raises(InvalidStatus) as refused:
            await listen(port, f"?orderId={order_id}", origin="http://evil.example")
        assert refused.value.response.status_code == 403
        told, _ = await listen(port, f"?orderId={order_id}", origin=f"http://127.0.0.1:{port}")
        assert told


async def test_streams_past_the_limit_are_refused(tmp_path: Path) -> None:
    async with on_a_port(tmp_path, replace(DEFAULTS, streams_max=0)) as (rooms, port):
        order_id = await place(rooms)
        with pytest.raises(InvalidStatus) as refused:
            await listen(port, f"?orderId={order_id}")
        assert refused.value.response.status_code == 503
        answer = await rooms.client.get(f"/api/orders/{order_id}/events", headers=SSE)
        assert answer.status_code == 503


class Stuck:
    """A history that never comes, for streams that must stay open."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def follow(self, *_: object):
        try:
            await asyncio.Event().wait()
            yield ()
        finally:
            self.closed.set()


async def test_a_socket_that_talks_too_much_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_a_port(tmp_path) as (rooms, port), asyncio.timeout(WAIT_S):
        order_id = await place(rooms)
        monkeypatch.setattr(rooms.engine, "follow_order", Stuck().follow)
        async with connect(url(port, f"?orderId={order_id}")) as socket:
            for _ in range(DEFAULTS.frames_in_max * 3):
                await socket.send("hello")
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd
            assert closed.value.rcvd.code == 1008


async def test_a_frame_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_a_port(tmp_path) as (rooms, port), asyncio.timeout(WAIT_S):
        order_id = await place(rooms)
        monkeypatch.setattr(rooms.engine, "follow_order", Stuck().follow)
        async with connect(url(port, f"?orderId={order_id}")) as socket:
            await socket.send("x" * (DEFAULTS.frame_bytes_max + 1))
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd
            assert closed.value.rcvd.code == 1009


async def test_a_client_that_leaves_frees_its_seat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_a_port(tmp_path) as (rooms, port), asyncio.timeout(WAIT_S):
        order_id = await place(rooms)
        stuck = Stuck()
        monkeypatch.setattr(rooms.engine, "follow_order", stuck.follow)
        async with connect(url(port, f"?orderId={order_id}")):
            pass
        await stuck.closed.wait()
        await until(lambda: not rooms.app.concurrency.streams)
        events = f"/api/orders/{order_id}/events"
        stuck.closed.clear()
        async with rooms.client.stream("GET", events, headers=SSE):
            assert (rooms.app.concurrency.streams, rooms.app.concurrency.requests) == (1, 0)
        await stuck.closed.wait()
        await until(lambda: not rooms.app.concurrency.streams)


async def test_a_broken_journal_closes_the_stream_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        order_id = await place(rooms)
        await until_closed(rooms.client, order_id)

        async def broken(*_: object):
            msg = "broken"
            raise RuntimeError(msg)
            yield ()

        monkeypatch.setattr(rooms.engine, "follow_order", broken)
        assert await listen(port, f"?orderId={order_id}") == ([], 1011)
        assert (await rooms.client.get("/health/live")).status_code == 200


async def test_draining_ends_every_stream_and_takes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_a_port(tmp_path) as (rooms, port), asyncio.timeout(WAIT_S):
        order_id = await place(rooms)
        monkeypatch.setattr(rooms.engine, "follow_order", Stuck().follow)
        events = f"/api/orders/{order_id}/events"
        async with (
            rooms.client.stream("GET", events, headers=SSE) as told,
            connect(url(port, f"?orderId={order_id}")) as socket,
        ):
            rooms.app.drain()
            assert [part async for part in told.aiter_bytes()] == []
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd
            assert closed.value.rcvd.code == 1012
        with pytest.raises(InvalidStatus) as refused:
            await listen(port, f"?orderId={order_id}")
        assert refused.value.response.status_code == 503


async def test_a_head_request_never_begins_a_stream(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        path = f"/api/orders/{await place(rooms)}/events"
        answer = await rooms.client.head(path, headers=SSE)
        assert answer.headers["content-type"] == "application/json"


async def test_a_stream_that_has_told_all_says_so_at_and_past_its_end(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        order_id = (await rooms.client.post("/api/orders", json=ORDER)).json()["orderId"]
        order = await until_closed(rooms.client, order_id)
        path, end = f"/api/orders/{order_id}/events", order["seq"]
        accept = {"accept": "text/event-stream"}
        told = await rooms.client.get(path, headers=accept)
        assert f"id: {end}\n" in told.text
        for last in (end, end + 1, end + 1_000):
            for headers in ({"last-event-id": str(last)}, {}):
                query = "" if headers else f"?fromSeq={last}"
                over = await rooms.client.get(path + query, headers={**accept, **headers})
                assert (over.status_code, over.content) == (204, b"")
                assert "content-type" not in over.headers
        rest = await rooms.client.get(path, headers={**accept, "last-event-id": str(end - 1)})
        assert rest.status_code == 200
        assert rest.text.count("id: ") == 1
        assert (await rooms.client.get(path, params={"fromSeq": end})).json()["events"] == []
