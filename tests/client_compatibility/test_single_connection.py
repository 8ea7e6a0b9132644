"""Play the client that posts an order, and stays on the connection to hear of it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.server.app_harness import WAIT_S, on_a_port, until_closed, wire
from tests.server.test_order_entry import hear_upgraded, posted

NODE = shutil.which("node")
PROGRAM = Path(__file__).with_name("posting_client.mjs")
KNOWN = (
    "id", "orderId", "orderType", "tokenIn", "tokenOut", "amountIn", "amountOut", "status",
    "selectedDex", "raydiumPrice", "meteoraPrice", "executedPrice", "txHash", "slippage",
    "retryCount", "createdAt", "updatedAt", "confirmedAt",
)  # fmt: skip
STATES = ["pending", "routing", "building", "submitted", "confirmed"]
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_one_connection_carries_the_order_and_all_its_states(tmp_path: Path) -> None:
    body = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": 1.5, "orderType": "market",
            "slippage": 1}  # fmt: skip
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (_, port), wire(port) as line:
        await line.say(posted(json.dumps(body).encode()))
        subscribed, *told = await hear_upgraded(line)
        assert subscribed["success"] is True
        assert subscribed["message"] == f"Subscribed to order {subscribed['orderId']}"
        assert [one["status"] for one in told] == STATES
        for event in told:
            assert event["orderId"] == subscribed["orderId"]
            assert ISO.fullmatch(event["timestamp"])
        routed = next(one for one in told if one["status"] == "building")["data"]
        assert routed["selectedDex"] in ("raydium", "meteora")
        assert routed["raydiumPrice"] > 0
        assert routed["meteoraPrice"] > 0
        done = told[-1]["data"]
        assert len(done["txHash"]) in (87, 88)
        assert done["executedPrice"] > 0
        assert float(done["amountOut"]) > 0


async def test_five_orders_at_once_each_have_a_connection(tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (_, port):

        async def trade(amount: int) -> list[str]:
            async with wire(port) as line:
                body = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": amount}
                await line.say(posted(json.dumps(body).encode()))
                return [one["status"] for one in (await hear_upgraded(line))[1:]]

        heard = await asyncio.gather(*(trade(amount) for amount in range(1, 6)))
        assert heard == [STATES] * 5


async def test_a_bad_order_is_a_plain_400(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (_, port):
        for body in (
            {"tokenOut": "USDC", "amountIn": 1},
            {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": 0},
            {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "abc"},
            {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": 1, "slippage": 101},
        ):
            async with wire(port) as line:
                await line.say(posted(json.dumps(body).encode()))
                status, answer = await line.answer()
                assert status == 400
                assert json.loads(answer)["success"] is False
                assert json.loads(answer)["error"]


async def test_two_steps_give_the_id_before_any_state(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, _):
        reply = await rooms.client.post(
            "/api/orders/execute", json={"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": 2}
        )
        assert reply.is_success
        taken = reply.json()
        assert (taken["success"], taken["status"]) == (True, "pending")
        assert taken["message"]
        assert ISO.fullmatch(taken["timestamp"])
        await until_closed(rooms.client, taken["orderId"])
        order = (await rooms.client.get(f"/api/orders/{taken['orderId']}")).json()
        for name in KNOWN:
            assert order.get(name) is not None, name
        listed = (await rooms.client.get("/api/orders?limit=50&offset=0")).json()
        assert (listed["count"], listed["limit"], listed["offset"]) == (1, 50, 0)
        assert listed["orders"][0]["orderId"] == taken["orderId"]


async def test_a_limit_order_with_its_target_is_taken(tmp_path: Path) -> None:
    body = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": 1, "orderType": "limit",
            "targetPrice": 150}  # fmt: skip
    async with on_a_port(tmp_path) as (rooms, _):
        reply = await rooms.client.post("/api/orders/execute", json=body)
        assert reply.status_code == 202
        order = (await rooms.client.get(f"/api/orders/{reply.json()['orderId']}")).json()
        assert order["orderType"] == "limit"
        assert order["limitPrice"] == 150


@pytest.mark.skipif(NODE is None, reason="SKIPPED LOUDLY: node is not installed, so no Node client")
@pytest.mark.parametrize("_run", range(3))
async def test_a_program_written_for_node_sees_every_state(tmp_path: Path, _run: int) -> None:
    async with asyncio.timeout(WAIT_S), on_a_port(tmp_path) as (_, port):
        program = await asyncio.create_subprocess_exec(
            str(NODE), str(PROGRAM), f"http://127.0.0.1:{port}", stdout=asyncio.subprocess.PIPE
        )
        said, _ = await program.communicate()
    told = json.loads(said)
    assert told["error"] is None
    assert [status for status in STATES if status not in told["statuses"]] == []
    assert told["early"] == 0, "nothing may come with the head of the 101"
    assert float(told["price"]) > 0
    assert float(told["amountOut"]) > 0
    assert told["orderId"]
