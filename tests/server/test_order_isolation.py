"""Ask for orders of another by thousands of ids, every way there is: none may leak."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

from cambist.values.ids import order_id
from tests.server.app_harness import ORDER
from tests.server.authenticated_app import BORN, OTHER, Locked, locked, locked_on_a_port

ORDERS = 40
GUESSES = 10_000
SOCKETS_OPENED = 500
WAYS = (
    ("GET", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/cancel"), ("GET", "/receipt"),
    ("GET", "/events"), ("HEAD", ""), ("GET", "/watch"),
)  # fmt: skip
SOCKETS = ("/ws", "/ws/orders", "/api/orders/execute")
LIVE = {"accept": "text/event-stream"}


async def placed(rooms: Locked, key: dict[str, str]) -> list[str]:
    body = {"orders": [ORDER] * ORDERS}
    told = (await rooms.client.post("/api/orders/batch", json=body, headers=key)).json()
    return [event["body"]["orderId"] for event in told["results"]]


def guesses(chance: random.Random, ids: list[str], many: int) -> list[str]:
    """Return ids: true ones of another, near misses, and some of nobody."""
    near = [one[:-1] + chance.choice("0123456789abcdef") for one in ids]
    bits = [chance.getrandbits(74) for _ in range(many // 4)]
    nobody = [str(order_id(BORN + index, one)) for index, one in enumerate(bits)]
    odd = [one.upper() for one in ids] + [f"{one} " for one in ids] + ["x", "%00", "0" * 36]
    return [chance.choice(chance.choice((ids, near, nobody, odd))) for _ in range(many)]


async def test_no_id_of_another_is_told_from_one_of_nobody(tmp_path: Path) -> None:
    chance = random.Random(1)
    async with locked(tmp_path) as rooms:
        mine, theirs = await rooms.key(principal=OTHER), await rooms.key()
        ids = await placed(rooms, theirs)
        unknown = {way: await _ask(rooms, mine, way, str(order_id(BORN, 1))) for way in WAYS}
        assert {one.status_code for one in unknown.values()} == {404}
        for name in guesses(chance, ids, GUESSES):
            way = chance.choice(WAYS)
            answer = await _ask(rooms, mine, way, name)
            assert answer.status_code == 404, (way, name)
            if " " not in name and name != "%00":  # those are written another way
                assert answer.content == unknown[way].content, (way, name)
                assert answer.headers == unknown[way].headers
        kept = (await rooms.client.get("/api/orders", headers=theirs)).json()
        assert (kept["total"], kept["cancelled"]) == (ORDERS, 0)
        assert (await rooms.client.get("/api/orders", headers=mine)).json()["total"] == 0


async def _ask(
    rooms: Locked, key: dict[str, str], way: tuple[str, str], name: str
) -> httpx.Response:
    method, rest = way
    return await rooms.client.request(
        method, f"/api/orders/{name}{rest}", headers={**key, **LIVE, "x-request-id": "same"}
    )


async def test_no_socket_tells_of_anothers_order(tmp_path: Path) -> None:
    chance = random.Random(2)
    async with locked_on_a_port(tmp_path) as rooms:
        mine, theirs = await rooms.key(principal=OTHER), await rooms.key()
        ids = await placed(rooms, theirs)
        heard = set()
        for _ in range(SOCKETS_OPENED):
            path, name = chance.choice(SOCKETS), chance.choice(ids)
            name = chance.choice((name, str(order_id(BORN, chance.getrandbits(74)))))
            url = f"ws://127.0.0.1:{rooms.port}{path}?orderId={name}"
            async with connect(url, additional_headers=mine, proxy=None) as socket:
                told = await socket.recv()
                await socket.wait_closed()
                heard.add((told, socket.close_code, socket.close_reason))
        assert len(heard) == 1
        assert next(iter(heard))[1] == 4404


async def test_the_news_of_all_orders_is_of_ones_own(tmp_path: Path) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        mine, theirs = await rooms.key(principal=OTHER), await rooms.key()
        url = f"ws://127.0.0.1:{rooms.port}/ws"
        async with (
            connect(url, additional_headers=mine, proxy=None) as socket,
            rooms.client.stream("GET", "/api/events", headers=mine) as told,
            asyncio.timeout(20),
        ):
            foreign = set(await placed(rooms, theirs))
            own = (await rooms.client.post("/api/orders", json=ORDER, headers=mine)).json()
            first = json.loads(await socket.recv())
            assert first["orderId"] == own["orderId"]
            async for line in told.aiter_lines():
                if line.startswith("data: "):
                    assert json.loads(line[6:])["orderId"] == own["orderId"]
                    break
            assert own["orderId"] not in foreign
