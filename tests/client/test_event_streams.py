"""Prove that a follower hears every line once and in order, however often it is cut off."""

import asyncio
import json
import logging
import random
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from cambist.client import (
    Client,
    ConnectionFailed,
    InvalidResponse,
    NotFound,
    OrderFailed,
    RetryPolicy,
    Unauthorized,
)
from cambist.client.event_streams import Over
from cambist.faults import Origin, Remedy
from tests.client.faulty_proxy import HastyClock, Mischief, Stage, refuse, stage

NOBODY = "01890000-0000-7000-8000-000000000000"
BOTH = pytest.mark.parametrize("over", ["sse", "websocket"])
LINES = ["pending", "routing", "building", "submitted", "sent", "confirmed", "finalized"]


def cuts(seed: int) -> Iterator[Mischief]:
    """Cut every connection somewhere, for ever."""
    chance = random.Random(seed)
    while True:
        yield Mischief(int(chance.expovariate(1 / 2_500)))


async def heard(there: Stage, order_id: str, **how: Any) -> list[tuple[int, str]]:
    return [(one.seq, one.event) async for one in there.cambist.follow(order_id, **how)]


@BOTH
async def test_a_follower_hears_every_line_until_the_order_is_closed(
    tmp_path: Path, over: Over
) -> None:
    async with stage(tmp_path) as there:
        placed = await there.cambist.sell("SOL", 1)
        told = await heard(there, placed.order_id, over=over)
        assert told == list(enumerate(LINES[:-1], 1))
        to_the_end = await heard(there, placed.order_id, over=over, to_finality=True)
        assert to_the_end == list(enumerate(LINES, 1))
        assert [(one.seq, one.event) for one in await there.cambist.history(placed.order_id)] == (
            to_the_end
        )


@BOTH
@pytest.mark.parametrize("seed", range(8))
async def test_no_cut_makes_a_gap_or_a_repeat(tmp_path: Path, seed: int, over: Over) -> None:
    async with stage(tmp_path, cuts(seed), tries_max=100) as there:
        for _ in range(3):
            placed = await there.cambist.sell("SOL", 1)
            told = await heard(there, placed.order_id, over=over, to_finality=True)
            assert told == list(enumerate(LINES, 1))
        assert there.proxy.connections > 3
        rows = (await there.rooms.client.get("/api/orders")).json()
        assert rows["total"] == 3


@BOTH
async def test_following_goes_on_after_the_line_it_is_given(tmp_path: Path, over: Over) -> None:
    async with stage(tmp_path) as there:
        order_id = (await there.cambist.sell("SOL", 1)).order_id
        await heard(there, order_id, to_finality=True)
        for after in range(len(LINES) + 1):
            told = await heard(there, order_id, after_seq=after, over=over, to_finality=True)
            assert told == list(enumerate(LINES, 1))[after:]
        assert await heard(there, order_id, after_seq=99, over=over) == []


async def test_a_silent_connection_is_given_up_and_resumed(tmp_path: Path) -> None:
    tricks = [Mischief(400, stalls=True), Mischief(2_000, stalls=True)]
    async with stage(tmp_path, tricks, silence_max_ms=100) as there:
        order = {"symbol": "SOL", "side": "sell", "quantity": 1}
        placed = (await there.rooms.client.post("/api/orders", json=order)).json()
        assert await heard(there, placed["orderId"]) == list(enumerate(LINES[:-1], 1))
        assert there.proxy.connections == 3


@BOTH
async def test_a_busy_server_is_followed_later(tmp_path: Path, over: Over) -> None:
    async with stage(tmp_path) as there:
        placed = await there.cambist.sell("SOL", 1)
        async with Client(there.cambist.url, clock=there.clock) as second:
            there.proxy.turn(*[refuse(503, "retry-after: 1")] * 3)
            told = [one.seq async for one in second.follow(placed.order_id, over=over)]
        assert told == [1, 2, 3, 4, 5, 6]
        assert len(there.clock.waits) == 3


@BOTH
async def test_nobody_follows_an_order_that_is_not_there(tmp_path: Path, over: Over) -> None:
    async with stage(tmp_path) as there:
        for order_id in (NOBODY, "nonsense", "a b&c"):
            with pytest.raises(NotFound, match="Order not found"):
                await heard(there, order_id, over=over)


async def test_a_socket_sends_the_key_and_logs_it_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = "cmb_0123456789abcdef"
    heard: list[bytes] = []

    async def refuse_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse_all, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Client(f"http://127.0.0.1:{port}", key) as cambist:
            for over in ("sse", "websocket"):
                with pytest.raises(Unauthorized):
                    await anext(cambist.follow(NOBODY, over=over))
    assert len(heard) == 2
    assert all(f"authorization: bearer {key}" in batch.decode().lower() for batch in heard)
    assert key not in caplog.text


@BOTH
async def test_a_server_that_stays_away_is_given_up(tmp_path: Path, over: Over) -> None:
    async with stage(tmp_path, tries_max=3) as there:
        placed = await there.cambist.sell("SOL", 1)
        async with Client("http://127.0.0.1:1", clock=there.clock) as nobody:
            with pytest.raises(
                ConnectionFailed, match=r"no engine answers at http://127\.0\.0\.1:1 "
            ):
                await anext(nobody.follow(placed.order_id, over=over))


async def test_who_waits_is_told_why_an_order_failed(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        placed = await there.cambist.sell("SOL", 1_000_001, slippage_bps=5_000)
        with pytest.raises(OrderFailed, match=f"order {placed.order_id} is failed: ") as caught:
            await there.cambist.wait(placed.order_id)
        assert (caught.value.code, caught.value.order.status) == ("no_route", "failed")
        assert (caught.value.blame, caught.value.remedy) == (Origin.VENUE, Remedy.GIVE_UP)


async def test_who_stops_listening_leaves_nothing_behind(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        placed = await there.cambist.sell("SOL", 1)
        async with aclosing(there.cambist.follow(placed.order_id)) as events:
            async for _ in events:
                break
        assert (await there.cambist.health()).status == "ok"


def liar(seqs: list[list[int]]) -> httpx.MockTransport:
    """Answer each request for a stream with the lines of the next of these numbers."""
    streams = iter(seqs)

    def answer(_: httpx.Request) -> httpx.Response:
        body = b"".join(
            b"id: %d\ndata: %s\n\n" % (seq, json.dumps(line(seq)).encode())
            for seq in next(streams, [])
        )
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    return httpx.MockTransport(answer)


def line(seq: int) -> dict[str, object]:
    status = "confirmed" if seq >= 6 else "routing"
    instant = "2026-11-20T20:00:00.000Z"
    return {
        "orderId": NOBODY,
        "seq": seq,
        "status": status,
        "event": status,
        "timestamp": instant,
    }


async def follow_liar(seqs: list[list[int]]) -> list[int]:
    retry_policy = RetryPolicy(tries_max=4)
    transport = liar(seqs)
    async with Client(transport=transport, patience=retry_policy, clock=HastyClock()) as cambist:
        return [one.seq async for one in cambist.follow(NOBODY)]


async def test_a_line_left_out_is_asked_for_again() -> None:
    assert await follow_liar([[1, 2, 4, 5, 6], [3, 4, 6], [5, 6]]) == [1, 2, 3, 4, 5, 6]


async def test_a_line_told_twice_is_heard_once() -> None:
    assert await follow_liar([[1, 1, 2, 3, 2, 3, 4, 5, 6]]) == [1, 2, 3, 4, 5, 6]


async def test_a_line_that_is_always_left_out_is_no_story() -> None:
    with pytest.raises(InvalidResponse, match="line 2 of order"):
        await follow_liar([[1, 3], [3], [3], [3], [3]])
