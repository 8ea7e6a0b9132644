"""Send small orders over many pairs, and see every program of the paper market trade."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import httpx

from cambist.venues.registry import PROGRAMS
from tests.server.app_harness import in_process, until_closed

TOKENS = {"SOL": "0.5", "USDC": "60", "USDT": "60", "RAY": "30", "JUP": "80", "BONK": "100000",
          "ETH": "0.02", "AAPL": "0.3"}  # fmt: skip
ORDERS = [
    {"tokenIn": given, "tokenOut": taken, "amountIn": TOKENS[given]}
    for given, taken in permutations(TOKENS, 2)
]


async def receipts(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Place all of the orders at once, and return their receipts once they have ended."""
    placed = (await client.post("/api/orders/batch", json={"orders": ORDERS})).json()["results"]
    ids = [one["body"]["orderId"] for one in placed]
    for order_id in ids:
        await until_closed(client, order_id)
    return [(await client.get(f"/api/orders/{one}/receipt")).json() for one in ids]


def swapped(receipt: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the pools that an order's last route went through, each with its program."""
    route = receipt["decisions"][-1]
    if "legs" in route:
        return {(leg["pool"], leg["program"]) for leg in route["legs"]}
    return {
        (one["pool"], one["program"]) for one in route["quotes"] if one["pool"] == route["pool"]
    }


async def test_all_six_programs_execute_swaps(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        told = await receipts(client)
    assert len(told) == len(ORDERS) == 56
    assert {event["status"] for event in told} == {"confirmed"}
    assert all(one["fill"]["amountOut"] != "0" for one in told)
    traded = {program for one in told for _, program in swapped(one)}
    assert traded == set(PROGRAMS) == {"amm_v4", "cpmm", "clmm", "dlmm", "damm_v1", "damm_v2"}
    # The chain's own file has a row for each pool that anybody ever swapped in.
    with closing(sqlite3.connect(tmp_path / "paper-chain.db")) as chain:
        moved = {program for (program,) in chain.execute("SELECT program FROM pool_states")}
    assert moved == traded
