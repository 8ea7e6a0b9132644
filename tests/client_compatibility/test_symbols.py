"""Play the client that buys and sells symbols, with listeners that come late."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from tests.server.app_harness import WAIT_S, on_a_port, until_closed

ORDERS: list[dict[str, Any]] = [
    {"symbol": "AAPL", "side": "buy", "quantity": 10},
    {"symbol": "TSLA", "side": "sell", "quantity": 5},
    {"symbol": "GOOG", "side": "buy", "quantity": 2},
    {"symbol": "ETH", "side": "sell", "quantity": 1},
    {"symbol": "SOL", "side": "buy", "quantity": 20},
]
STATES = ["pending", "routing", "building", "submitted", "confirmed"]


async def test_five_parallel_orders_are_each_heard_to_the_end(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (rooms, port):

        async def trade(body: dict[str, Any]) -> None:
            reply = await rooms.client.post("/api/orders/execute", json=body)
            assert reply.is_success
            order_id = reply.json()["orderId"]
            async with connect(f"ws://127.0.0.1:{port}/ws/orders?orderId={order_id}") as socket:
                told = [json.loads(message) async for message in socket]
            states = [event["status"] for event in told]
            assert states == STATES[STATES.index(states[0]) :], "latest, then each that follows"
            last = told[-1]
            assert last["dex"] in ("raydium", "meteora")
            assert last["txHash"]
            assert last["price"] > 0
            assert isinstance(last["slippage"], int | float)
            assert last["slippageBps"] == 50
            order = (await rooms.client.get(f"/api/orders/{order_id}")).json()
            bought = order["amountOut"] if body["side"] == "buy" else order["amountIn"]
            assert bought == str(body["quantity"]), "the quantity is exact on its own side"

        await asyncio.gather(*(trade(body) for body in ORDERS))


async def test_a_late_second_listener_gets_the_latest_state(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (rooms, port):
        reply = await rooms.client.post("/api/orders/execute", json=ORDERS[0])
        url = f"ws://127.0.0.1:{port}/ws/orders?orderId={reply.json()['orderId']}"
        async with connect(url) as first:
            heard = [json.loads(message) async for message in first]
        await until_closed(rooms.client, reply.json()["orderId"])
        async with connect(url) as second:
            late = [json.loads(message) async for message in second]
        assert late == heard[-1:]
        assert late[0]["status"] == "confirmed"


async def test_an_order_with_something_missing_is_400(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        for name in ORDERS[0]:
            body = {key: value for key, value in ORDERS[0].items() if key != name}
            reply = await rooms.client.post("/api/orders/execute", json=body)
            assert reply.status_code == 400
            assert reply.json()["error"]


async def test_a_target_price_is_taken(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        reply = await rooms.client.post(
            "/api/orders/execute", json={**ORDERS[0], "type": "limit", "targetPrice": 200}
        )
        assert reply.status_code == 202
        order = (await rooms.client.get(f"/api/orders/{reply.json()['orderId']}")).json()
        assert order["orderType"] == "limit"
        assert order["limitPrice"] == 200
