"""Play the client that posts an order and opens the socket the answer names."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.server.app_harness import WAIT_S, on_a_port

STATES = ["pending", "routing", "building", "submitted", "confirmed"]


async def test_the_curl_of_its_readme_then_the_socket_it_names(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (_, port):
        curl = await asyncio.create_subprocess_exec(
            "curl", "-s", "-X", "POST", f"http://127.0.0.1:{port}/api/orders/execute",
            "-H", "Content-Type: application/json",
            "-d", '{"tokenIn":"SOL","tokenOut":"USDC","amount":10}',
            stdout=subprocess.PIPE,
        )  # fmt: skip
        output, _ = await curl.communicate()
        taken = json.loads(output)
        assert taken["websocket"] == f"/api/orders/execute?orderId={taken['orderId']}"
        async with connect(f"ws://127.0.0.1:{port}{taken['websocket']}") as socket:
            told = [json.loads(message) async for message in socket]
        assert [event["status"] for event in told] == STATES
        building = told[2]
        assert building["chosen"] in ("raydium", "meteora")
        for quote in building["rQuote"], building["mQuote"]:
            assert quote["price"] > 0
            assert 0 < quote["fee"] < 0.01
        assert told[-1]["txHash"]
        assert told[-1]["executedPrice"] > 0


async def test_a_socket_without_an_order_takes_orders(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(WAIT_S),
        on_a_port(tmp_path) as (_, port),
        connect(f"ws://127.0.0.1:{port}/api/orders/execute") as socket,
    ):
        await socket.send(json.dumps({"tokenIn": "SOL", "tokenOut": "USDC", "amount": 5}))
        assert json.loads(await socket.recv())["orderId"]
        states = [json.loads(await socket.recv())["status"] for _ in STATES]
        assert states == STATES
        await socket.send("not an order")
        refused = json.loads(await socket.recv())
        assert refused["status"] == "failed"
        assert refused["error"]


@pytest.mark.parametrize(
    "body",
    [
        {"tokenOut": "USDC", "amount": 10},
        {"tokenIn": "SOL", "amount": 10},
        {"tokenIn": "SOL", "tokenOut": "USDC"},
        {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "ten"},
        {"tokenIn": "SOL", "tokenOut": "USDC", "amount": -1},
    ],
    ids=["no tokenIn", "no tokenOut", "no amount", "text", "negative"],
)
async def test_its_five_bad_orders_are_400_with_an_error(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        reply = await rooms.client.post("/api/orders/execute", json=body)
        assert reply.status_code == 400
        assert reply.json()["error"]


async def test_five_orders_at_once_all_confirm_for_early_and_late_listeners(
    tmp_path: Path,
) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (rooms, port):

        async def listen(path: str) -> list[str]:
            async with connect(f"ws://127.0.0.1:{port}{path}") as socket:
                return [json.loads(message)["status"] async for message in socket]

        async def trade(amount: int) -> list[list[str]]:
            body = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": amount}
            taken = (await rooms.client.post("/api/orders/execute", json=body)).json()
            early = await listen(taken["websocket"])
            return [early, await listen(taken["websocket"])]

        heard = await asyncio.gather(*(trade(amount) for amount in range(1, 6)))
        assert heard == [[STATES, STATES]] * 5


async def test_health_names_its_parts(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        health = (await rooms.client.get("/health")).json()
        assert health["status"] == "ok"
        assert {"timestamp", "database", "redis"} <= health.keys()
        service = (await rooms.client.get("/")).json()
        assert {"name", "status", "endpoints"} <= service.keys()
