"""Play the client that listens to everything first, then trades by mint for a wallet."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from tests.server.app_harness import WAIT_S, on_a_port, until_closed

SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
WALLET = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"
ORDER: dict[str, Any] = {
    "walletAddress": WALLET, "tokenIn": SOL, "tokenOut": USDC, "amountIn": 1.5,
    "orderType": "market", "slippage": 0.5,
}  # fmt: skip
KNOWN = (
    "orderId", "status", "walletAddress", "tokenIn", "tokenOut", "amountIn", "orderType",
    "slippage", "selectedDex", "quote", "txSignature", "retryCount", "createdAt", "updatedAt",
)  # fmt: skip
COUNTS = ("waiting", "active", "completed", "failed", "total")
STATES = ["pending", "routing", "building", "submitted", "confirmed"]


async def test_everything_is_heard_on_a_socket_that_was_opened_first(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(WAIT_S),
        on_a_port(tmp_path) as (rooms, port),
        connect(f"ws://127.0.0.1:{port}/ws") as socket,
    ):
        reply = await rooms.client.post("/api/orders/execute", json=ORDER)
        taken = reply.json()
        assert reply.status_code == 202
        assert (taken["status"], taken["message"]) == ("pending", "Order submitted successfully")
        told = [json.loads(await socket.recv()) for _ in STATES]
        assert [event["status"] for event in told] == STATES
        assert all(one["orderId"] == taken["orderId"] and one["timestamp"] for one in told)
        quote = told[2]["quote"]
        assert quote.keys() >= {"dex", "amountOut", "priceImpact", "fee", "route"}
        assert quote["route"] == ["SOL", "USDC"]
        assert told[2]["selectedDex"] == quote["dex"]
        assert told[-1]["txSignature"]


async def test_an_order_and_the_queue_are_read_as_it_knows_them(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        taken = (await rooms.client.post("/api/orders/execute", json=ORDER)).json()
        await until_closed(rooms.client, taken["orderId"])
        order = (await rooms.client.get(f"/api/orders/{taken['orderId']}")).json()
        for name in KNOWN:
            assert order.get(name) is not None, name
        assert order["walletAddress"] == WALLET
        assert order["slippage"] == 0.5
        queue = (await rooms.client.get("/api/orders")).json()
        counts = {
            name: queue[name] for name in ["waiting", "active", "completed", "failed", "total"]
        }
        assert counts == {"waiting": 0, "active": 0, "completed": 1, "failed": 0, "total": 1}


async def test_its_bad_orders_are_refused(tmp_path: Path) -> None:
    bad = [
        {**ORDER, "walletAddress": "not-a-wallet"},
        {**ORDER, "amountIn": -1},
        {name: value for name, value in ORDER.items() if name != "tokenOut"},
    ]
    async with on_a_port(tmp_path) as (rooms, _):
        for body in bad:
            reply = await rooms.client.post("/api/orders/execute", json=body)
            assert reply.status_code == 400
            assert reply.json()["error"]
        unknown = await rooms.client.get("/api/orders/550e8400-e29b-41d4-a716-446655440000")
        assert unknown.status_code == 404
        assert unknown.json()["error"] == "Order not found"
        assert (await rooms.client.get("/health")).json().keys() >= {"status", "timestamp"}


async def test_a_limit_order_rests_and_can_be_cancelled(tmp_path: Path) -> None:
    body = {**ORDER, "orderType": "limit", "limitPrice": 160}
    async with on_a_port(tmp_path) as (rooms, _):
        reply = await rooms.client.post("/api/orders/execute", json=body)
        assert reply.status_code == 202
        order = (await rooms.client.get(f"/api/orders/{reply.json()['orderId']}")).json()
        assert order["orderType"] == "limit"
        assert order["limitPrice"] == 160
        cancel = await rooms.client.delete(f"/api/orders/{order['orderId']}")
        assert (cancel.status_code, cancel.json()["status"]) == (200, "cancelled")
