"""Play the client that sends strings, reads `event`, and looks into the tables."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from tests.server.app_harness import WAIT_S, on_a_port, until_closed

USER = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ORDER: dict[str, Any] = {
    "userId": USER, "type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1",
    "slippageTolerance": "0.01",
}  # fmt: skip
EVENTS = ["pending", "routing", "building", "submitted", "confirmed"]


async def test_events_are_named_and_the_tables_tell_the_same(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (rooms, port):
        reply = await rooms.client.post("/api/orders", json=ORDER)
        assert reply.is_success
        order_id = reply.json()["orderId"]
        assert reply.json()["slippageBps"] == 100
        async with connect(f"ws://127.0.0.1:{port}/ws?orderId={order_id}") as socket:
            told = [json.loads(message) async for message in socket]
        events = [one for one in told if one["event"] != "subscribed"]
        assert [one["event"] for one in events] == EVENTS
        assert events[3]["txHash"]
        assert events[4]["executedPrice"] > 0
        await until_closed(rooms.client, order_id)

    with closing(sqlite3.connect(tmp_path / "cambist.db")) as tables:
        tables.row_factory = sqlite3.Row
        row = tables.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
        assert (row["user_id"], row["type"], row["status"]) == (USER, "market", "confirmed")
        assert (row["token_in"], row["token_out"], row["amount_in"]) == ("SOL", "USDC", "1")
        assert float(row["min_amount_out"]) <= float(row["amount_out"])
        assert row["chosen_dex"] in ("raydium", "meteora")
        assert (row["retries"], row["max_retries"]) == (0, 3)
        kinds = [
            line["event"]
            for line in tables.execute(
                "SELECT * FROM order_events WHERE order_id = ? ORDER BY seq", (order_id,)
            )
        ]
        assert kinds[0] == "accepted"
        assert "landed" in kinds


async def test_a_limit_order_with_strings_is_taken(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        body = {**ORDER, "type": "limit", "targetPrice": "15"}
        reply = await rooms.client.post("/api/orders", json=body)
        assert reply.status_code == 202
        order = (await rooms.client.get(f"/api/orders/{reply.json()['orderId']}")).json()
        assert order["orderType"] == "limit"
        assert order["limitPrice"] == 15
