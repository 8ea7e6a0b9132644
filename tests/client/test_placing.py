"""Prove that an order is placed once, however badly the network treats its sender."""

from decimal import Decimal
from pathlib import Path

import pytest

from cambist.client import (
    ConnectionFailed,
    Placed,
    RateLimited,
    RequestRejected,
    Unavailable,
    buy,
    sell,
    swap,
)
from cambist.client.drafts import exact
from cambist.server.openapi.document import API_VERSION
from tests.client.faulty_proxy import KIND, LOSE, Mischief, refuse, stage


async def total(home: Path, tricks: list[Mischief]) -> tuple[Placed, int, list[int]]:
    """Place one order through mischief; return it, how many there are, and the waits."""
    async with stage(home, tricks) as there:
        placed = await there.cambist.sell("SOL", "1.5")
        return placed, (await there.cambist.page()).total, there.clock.waits


async def test_an_order_comes_back_typed(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        placed = await there.cambist.buy("AAPL", 5, slippage_bps=80, client_order_id="mine")
        assert (placed.status, placed.slippage_bps) == ("pending", 80)
        assert placed.client_order_id == "mine"
        order = await there.cambist.wait(placed.order_id)
        assert (order.amount_out, order.symbol, order.side) == (Decimal(5), "AAPL", "buy")
        assert isinstance(order.executed_price, Decimal)
        assert order.amount_in is not None
        assert abs(order.executed_price - order.amount_in / 5) < Decimal("1e-8")
        assert order.closed_at is not None
        assert order.closed_at.tzinfo is not None


async def test_one_key_is_one_order(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        draft = swap("SOL", "USDC", amount_in="1", client_order_id="mine")
        first, second = await there.cambist.place(draft), await there.cambist.place(draft)
        assert first == second
        other = await there.cambist.swap("SOL", "USDC", amount_in="1")
        assert other.order_id != first.order_id


@pytest.mark.parametrize("count", [1, 3])
async def test_a_lost_answer_makes_no_second_order(tmp_path: Path, count: int) -> None:
    placed, orders, waits = await total(tmp_path, [LOSE] * count)
    assert (orders, len(waits)) == (1, count)
    assert placed.client_order_id


@pytest.mark.parametrize("bytes_max", [1, 40, 200, 400])
async def test_an_answer_cut_anywhere_makes_no_second_order(tmp_path: Path, bytes_max: int) -> None:
    _, orders, _ = await total(tmp_path, [Mischief(bytes_max)] * 2)
    assert orders == 1


async def test_a_stalled_answer_makes_no_second_order(tmp_path: Path) -> None:
    stall = Mischief(60, stalls=True)
    async with stage(tmp_path, [stall], timeout_ms=200) as there:
        await there.cambist.sell("SOL", 1)
        assert (await there.cambist.page()).total == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_server_is_asked_again_when_it_says(tmp_path: Path, status: int) -> None:
    _, orders, waits = await total(tmp_path, [refuse(status, "retry-after: 2")] * 2)
    assert orders == 1
    assert [wait for wait in waits if wait >= 2_000] == waits
    assert len(waits) == 2


async def test_waits_grow_up_to_their_limit(tmp_path: Path) -> None:
    _, _, waits = await total(tmp_path, [refuse(503)] * 7)
    for wait, most in zip(waits, [200, 400, 800, 1_600, 3_200, 5_000, 5_000], strict=True):
        assert most // 2 <= wait <= most


async def test_no_one_waits_for_ever(tmp_path: Path) -> None:
    async with stage(tmp_path, [refuse(503)] * 9, tries_max=3) as there:
        with pytest.raises(Unavailable) as caught:
            await there.cambist.sell("SOL", 1)
        assert (caught.value.status, there.proxy.connections) == (503, 3)
    async with stage(tmp_path, [LOSE] * 9, tries_max=2) as there:
        with pytest.raises(ConnectionFailed):
            await there.cambist.health()
        assert there.proxy.connections == 2


async def test_a_long_wait_is_the_callers_to_choose(tmp_path: Path) -> None:
    async with stage(tmp_path, [refuse(429, "retry-after: 60")]) as there:
        with pytest.raises(RateLimited) as caught:
            await there.cambist.sell("SOL", 1)
        assert caught.value.retry_after_ms == 60_000
        assert there.clock.waits == []


async def test_a_refusal_names_every_field_and_is_not_repeated(tmp_path: Path) -> None:
    async with stage(tmp_path, [KIND]) as there:
        with pytest.raises(RequestRejected) as caught:
            await there.cambist.buy("AAPL", "many", slippage_bps=-1)
        assert type(caught.value) is RequestRejected
        assert caught.value.status == 400
        assert {fault.field for fault in caught.value.faults} == {"quantity", "slippageBps"}
        assert (caught.value.code, caught.value.field) == ("invalid_amount", "quantity")
        assert there.clock.waits == []


async def test_a_server_says_how_it_is_and_what_it_is(tmp_path: Path) -> None:
    async with stage(tmp_path, [LOSE]) as there:
        assert (await there.cambist.health()).status == "ok"
        assert await there.cambist.version() == API_VERSION


async def test_a_cancel_that_comes_too_late_is_an_answer(tmp_path: Path) -> None:
    async with stage(tmp_path, [LOSE]) as there:
        placed = await there.cambist.sell("SOL", 1)
        await there.cambist.wait(placed.order_id)
        answer = await there.cambist.cancel(placed.order_id)
        assert (answer.cancel, answer.status) == ("too_late", "confirmed")


async def test_a_list_goes_through_every_page(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        ids = [(await there.cambist.sell("SOL", 1)).order_id for _ in range(7)]
        listed = [one.order_id async for one in there.cambist.list(page_orders=3)]
        assert listed == ids[::-1]
        for one in ids:
            await there.cambist.wait(one)
        none = [one async for one in there.cambist.list(status="failed,cancelled")]
        assert none == []


def test_a_float_is_no_amount() -> None:
    for amount in (1.5, True, None, [1]):
        with pytest.raises(TypeError, match="is a str, an int or a Decimal"):
            sell("SOL", amount)  # type: ignore[arg-type]
    assert exact(Decimal("1E-7")) == "0.0000001"
    assert exact(10**18) == "1" + "0" * 18


def test_a_swap_has_one_size() -> None:
    for sizes in ({}, {"amount_in": 1, "amount_out": 1}):
        with pytest.raises(ValueError, match="either amount_in or amount_out"):
            swap("SOL", "USDC", **sizes)  # type: ignore[arg-type]
    assert swap("SOL", "USDC", amount_out=1).amount_out == "1"
    assert buy("AAPL", 1).side == "buy"
