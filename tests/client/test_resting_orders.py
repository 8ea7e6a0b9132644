"""Prove the drafts and calls for orders that wait for a price, at a real server and a fake one."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from cambist.client import (
    Client,
    Event,
    OrderFailed,
    RequestRejected,
    buy,
    limit,
    models,
    sell,
    stop,
    swap,
    take_profit,
)
from cambist.wire import event_messages
from cambist.wire.order_fields import FIELDS
from cambist.wire.order_responses import OrderView
from tests.client.faulty_proxy import HastyClock, Mischief, stage

TEN = swap("SOL", "USDC", amount_in=10)
START = datetime(2030, 1, 31, 12, tzinfo=UTC)


def sent(draft: msgspec.Struct) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(msgspec.json.encode(draft))
    return body


def test_a_limit_says_its_kind_and_its_price_as_it_was_typed() -> None:
    body = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "10", "type": "limit"}
    assert sent(limit(TEN, Decimal("150.10"))) == {**body, "limitPrice": "150.10"}
    far = sent(limit(TEN, "0.0069", accept_far_price=True))
    assert (far["limitPrice"], far["acceptFarPrice"]) == ("0.0069", True)
    bought = sent(limit(buy("SOL", 5), 140))
    assert (bought["side"], bought["limitPrice"]) == ("buy", "140")


def test_a_stop_and_a_take_profit_say_all_that_they_have() -> None:
    told = sent(
        stop(
            sell("SOL", 10, expires_at=START, start_at=START),
            140,
            limit_price=138,
            confirm_slots=3,
            slippage_ladder_bps=[50, 100],
            on_met="fire",
        )
    )
    assert told == {
        "symbol": "SOL", "side": "sell", "quantity": "10", "type": "stop", "triggerPrice": "140",
        "limitPrice": "138", "confirmSlots": 3, "slippageLadderBps": [50, 100], "onMet": "fire",
        "expiresAt": told["startAt"], "startAt": told["startAt"],
    }  # fmt: skip
    profit = sent(take_profit(TEN, "160", confirm_slots=1))
    assert (profit["type"], profit["triggerPrice"]) == ("take_profit", "160")
    assert "limitPrice" not in profit


def test_every_field_of_a_draft_is_a_field_of_an_order() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(type(TEN))}
    assert names <= set(FIELDS)


def test_the_body_of_a_market_order_has_nothing_new() -> None:
    assert sent(TEN) == {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "10"}


def test_a_float_is_no_price() -> None:
    for price in (150.1, True, None):
        with pytest.raises(TypeError, match="a price is a str, an int or a Decimal"):
            limit(TEN, price)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a price"):
            stop(TEN, price)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "served"),
    [(models.Order, OrderView), (models.Event, event_messages.Message)],
)
def test_the_models_have_what_the_server_says_of_waiting(model: Any, served: Any) -> None:
    known = {field.encode_name for field in msgspec.structs.fields(model)}
    told = {field.encode_name for field in msgspec.structs.fields(served)}
    assert {
        "limitPrice", "triggerPrice", "confirmSlots", "slippageLadderBps", "timeInForce",
        "startAt", "summary", "transition", "level", "effectivePrice", "touchPrice",
        "observedSlot", "confirmedBy",
    } & told <= known  # fmt: skip


async def test_an_order_rests_and_says_what_it_waits_for(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        cambist = there.cambist
        draft = stop(TEN, 120, limit_price=118, confirm_slots=4, slippage_ladder_bps=(50, 90))
        placed = await cambist.place(draft)
        assert placed.summary.startswith("Sell 10 SOL for USDC when all of it brings at most 120")
        armed = await cambist.wait_until_armed(placed.order_id)
        assert (armed.status, armed.transition, armed.level) == ("waiting", "armed", Decimal(120))
        assert armed.effective_price is not None
        assert Decimal(120) < armed.effective_price < Decimal(200)
        assert armed.touch_price is not None
        assert armed.observed_slot is not None
        order = await cambist.get(placed.order_id)
        assert order.is_waiting
        assert not order.is_closed
        assert (order.trigger_price, order.limit_price) == (Decimal(120), Decimal(118))
        assert (order.level, order.type) == (Decimal(120), "stop")
        assert (order.confirm_slots, order.slippage_ladder_bps) == (4, (50, 90))
        assert order.summary is not None
        assert (await cambist.cancel(placed.order_id)).cancel == "cancelled"
        with pytest.raises(OrderFailed) as ended:
            await cambist.wait(placed.order_id)
        assert ended.value.order.status == "cancelled"


async def test_a_stop_that_is_met_says_by_which_price_and_slots(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        cambist = there.cambist
        placed = await cambist.place(stop(TEN, 900, on_met="fire"))
        assert (await cambist.wait(placed.order_id)).status == "confirmed"
        events = await cambist.history(placed.order_id)
        (met,) = (event for event in events if event.transition == "triggered")
        assert (met.status, met.confirmed_by, met.level) == ("routing", 2, Decimal(900))
        assert met.effective_price is not None
        assert met.effective_price < 900
        # What is over has been armed: nobody waits for it in vain.
        assert (await cambist.wait_until_armed(placed.order_id)).transition == "armed"


async def test_what_is_met_already_is_refused_with_the_field(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        for draft, code, field in (
            (stop(TEN, 900), "trigger_already_met", "triggerPrice"),
            (take_profit(TEN, 100), "trigger_already_met", "triggerPrice"),
            (limit(TEN, "0.0069"), "price_inverted", "limitPrice"),
        ):
            with pytest.raises(RequestRejected) as refused:
                await there.cambist.place(draft)
            assert (refused.value.status, refused.value.code) == (422, code)
            assert refused.value.field == field
        assert (await there.cambist.page()).total == 0


async def test_fill_or_kill_ends_at_once_and_is_told_as_failed(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        draft = limit(swap("SOL", "USDC", amount_in=10, time_in_force="fok"), 900)
        placed = await there.cambist.place(draft)
        with pytest.raises(OrderFailed) as ended:
            await there.cambist.wait(placed.order_id)
        assert (ended.value.order.status, ended.value.code) == ("expired", "not_filled_at_once")
        assert ended.value.order.time_in_force == "fok"


async def test_a_market_order_is_past_pending_when_it_trades(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        placed = await there.cambist.place(TEN)
        event = await there.cambist.wait_until_armed(placed.order_id)
        assert (event.status, event.transition) == ("routing", None)


async def test_a_start_is_awaited_armed(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        start = datetime.now(UTC) + timedelta(hours=1)
        placed = await there.cambist.sell("SOL", 1, start_at=start)
        armed = await there.cambist.wait_until_armed(placed.order_id)
        assert (armed.status, armed.level) == ("waiting", None)
        assert armed.next_attempt_at is not None
        assert abs(armed.next_attempt_at - start) < timedelta(milliseconds=1)
        assert (await there.cambist.get(placed.order_id)).start_at == armed.next_attempt_at
        await there.cambist.cancel(placed.order_id)


async def test_a_resting_order_is_waited_for_through_cuts(tmp_path: Path) -> None:
    cut = Mischief(bytes_max=1_500)
    async with stage(tmp_path, tries_max=30) as there:
        cambist = there.cambist
        placed = await cambist.place(limit(TEN, 900))
        await cambist.wait_until_armed(placed.order_id)
        there.proxy.turn(*[cut] * 6)
        waiting = asyncio.create_task(cambist.wait(placed.order_id))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await cambist.cancel(placed.order_id)
        with pytest.raises(OrderFailed):
            await waiting


def _event(seq: int, status: str, **more: Any) -> Mapping[str, Any]:
    moment = "2026-11-20T20:00:00.250Z"
    return {"orderId": "a", "seq": seq, "event": status, "status": status, "timestamp": moment,
            **more}  # fmt: skip


async def test_an_order_that_ends_before_it_is_armed_is_told_as_failed() -> None:
    told = [_event(1, "pending"), _event(2, "cancelled")]
    text = "".join(f"id: {one['seq']}\ndata: {json.dumps(one)}\n\n" for one in told)
    order = {"orderId": "a", "status": "cancelled", "tokenIn": "SOL", "tokenOut": "USDC",
             "createdAt": "2026-11-20T20:00:00.250Z", "seq": 2}  # fmt: skip

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            stream = {"content-type": "text/event-stream"}
            return httpx.Response(200, headers=stream, content=text)
        return httpx.Response(200, json=order)

    async with Client(transport=httpx.MockTransport(answer), clock=HastyClock()) as cambist:
        with pytest.raises(OrderFailed) as ended:
            await cambist.wait_until_armed("a")
    assert ended.value.order.status == "cancelled"


def test_an_older_server_says_none_of_it() -> None:
    event = msgspec.convert(_event(1, "pending"), Event, strict=False)
    assert (event.transition, event.level, event.confirmed_by) == (None, None, None)
