"""Hold orders that wait for a price to their contract over HTTP: bodies, faults and messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect

from cambist.orders.intent import Intent
from cambist.orders.trigger import PriceObservation
from cambist.values.amount import RawAmount
from cambist.values.time_units import add_ms
from cambist.wire.rfc3339 import write_moment
from tests.server.app_harness import WAIT_S, Rooms, in_process, on_a_port, until_closed

TEN = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 10}
LIMIT = {**TEN, "type": "limit", "limitPrice": 500}
STOP = {**TEN, "type": "stop", "triggerPrice": 10}
TAKE_PROFIT = {**TEN, "type": "take_profit", "triggerPrice": 500}


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with in_process(tmp_path) as running:
        yield running


async def place(rooms: Rooms, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await rooms.client.post("/api/orders", json=body, headers=headers)


async def resting(rooms: Rooms, body: dict[str, Any]) -> str:
    """Place an order and return its id once it rests."""
    answer = await place(rooms, body)
    assert answer.status_code == 202, answer.text
    order_id = answer.json()["orderId"]
    await until_status(rooms, order_id, "waiting")
    return order_id


async def until_status(rooms: Rooms, order_id: str, status: str) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_S):
        while True:
            order = (await rooms.client.get(f"/api/orders/{order_id}")).json()
            if order["status"] == status:
                return order
            await asyncio.sleep(0.01)


async def price_now(rooms: Rooms) -> Fraction:
    """Return what 10 SOL bring now, in USDC for one SOL."""
    answer = await rooms.client.post("/api/quotes", json=TEN)
    return Fraction(answer.json()["amountOut"]) / 10


def fall(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests be held against a thousandth of the price."""
    observe = rooms.engine.observe

    async def observe_fallen(intent: Intent) -> PriceObservation:
        seen = await observe(intent)
        assert seen.effective is not None
        amount_out = RawAmount(seen.effective.amount_out // 1_000)
        return replace(seen, effective=replace(seen.effective, amount_out=amount_out))

    monkeypatch.setattr(rooms.engine, "observe", observe_fallen)


def faults(answer: httpx.Response) -> set[tuple[str, str | None]]:
    assert answer.headers["content-type"] == "application/problem+json"
    return {(found["code"], found.get("field")) for found in answer.json()["errors"]}


# ------------------------------------------------------------------------------ taking


@pytest.mark.parametrize("body", [LIMIT, STOP, TAKE_PROFIT], ids=lambda body: body["type"])
async def test_each_kind_rests_and_is_cancelled(rooms: Rooms, body: dict[str, Any]) -> None:
    order_id = await resting(rooms, body)
    order = (await rooms.client.get(f"/api/orders/{order_id}")).json()
    assert order["type"] == order["orderType"] == body["type"]
    cancelled = await rooms.client.delete(f"/api/orders/{order_id}")
    assert (cancelled.status_code, cancelled.json()["cancel"]) == (200, "cancelled")


async def test_a_limit_that_is_met_trades_at_once_with_a_warning(rooms: Rooms) -> None:
    answer = await place(rooms, {**TEN, "orderType": "limit", "limitPrice": 100})
    assert "met already" in answer.json()["warnings"][0]
    order = await until_closed(rooms.client, answer.json()["orderId"])
    assert order["status"] == "confirmed"
    assert Fraction(order["amountOut"]) >= 1000


async def test_a_fill_or_kill_limit_that_is_not_met_expires(rooms: Rooms) -> None:
    answer = await place(rooms, {**LIMIT, "timeInForce": "fok"})
    order = await until_closed(rooms.client, answer.json()["orderId"])
    assert (order["status"], order["code"]) == ("expired", "not_filled_at_once")


async def test_target_price_is_the_level_of_each_kind(rooms: Rooms) -> None:
    for body, field in ((LIMIT, "limitPrice"), (STOP, "triggerPrice")):
        other = {name: value for name, value in body.items() if name != field}
        order_id = await resting(rooms, {**other, "targetPrice": str(body[field])})
        order = (await rooms.client.get(f"/api/orders/{order_id}")).json()
        assert order[field] == body[field]
        again = await place(rooms, {**body, "targetPrice": body[field]})
        assert again.status_code == 202
        differs = await place(rooms, {**body, "targetPrice": body[field] + 1})
        assert faults(differs) == {("conflicting_fields", "targetPrice")}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            LIMIT,
            "Sell 10 SOL for USDC when all of it brings at least 500 USDC each, now {now}; at most "
            "0.5 % below the quote then, and never worse than 500",
        ),
        (
            {**STOP, "slippageBps": 100},
            "Sell 10 SOL for USDC when all of it brings at most 10 USDC each, now {now}; at most "
            "1 % below the quote then",
        ),
        (
            {"type": "limit", "symbol": "SOL", "side": "buy", "quantity": 5, "limitPrice": "3.5"},
            "Buy 5 SOL with USDC when all of it costs at most 3.5 USDC each, now {now}; at most "
            "0.5 % above the quote then, and never worse than 3.5",
        ),
        (
            {"type": "stop", "symbol": "SOL", "side": "buy", "quantity": 5, "triggerPrice": 3000},
            "Buy 5 SOL with USDC when all of it costs at least 3000 USDC each, now {now}; at most "
            "0.5 % above the quote then",
        ),
    ],
)
async def test_the_answer_says_what_the_order_waits_for(
    rooms: Rooms, body: dict[str, Any], sentence: str
) -> None:
    before, after = sentence.split("{now}")
    answer = (await place(rooms, body)).json()
    said = answer["summary"]
    assert said.startswith(before)
    assert said.endswith(after)
    assert 100 < Fraction(said[len(before) : -len(after)]) < 200
    order = (await rooms.client.get(f"/api/orders/{answer['orderId']}")).json()
    assert order["summary"] == before.removesuffix(", now ") + after


async def test_a_price_of_a_buy_by_symbol_is_inverted_exactly(rooms: Rooms) -> None:
    """Cost three, then three and a bit: neither has a finite inverse, and both come back."""
    for price in ("3", "3.333333333333333333", "0.000000000000000007", "99999999999999999999"):
        body = {"type": "limit", "symbol": "SOL", "side": "buy", "quantity": 5}
        answer = await place(rooms, {**body, "limitPrice": price, "acceptFarPrice": True})
        order = await rooms.client.get(f"/api/orders/{answer.json()['orderId']}")
        shown = json.loads(order.content, parse_float=str, parse_int=str)["limitPrice"]
        assert price.startswith(shown)
        assert len(shown) >= min(len(price), 12)


async def test_a_repeat_gets_the_first_bytes_although_its_trigger_is_met_by_now(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**STOP, "clientOrderId": "mine"}
    first = await place(rooms, body)
    fall(rooms, monkeypatch)
    again = await place(rooms, body)
    assert (again.status_code, again.content) == (200, first.content)
    new = await place(rooms, {**body, "clientOrderId": "new"})
    assert faults(new) == {("trigger_already_met", "triggerPrice")}
    batch = await rooms.client.post("/api/orders/batch", json={"orders": [body]})
    assert batch.json()["results"] == [{"status": 200, "body": first.json()}]


# ------------------------------------------------------------------------------ rejecting


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({**TEN, "type": "limit"}, {("missing_field", "limitPrice")}),
        ({**TEN, "type": "stop"}, {("missing_field", "triggerPrice")}),
        ({**TEN, "type": "take_profit"}, {("missing_field", "triggerPrice")}),
        ({**LIMIT, "limitPrice": True}, {("wrong_type", "limitPrice")}),
        ({**LIMIT, "limitPrice": [1]}, {("wrong_type", "limitPrice")}),
        ({**LIMIT, "limitPrice": "1e3"}, {("invalid_price", "limitPrice")}),
        ({**STOP, "triggerPrice": 0}, {("not_positive", "triggerPrice")}),
        ({**STOP, "triggerPrice": "-1.5"}, {("not_positive", "triggerPrice")}),
        ({**STOP, "triggerPrice": "1" * 41}, {("invalid_price", "triggerPrice")}),
        ({**STOP, "triggerPrice": f"1.{'1' * 40}"}, {("invalid_price", "triggerPrice")}),
        ({**LIMIT, "triggerPrice": 9}, {("conflicting_fields", "triggerPrice")}),
        ({**LIMIT, "onMet": "fire"}, {("conflicting_fields", "onMet")}),
        ({**LIMIT, "slippageLadderBps": [1]}, {("conflicting_fields", "slippageLadderBps")}),
        ({**TAKE_PROFIT, "slippageLadderBps": [1]}, {("conflicting_fields", "slippageLadderBps")}),
        ({**TEN, "limitPrice": 9}, {("conflicting_fields", "limitPrice")}),
        ({**TEN, "confirmSlots": 9}, {("conflicting_fields", "confirmSlots")}),
        ({**STOP, "timeInForce": "fok"}, {("conflicting_fields", "timeInForce")}),
        ({**TAKE_PROFIT, "timeInForce": "fok"}, {("conflicting_fields", "timeInForce")}),
        ({**LIMIT, "timeInForce": "ioc"}, {("not_yet_supported", "timeInForce")}),
        ({**STOP, "trailBps": 500}, {("not_yet_supported", "trailBps")}),
        ({**TEN, "type": "trailing_stop", "trailBps": 500}, None),
        ({**STOP, "confirmSlots": 0}, {("value_out_of_range", "confirmSlots")}),
        ({**STOP, "confirmSlots": 21}, {("value_out_of_range", "confirmSlots")}),
        ({**STOP, "confirmSlots": 1.5}, {("wrong_type", "confirmSlots")}),
        ({**STOP, "slippageLadderBps": [50, 50]}, {("value_out_of_range", "slippageLadderBps")}),
        ({**STOP, "slippageLadderBps": []}, {("invalid_slippage", "slippageLadderBps")}),
        ({**STOP, "slippageLadderBps": 50}, {("wrong_type", "slippageLadderBps")}),
        ({**STOP, "slippageLadderBps": [5_001]}, {("slippage_over_cap", "slippageLadderBps")}),
        ({**STOP, "acceptFarPrice": "yes"}, {("wrong_type", "acceptFarPrice")}),
        ({**STOP, "onMet": "wait"}, {("invalid_value", "onMet")}),
        ({**STOP, "expiresAt": "2090-01-01T00:00:00Z"}, {("value_out_of_range", "expiresAt")}),
        (
            {**STOP, "expiresAt": "2090-01-01T00:00:00Z", "clientOrderId": "mine"},
            {("value_out_of_range", "expiresAt")},
        ),
        ({**TEN, "startAt": "2090-01-01T00:00:00Z"}, {("value_out_of_range", "startAt")}),
        (
            {**STOP, "expiresAt": "2090-01-01T00:00:00Z", "startAt": "2090-01-01T00:00:00Z"},
            {("conflicting_fields", "startAt")},
        ),
        ({**STOP, "timeInForce": "gtd"}, {("missing_field", "expiresAt")}),
        ({**LIMIT, "limitPrice": "0.0069"}, {("price_inverted", "limitPrice")}),
        ({**STOP, "triggerPrice": "0.0069"}, {("price_inverted", "triggerPrice")}),
        ({**STOP, "limitPrice": "0.0069"}, {("price_inverted", "limitPrice")}),
        (
            {**STOP, "limitPrice": "0.0069", "triggerPrice": 200},
            {("price_inverted", "limitPrice"), ("trigger_already_met", "triggerPrice")},
        ),
        (
            {"type": "limit", "symbol": "SOL", "side": "buy", "quantity": 5, "limitPrice": 0.0069},
            {("price_inverted", "limitPrice")},
        ),
        ({**STOP, "triggerPrice": 200}, {("trigger_already_met", "triggerPrice")}),
        ({**TAKE_PROFIT, "triggerPrice": 100}, {("trigger_already_met", "triggerPrice")}),
    ],
)
async def test_what_is_wrong_is_a_fault_that_names_its_field(
    rooms: Rooms, body: dict[str, Any], found: set[tuple[str, str]] | None
) -> None:
    answer = await place(rooms, body)
    assert 400 <= answer.status_code < 500
    expected = found or {("not_yet_supported", "type"), ("not_yet_supported", "trailBps")}
    assert expected <= faults(answer)
    assert found is None or faults(answer) == found
    batch = await rooms.client.post("/api/orders/batch", json={"orders": [body, LIMIT]})
    wrong, right = batch.json()["results"]
    assert (wrong["status"], wrong["body"]["errors"]) == (
        answer.status_code,
        answer.json()["errors"],
    )
    assert right["status"] == 202


async def test_all_faults_come_at_once_each_with_its_field(rooms: Rooms) -> None:
    body = {
        "type": "stop", "tokenIn": "SOL", "tokenOut": "USDC", "amount": 0, "triggerPrice": -1,
        "limitPrice": "9" * 41, "confirmSlots": 0, "slippageLadderBps": [3, 2], "onMet": "wait",
        "acceptFarPrice": 1, "timeInForce": "fok", "startAt": "soon", "trailBps": 5, "limit": 3,
    }  # fmt: skip
    answer = await place(rooms, body)
    assert answer.status_code == 400
    assert faults(answer) == {
        ("not_positive", "amount"),
        ("not_positive", "triggerPrice"),
        ("invalid_price", "limitPrice"),
        ("value_out_of_range", "confirmSlots"),
        ("value_out_of_range", "slippageLadderBps"),
        ("invalid_value", "onMet"),
        ("wrong_type", "acceptFarPrice"),
        ("conflicting_fields", "timeInForce"),
        ("invalid_value", "startAt"),
        ("not_yet_supported", "trailBps"),
        ("unknown_field", "limit"),
    }


async def test_s4_on_met_fire_takes_a_stop_that_is_met_already(rooms: Rooms) -> None:
    answer = await place(rooms, {**STOP, "triggerPrice": 200, "onMet": "fire"})
    assert answer.status_code == 202
    order = await until_closed(rooms.client, answer.json()["orderId"])
    assert order["status"] == "confirmed"


async def test_l7_accept_far_price_takes_what_looks_inverted(rooms: Rooms) -> None:
    order_id = await resting(rooms, {**STOP, "triggerPrice": "0.0069", "acceptFarPrice": True})
    order = (await rooms.client.get(f"/api/orders/{order_id}")).json()
    assert (order["status"], order["triggerPrice"]) == ("waiting", 0.0069)


# ------------------------------------------------------------------------------ watching


async def watch(rooms: Rooms, order_id: str, status: int = 200) -> dict[str, Any]:
    answer = await rooms.client.get(f"/api/orders/{order_id}/watch")
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_watching_shows_price_level_and_distance(rooms: Rooms) -> None:
    order_id = await resting(rooms, {**STOP, "triggerPrice": 100})
    seen = await watch(rooms, order_id)
    assert (seen["orderId"], seen["status"], seen["phase"]) == (order_id, "waiting", "trigger")
    assert (seen["level"], seen["confirmSlots"], seen["heldBackBy"]) == (100, 2, [])
    assert 100 < seen["effectivePrice"] <= seen["touchPrice"]
    expected = (1 - 100 / seen["effectivePrice"]) * 10_000
    assert seen["distanceBps"] == pytest.approx(expected, abs=1)


async def test_watching_a_buy_by_symbol_shows_what_one_token_costs(rooms: Rooms) -> None:
    body = {"type": "limit", "symbol": "SOL", "side": "buy", "quantity": 5, "limitPrice": 100}
    seen = await watch(rooms, await resting(rooms, body))
    assert seen["level"] == 100
    assert seen["effectivePrice"] >= seen["touchPrice"] > 100


async def test_watching_says_that_only_the_size_holds_an_order_back(rooms: Rooms) -> None:
    large = {**LIMIT, "amount": 5_000, "limitPrice": 400}
    seen = await watch(rooms, await resting(rooms, large))
    between = (seen["effectivePrice"] + seen["touchPrice"]) / 2
    order_id = await resting(rooms, {**large, "limitPrice": f"{between:.6f}"})
    seen = await watch(rooms, order_id)
    assert seen["heldBackBy"] == ["size"]
    assert seen["distanceBps"] > 0


async def test_watching_says_until_when_and_that_trading_is_halted(rooms: Rooms) -> None:
    start = write_moment(add_ms(rooms.engine.clock.now(), 3_600_000))
    order_id = await resting(rooms, {**LIMIT, "startAt": start})
    timed = await resting(rooms, {**TEN, "startAt": start})
    await rooms.client.post("/api/halt", json={"reason": "test"})
    seen = await watch(rooms, order_id)
    assert (seen["heldBackBy"], seen["notBefore"]) == (["not_before", "halted"], start)
    seen = await watch(rooms, timed)
    assert (seen["heldBackBy"], "level" in seen) == (["not_before", "halted"], False)


async def test_only_what_waits_can_be_watched(rooms: Rooms) -> None:
    order_id = (await place(rooms, TEN)).json()["orderId"]
    await until_closed(rooms.client, order_id)
    assert (await watch(rooms, order_id, 409))["code"] == "not_waiting"
    nobody = "01890000-0000-7000-8000-000000000000"
    assert (await watch(rooms, nobody, 404))["code"] == "order_not_found"
    assert (await watch(rooms, "x", 404))["code"] == "order_not_found"


# ------------------------------------------------------------------------------ messages


async def test_streams_say_what_an_order_was_armed_and_triggered_by(tmp_path: Path) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        level = await price_now(rooms) * 2
        body = {**STOP, "triggerPrice": f"{float(level):.4f}", "onMet": "fire", "confirmSlots": 2}
        order_id = (await place(rooms, body)).json()["orderId"]
        await until_closed(rooms.client, order_id)
        accept = {"accept": "text/event-stream"}
        events = await rooms.client.get(f"/api/orders/{order_id}/events", headers=accept)
        sse = [json.loads(row[6:]) for row in events.text.splitlines() if row.startswith("data: ")]
        told: list[dict[str, Any]] = []
        async with asyncio.timeout(WAIT_S):
            async with connect(f"ws://127.0.0.1:{port}/api/orders/{order_id}/status") as socket:
                told = [json.loads(text) async for text in socket]
        listed = (await rooms.client.get(f"/api/orders/{order_id}/events")).json()["events"]
        for messages in (sse, told, listed):
            armed, triggered = (
                next(one for one in messages if one.get("transition") == name)
                for name in ("armed", "triggered")
            )
            assert (armed["event"], triggered["event"]) == ("waiting", "routing")
            for message in (armed, triggered):
                assert message["level"] == pytest.approx(float(level), abs=0.001)
                assert 0 < message["effectivePrice"] <= message["touchPrice"]
                assert message["observedSlot"] > 0
            assert triggered["confirmedBy"] == 2
            assert "confirmedBy" not in armed


async def test_the_summary_of_a_stop_names_the_tolerances_of_its_ladder(rooms: Rooms) -> None:
    body = {**STOP, "slippageBps": 77, "slippageLadderBps": [50, 100, 300]}
    summary = (await place(rooms, body)).json()["summary"]
    assert "at most 0.5 %, after reverts 1 %, 3 % below the quote" in summary
    assert "0.77" not in summary
