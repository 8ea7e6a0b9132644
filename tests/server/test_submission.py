"""Place many orders at once, ask what one would do, and read the receipt of one."""

import asyncio
import json
from base64 import b64decode
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cambist.bootstrap import open_engine
from cambist.config import Settings
from cambist.orders.journal import replay
from cambist.server.app import create_app
from cambist.wire.batch import BATCH_ORDERS_MAX
from tests.server.app_harness import DEFAULTS, ORDER, client_of, in_process, on_a_port, until_closed

BATCH = "/api/orders/batch"
BAD: list[tuple[Any, int, str, str | None]] = [
    (7, 400, "not_an_object", None),
    ({}, 400, "missing_field", "tokenIn"),
    ({**ORDER, "amount": "1.0000000001"}, 422, "too_many_digits", "amount"),
    ({**ORDER, "limitPrice": 3}, 422, "conflicting_fields", "limitPrice"),
    ({**ORDER, "expiresAt": "2020-01-01T00:00:00Z"}, 422, "deadline_passed", "expiresAt"),
]


async def test_orders_of_a_batch_are_answered_each_on_its_own(tmp_path: Path) -> None:
    good = [{**ORDER, "clientOrderId": f"batch-{number}"} for number in range(3)]
    async with in_process(tmp_path) as (_, _, client):
        orders = [good[0], *(body for body, *_ in BAD), good[1], good[0], ORDER, good[2]]
        answer = await client.post(BATCH, json={"orders": orders})
        assert answer.status_code == 200
        results = answer.json()["results"]
        for (_, status, code, field), result in zip(BAD, results[1:], strict=False):
            told = (result["status"], result["body"]["code"], result["body"].get("field"))
            assert told == (status, code, field)
        first, *rest = (results[0], *results[1 + len(BAD) :])
        second, again, keyless, third = rest
        assert [one["status"] for one in (first, second, keyless, third)] == [202] * 4
        assert (again["status"], again["body"]) == (200, first["body"])
        ids = {one["body"]["orderId"] for one in (first, second, keyless, third)}
        assert len(ids) == 4
        assert (await client.get("/api/orders")).json()["total"] == 4
        for one in ids:
            assert (await until_closed(client, one))["status"] == "confirmed"
        alone = await client.post("/api/orders", json=good[1])
        assert (alone.status_code, alone.json()) == (200, second["body"])
        other = {**good[1], "amount": 2}
        reused = await client.post(BATCH, json={"orders": [other]})
        (result,) = reused.json()["results"]
        assert (result["status"], result["body"]["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_field"),
        ({"orders": []}, "invalid_value"),
        ({"orders": [ORDER] * (BATCH_ORDERS_MAX + 1)}, "invalid_value"),
        ({"orders": ORDER}, "wrong_type"),
        ({"orders": [ORDER], "key": 1}, "unknown_field"),
        ([ORDER], "not_an_object"),
    ],
)
async def test_a_batch_that_is_none_stores_nothing(tmp_path: Path, body: Any, code: str) -> None:
    async with in_process(tmp_path) as (_, _, client):
        answer = await client.post(BATCH, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert (await client.get("/api/orders")).json()["total"] == 0


async def test_a_batch_has_no_key_of_its_own(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        headers = {"idempotency-key": "mine"}
        answer = await client.post(BATCH, json={"orders": [ORDER]}, headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


async def test_there_is_room_for_a_whole_batch_or_for_none_of_it(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), paper_profile="instant", backlog_max=5)
    async with open_engine(settings) as engine, client_of(create_app(engine, DEFAULTS)) as client:
        answer = await client.post(BATCH, json={"orders": [ORDER] * 6})
        assert (answer.status_code, answer.json()["code"]) == (503, "backlog_full")
        assert (await client.get("/api/orders")).json()["total"] == 0
        answer = await client.post(BATCH, json={"orders": [ORDER] * 5})
        assert {one["status"] for one in answer.json()["results"]} == {202}


async def test_a_batch_may_be_larger_than_an_order_may(tmp_path: Path) -> None:
    padded = {**ORDER, "clientOrderId": "x" * 64, "userId": "3fa85f64-5717-4562-b3fc-2c963f66afa6"}
    async with on_a_port(tmp_path) as (rooms, _):
        body = json.dumps({"orders": [padded] * 100}, indent=90)
        assert DEFAULTS.edge.body_bytes_max < len(body) < DEFAULTS.edge.batch_bytes_max
        headers = {"content-type": "application/json"}
        answer = await rooms.client.post(BATCH, content=body, headers=headers)
        assert answer.status_code == 200
        answer = await rooms.client.post("/api/orders", content=body, headers=headers)
        assert answer.status_code == 413
        body += " " * DEFAULTS.edge.batch_bytes_max
        answer = await rooms.client.post(BATCH, content=body, headers=headers)
        assert answer.status_code == 413


@pytest.mark.parametrize(
    ("body", "mode", "bound"),
    [
        ({"tokenIn": "SOL", "tokenOut": "USDC", "amount": 10}, "exact_in", "minAmountOut"),
        ({"symbol": "AAPL", "side": "buy", "quantity": 5}, "exact_out", "maxAmountIn"),
    ],
)
async def test_a_quote_is_what_the_order_would_do_and_stores_nothing(
    tmp_path: Path, body: dict[str, Any], mode: str, bound: str
) -> None:
    async with in_process(tmp_path) as (_, _, client):
        answer = await client.post("/api/quotes", json=body)
        assert answer.status_code == 200
        quote = answer.json()
        assert quote["mode"] == mode
        assert {one["dex"] for one in quote["quotes"]} == {"raydium", "meteora"}
        assert quote["quote"] in quote["quotes"]
        assert quote["selectedDex"] == quote["dex"] == quote["quote"]["dex"]
        assert quote["selectedDex"].capitalize() in quote["reason"]
        assert quote[bound] in quote["worstCase"]
        costs = quote["costs"]
        assert int(costs["totalLamports"]) == sum(
            int(costs[name]) for name in ("networkFeeLamports", "tipLamports", "rentLamports")
        )
        assert (await client.get("/api/orders")).json()["total"] == 0
        taken = (await client.post("/api/orders", json=body)).json()
        assert taken["summary"] == quote["summary"]
        order = await until_closed(client, taken["orderId"])
        # The price may have moved between the two, by far less than this.
        assert abs(Decimal(order[bound]) / Decimal(quote[bound]) - 1) < Decimal("0.001")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**ORDER, "amount": 0}, 400, "not_positive"),
        ({**ORDER, "type": "twap"}, 422, "not_yet_supported"),
        ({"tokenIn": "SOL", "tokenOut": "USDC", "amountOut": "9000000000000"}, 422, "no_route"),
    ],
)
async def test_what_cannot_be_quoted_says_why(
    tmp_path: Path, body: dict[str, Any], status: int, code: str
) -> None:
    async with in_process(tmp_path) as (_, _, client):
        answer = await client.post("/api/quotes", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_receipt_proves_what_was_decided_signed_and_paid(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (engine, _, client):
        taken = (await client.post("/api/orders", json=ORDER)).json()
        order = await until_closed(client, taken["orderId"])
        receipt = (await client.get(f"/api/orders/{taken['orderId']}/receipt")).json()
        (decision,) = receipt["decisions"]
        assert {one["dex"] for one in decision["quotes"]} == {"raydium", "meteora"}
        assert all(one["ageSlots"] >= 0 for one in decision["quotes"])
        assert (decision["chosen"], decision["reason"]) == (order["selectedDex"], order["reason"])
        (attempt,) = receipt["attempts"]
        assert (attempt["txHash"], attempt["state"]) == (order["txHash"], "landed")
        signed = b64decode(attempt["transaction"])
        assert sha256(signed).hexdigest() == attempt["transactionSha256"]
        assert receipt["fill"]["amountOut"] == order["amountOut"]
        assert receipt["fill"]["realisedSlippage"] == order["realisedSlippage"]
        told = await engine.history(taken["orderId"])
        assert [one["hash"] for one in receipt["journal"]] == [
            event.entry.hash.hex() for event in told
        ]
        assert receipt["headHash"] == replay([one.entry for one in told])[-1].order.head_hash.hex()
        missing = await client.get("/api/orders/01890000-0000-7000-8000-000000000000/receipt")
        assert (missing.status_code, missing.json()["error"]) == (404, "Order not found")


async def test_a_receipt_may_be_asked_for_at_any_moment(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        taken = (await client.post("/api/orders", json=ORDER)).json()
        path = f"/api/orders/{taken['orderId']}"
        receipts = []
        while not receipts or receipts[-1]["status"] != "confirmed":
            receipts.append((await client.get(f"{path}/receipt")).json())
            await asyncio.sleep(0)
        for receipt in receipts:
            assert len(receipt["attempts"]) in (0, 1)
            assert ("fill" in receipt) == (receipt["status"] == "confirmed")


async def test_an_order_on_its_way_is_not_changed(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        taken = (await client.post("/api/orders", json=ORDER)).json()
        path = f"/api/orders/{taken['orderId']}"
        answer = await client.patch(path, json={"slippageBps": 10})
        assert (answer.status_code, answer.json()["code"]) == (422, "not_yet_supported")
        assert (await client.patch(path + "0", json={})).status_code == 404


@pytest.mark.parametrize(
    ("amount", "instead"),
    [("50.2533029", "50.253302"), ("0.0000001", "0.000001"), ("1.9999999", "1.999999")],
)
async def test_too_many_digits_are_told_what_to_send_and_that_is_taken(
    tmp_path: Path, amount: str, instead: str
) -> None:
    async with in_process(tmp_path) as rooms:
        body = {"tokenIn": "USDC", "tokenOut": "SOL", "amountIn": amount}
        refused = await rooms.client.post("/api/orders", json=body)
        assert refused.json()["code"] == "too_many_digits"
        assert refused.json()["detail"].endswith(f'send "{instead}".')
        listed = await rooms.client.get(f"/api/pools?tokenIn=USDC&tokenOut=SOL&amountIn={amount}")
        assert f'send "{instead}".' in listed.json()["detail"]
        taken = await rooms.client.post("/api/orders", json={**body, "amountIn": instead})
        assert taken.status_code == 202


FULL = "/api/orders?include=quotes"


async def test_a_hundred_rows_of_a_list_are_small_for_who_can_unpack_them(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        placed = [(await rooms.client.post("/api/orders", json=ORDER)).json() for _ in range(20)]
        for one in placed:
            await until_closed(rooms.client, one["orderId"])
        packed = await rooms.client.get("/api/orders", headers={"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) * 5 < 90_000
        plain = await rooms.client.get("/api/orders", headers={"accept-encoding": "identity"})
        assert plain.headers["vary"] == "Accept-Encoding"
        assert plain.json() == packed.json()


async def test_rows_of_a_list_tell_no_quotes_unless_asked_and_are_small(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        for _ in range(5):
            placed = (await rooms.client.post("/api/orders", json=ORDER)).json()
            await until_closed(rooms.client, placed["orderId"])
        plain = await rooms.client.get("/api/orders")
        full = (await rooms.client.get(FULL)).json()["orders"]
        assert (await rooms.client.get("/api/orders?include=all")).status_code == 400
        assert len(plain.content) * 2 < len((await rooms.client.get(FULL)).content)
        for row, whole in zip(plain.json()["orders"], full, strict=True):
            gone = {"quotes", "rQuote", "mQuote"}
            assert {**row, **{name: whole[name] for name in gone}} == whole
            assert {"raydiumPrice", "meteoraPrice", "quote", "selectedDex"} <= row.keys()
            one = (await rooms.client.get(f"/api/orders/{row['orderId']}")).json()
            assert one == whole
