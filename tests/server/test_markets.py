"""Ask what can be traded, and what trading brought."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.server.app_harness import ORDER, in_process, until_closed


async def test_listed_tokens_and_venues_can_be_traded(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        tokens = (await client.get("/api/tokens")).json()["tokens"]
        venues = (await client.get("/api/venues")).json()["venues"]
        assert {"SOL", "USDC", "AAPL", "TSLA", "GOOG", "ETH"} <= {one["symbol"] for one in tokens}
        for token in tokens:
            if token["symbol"] != "USDC":
                # Of one unit without decimals nothing is left, and AMM v4 refuses few as dust.
                amount = "1" if token["decimals"] > 2 else "1000"
                count = 6 if token["decimals"] else 5
                path = f"/api/pools?tokenIn={token['mint']}&tokenOut=USDC&amountIn={amount}"
                pools = (await client.get(path)).json()["pools"]
                assert {pool["dex"] for pool in pools} == set(venues)
                assert len({(one["dex"], one["program"]) for one in pools}) == len(pools) == count
                assert all(one["amountIn"] == amount and one["price"] > 0 for one in pools)


async def test_a_pool_tells_its_depth_and_its_price_for_the_amount_asked_about(
    tmp_path: Path,
) -> None:
    path = "/api/pools?tokenIn=SOL&tokenOut=USDC"
    async with in_process(tmp_path) as (_, _, client):
        told = (await client.get(f"{path}&amountIn=200.5")).json()
        assert told["amountIn"] == "200.5"
        for pool in told["pools"]:
            assert pool["amountIn"] == "200.5"
            assert [one["bps"] for one in pool["depth"]] == [10, 50, 100, 200]
            depths = [Decimal(one["amountIn"]) for one in pool["depth"]]
            assert depths == sorted(depths)
            assert depths[0] > 0
        # What is so much is what costs so much, as the quote for it says.
        asked = [(pool["pool"], pool["depth"][1]["amountIn"]) for pool in told["pools"]]
        for address, amount in asked:
            pools = (await client.get(f"{path}&amountIn={amount}")).json()["pools"]
            (impact,) = (one["priceImpact"] for one in pools if one["pool"] == address)
            assert abs(Decimal(str(impact)) - Decimal("0.5")) < Decimal("0.01")


async def test_pools_are_asked_for_an_amount_out_too(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        path = "/api/pools?tokenIn=SOL&tokenOut=USDC&amountOut=145"
        told = (await client.get(path)).json()
        assert told["amountOut"] == "145"
        assert "amountIn" not in told
        assert {event["amountOut"] for event in told["pools"]} == {"145"}
        (gone,) = told["absent"]
        assert gone["program"] == "damm_v1"
        assert gone["reason"] == "The program cannot be asked for an exact amount out."


async def test_a_pool_that_cannot_carry_the_amount_is_told_by_name(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        path = "/api/pools?tokenIn=SOL&tokenOut=USDC&amountIn=1000000"
        told = (await client.get(path)).json()
        gone = {(event["dex"], event["program"], event["code"]) for event in told["absent"]}
        assert ("meteora", "dlmm", "pool_refused") in gone
        assert len(gone) + len(told["pools"]) == 6


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ("", 400, "invalid_query", "tokenIn"),
        ("tokenIn=SOL", 400, "invalid_query", "tokenOut"),
        ("tokenIn=S*L&tokenOut=USDC", 400, "invalid_query", "tokenIn"),
        ("tokenIn=SOL&tokenOut=WSOL", 422, "same_token", "tokenOut"),
        ("tokenIn=SOL&tokenOut=USDC&amountIn=1&amountOut=1", 400, "invalid_query", "amountOut"),
        ("tokenIn=SOL&tokenOut=USDC&amountOut=0.0000001", 400, "invalid_query", "amountOut"),
        ("tokenIn=SOL&tokenOut=USDC&amountIn=0", 400, "invalid_query", "amountIn"),
        ("tokenIn=SOL&tokenOut=USDC&amountIn=-1", 400, "invalid_query", "amountIn"),
        ("tokenIn=SOL&tokenOut=USDC&amountIn=much", 400, "invalid_query", "amountIn"),
        ("tokenIn=SOL&tokenOut=USDC&amountIn=0.0000000001", 400, "invalid_query", "amountIn"),
        ("tokenIn=SOL&tokenOut=USDC&amountIn=99999999999999", 400, "invalid_query", "amountIn"),
    ],
)
async def test_a_pair_that_is_none_is_refused(
    tmp_path: Path, query: str, status: int, code: str, field: str
) -> None:
    async with in_process(tmp_path) as (_, _, client):
        answer = await client.get(f"/api/pools?{query}")
        told = answer.json()
        assert (answer.status_code, told["code"], told["field"]) == (status, code, field)


async def test_a_report_adds_up_to_the_orders_it_is_of(tmp_path: Path) -> None:
    bodies = [ORDER, ORDER, {"symbol": "AAPL", "side": "buy", "quantity": 2}]
    async with in_process(tmp_path) as (_, _, client):
        assert (await client.get("/api/report")).json()["days"] == []
        orders = []
        for body in bodies:
            taken = (await client.post("/api/orders", json=body)).json()
            orders.append(await until_closed(client, taken["orderId"]))
        report = (await client.get("/api/report")).json()
        assert (report["orders"], report["truncated"]) == (3, False)
        lines = {(one["tokenIn"], one["tokenOut"]): one for one in report["days"]}
        sold = lines["SOL", "USDC"]
        assert (sold["fills"], sold["amountIn"], sold["feeLamports"]) == (2, "2", "10000")
        got = sum(Decimal(order["amountOut"]) for order in orders[:2])
        assert Decimal(sold["amountOut"]) == got
        assert lines["USDC", "AAPL"]["amountOut"] == "2"
        later = await client.get("/api/report?since=2200-01-01T00:00:00Z")
        assert later.json()["days"] == []
        for since in ("soon", "2000-01-01T00:00:00Z", "2262-01-01T00:00:00Z"):
            wrong = await client.get(f"/api/report?since={since}")
            assert (wrong.status_code, wrong.json()["field"]) == (400, "since")
