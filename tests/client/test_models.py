"""Hold the reading of answers to exact digits, and to servers older and newer than this client."""

import json
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from cambist.client import Client, Placed, RequestRejected, buy, models, sell, swap
from tests.client.faulty_proxy import HastyClock

ORDER_ID = "01890000-0000-7000-8000-000000000000"
INSTANT = "2026-11-20T20:00:00.250Z"
RECEIPT = {
    "success": True, "orderId": ORDER_ID, "status": "pending", "message": "",
    "timestamp": INSTANT, "slippageBps": 50, "summary": "", "warnings": [], "brandNew": {"a": 1},
}  # fmt: skip
VENUE = {
    "dex": "raydium", "pool": "P", "amountIn": "1", "amountOut": "144.9", "priceImpact": 0.01,
    "fee": "0.0025", "feeBps": 25, "route": ["SOL", "USDC"], "routeMints": ["a", "b"],
    "program": "clmm",
}  # fmt: skip
QUOTE = {
    "success": True, "tokenIn": "SOL", "tokenOut": "USDC", "mode": "exact_in", "amountIn": "1",
    "amountOut": "144.9", "minAmountOut": "144.1755", "slippageBps": 50,
    "price": 144.90000000000000000001, "selectedDex": "raydium", "dex": "raydium",
    "reason": "only one", "summary": "Sell",
    "worstCase": "At worst 1 SOL for 144.1755 USDC.", "quote": VENUE, "quotes": [VENUE],
    "absent": [{"dex": "meteora", "code": "venue_unreachable", "reason": "away"}],
    "costs": {"networkFeeLamports": "5000", "tipLamports": "0", "rentLamports": "2039280",
              "totalLamports": "2044280"},
    "warnings": ["careful"], "timestamp": INSTANT,
}  # fmt: skip


class Desk:
    """A server that answers each path as it is told, and keeps what it was asked."""

    def __init__(self, **answers: httpx.Response) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._answers = answers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else dict(request.headers)
        self.asked.append((request.url.path, body))
        return self._answers[request.url.path.rpartition("/")[2]]

    def client(self) -> Client:
        return Client(transport=httpx.MockTransport(self), clock=HastyClock())


async def test_a_quote_tells_every_venue_the_worst_case_and_the_costs() -> None:
    text = json.dumps(QUOTE).replace("144.9,", "144.90000000000000000001,")
    desk = Desk(quotes=httpx.Response(200, content=text))
    async with desk.client() as cambist:
        quote = await cambist.quote(swap("SOL", "USDC", amount_in="1"))
    assert desk.asked == [("/api/quotes", {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1"})]
    assert quote.price == Decimal("144.90000000000000000001")
    assert quote.min_amount_out == Decimal("144.1755")
    assert [one.amount_out for one in quote.quotes] == [Decimal("144.9")]
    assert quote.quotes[0].program == "clmm"
    assert (quote.absent[0].dex, quote.absent[0].program) == ("meteora", "")
    assert quote.legs == ()
    assert quote.costs is not None
    assert quote.costs.total_lamports == 2_044_280


LEG = {
    "dex": "meteora", "pool": "Q", "tokenInMint": "a", "tokenOutMint": "b", "program": "dlmm",
    "mode": "exact_in", "amountInRaw": "18446744073709551615", "amountOutRaw": "2",
    "boundRaw": "1", "path": 1, "tokenIn": "SOL", "amountIn": "18446744073.709551615",
}  # fmt: skip


async def test_the_legs_of_a_route_are_exact_and_tell_what_is_known() -> None:
    desk = Desk(quotes=httpx.Response(200, json={**QUOTE, "legs": [LEG]}))
    async with desk.client() as cambist:
        (leg,) = (await cambist.quote(swap("SOL", "USDC", amount_in="1"))).legs
    assert (leg.dex, leg.program, leg.path, leg.mode) == ("meteora", "dlmm", 1, "exact_in")
    assert leg.amount_in_raw == 2**64 - 1
    assert leg.amount_in == Decimal("18446744073.709551615")
    assert (leg.token_out, leg.amount_out, leg.bound) == (None, None, None)


async def test_pools_tell_their_depth_for_the_amount_asked_about() -> None:
    told = {**VENUE, "depth": [{"bps": 10, "amountIn": "50.36"}]}
    body = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "2.5", "pools": [told], "absent": []}
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.query.decode()))
        return httpx.Response(200, json=body)

    async with Client(transport=httpx.MockTransport(answer), clock=HastyClock()) as cambist:
        found = await cambist.pools("SOL", "USDC", Decimal("2.5"))
    assert asked == ["tokenIn=SOL&tokenOut=USDC&amountIn=2.5"]
    (one,) = found.pools
    assert (one.program, one.amount_out) == ("clmm", Decimal("144.9"))
    assert [(deep.bps, deep.amount_in) for deep in one.depth] == [(10, Decimal("50.36"))]


async def test_a_batch_answers_each_order_in_its_place() -> None:
    problem = {"code": "not_positive", "errors": [{"code": "not_positive", "message": "Zero."}]}
    results = [{"status": 202, "body": RECEIPT}, {"status": 400, "body": problem}]
    desk = Desk(batch=httpx.Response(200, json={"results": results}))
    async with desk.client() as cambist:
        placed, refused = await cambist.batch([buy("AAPL", 1, client_order_id="a"), sell("SOL", 0)])
    assert isinstance(placed, Placed)
    assert isinstance(refused, RequestRejected)
    assert (refused.status, refused.code, str(refused)) == (400, "not_positive", "Zero.")
    keys = [request["clientOrderId"] for request in desk.asked[0][1]["orders"]]
    assert keys[0] == "a"
    assert len(keys[1]) == 36


async def test_all_orders_are_followed_on_from_the_last_cursor() -> None:
    event = {"orderId": ORDER_ID, "seq": 1, "status": "pending", "event": "pending"}
    data = json.dumps({**event, "timestamp": INSTANT})
    stream = {"content-type": "text/event-stream"}
    desk = Desk(events=httpx.Response(200, headers=stream, content=f"id: c-7\ndata: {data}\n\n"))
    heard = []
    async with desk.client() as cambist:
        events = cambist.follow_all()
        async for one in events:
            heard.append(one.cursor)
            if len(heard) == 2:
                break
        await events.aclose()
    assert heard == ["c-7", "c-7"]
    assert [asked[1].get("last-event-id") for asked in desk.asked] == [None, "c-7"]


def test_no_number_of_an_answer_is_a_float() -> None:
    kinds = [var for var in vars(models).values() if isinstance(var, type)]
    structs = [
        kind for kind in kinds if issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct
    ]
    assert len(structs) > 10
    for struct in structs:
        assert struct.__struct_config__.frozen
        for field in msgspec.structs.fields(struct):
            assert "float" not in str(field.type)
