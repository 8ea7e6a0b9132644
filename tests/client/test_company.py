"""Prove what holds for many orders: a batch is placed once, and all of them are followed."""

import asyncio
from contextlib import aclosing
from itertools import count
from pathlib import Path

from cambist.client import Event, Placed, RequestRejected, buy, sell, swap
from cambist.client.event_streams import Over
from tests.client.faulty_proxy import LOSE, Mischief, Stage, stage
from tests.client.test_event_streams import BOTH, LINES, cuts

WAIT_S = 20


async def test_a_batch_is_placed_once_however_often_it_is_sent(tmp_path: Path) -> None:
    async with stage(tmp_path, [LOSE, Mischief(100), LOSE]) as there:
        drafts = [sell("SOL", 1), buy("AAPL", 0), swap("SOL", "SOL", amount_in=1), buy("AAPL", 1)]
        first, zero, same, last = await there.cambist.batch(drafts)
        assert isinstance(first, Placed)
        assert isinstance(last, Placed)
        assert isinstance(zero, RequestRejected)
        assert isinstance(same, RequestRejected)
        assert (zero.code, zero.field, same.code) == ("not_positive", "quantity", "same_token")
        assert (await there.cambist.page()).total == 2
        for placed in (first, last):
            assert (await there.cambist.wait(placed.order_id)).status == "confirmed"


async def test_a_quote_is_what_the_order_then_gets(tmp_path: Path) -> None:
    async with stage(tmp_path, [LOSE]) as there:
        draft = buy("AAPL", 5)
        quote = await there.cambist.quote(draft)
        assert {one.dex for one in quote.quotes} == {"raydium", "meteora"}
        assert (quote.side, quote.symbol, quote.mode) == ("buy", "AAPL", "exact_out")
        order = await there.cambist.wait((await there.cambist.place(draft)).order_id)
        assert order.amount_in is not None
        assert quote.max_amount_in is not None
        assert order.amount_in <= quote.max_amount_in
        assert order.amount_out == quote.amount_out


async def sell_one(there: Stage, key: str) -> None:
    """Place an order past the proxy."""
    order = {"symbol": "SOL", "side": "sell", "quantity": 1, "clientOrderId": key}
    assert (await there.rooms.client.post("/api/orders", json=order)).status_code == 202


async def begin(there: Stage, first: asyncio.Future[Event]) -> None:
    """Place orders until one is heard of: before, there is no place to go on from."""
    for number in count():
        await sell_one(there, f"before {number}")
        done, _ = await asyncio.wait([first], timeout=0.01)
        if done:
            return


async def hear(there: Stage, orders: int, over: Over) -> dict[str, list[tuple[int, str]]]:
    """Place orders and return what a follower of all hears of them, until each is final."""
    keys = {f"key {number}" for number in range(orders)}
    heard: dict[str, list[tuple[int, str]]] = {key: [] for key in keys}
    async with asyncio.timeout(WAIT_S), aclosing(there.cambist.follow_all(over=over)) as events:
        first = asyncio.ensure_future(anext(events))
        await begin(there, first)
        for key in keys:
            await sell_one(there, key)
        left = set(keys)
        async for event in events:
            if event.client_order_id in keys:
                heard[event.client_order_id].append((event.seq, event.event))
                left -= {event.client_order_id} if event.event == LINES[-1] else set()
            if not left:
                return heard
    raise AssertionError(left)


@BOTH
async def test_all_orders_are_followed_line_by_line(tmp_path: Path, over: Over) -> None:
    async with stage(tmp_path) as there:
        heard = await hear(there, 5, over)
        assert len(heard) == 5
        assert all(lines == list(enumerate(LINES, 1)) for lines in heard.values())


async def test_no_cut_makes_a_gap_or_a_repeat_among_all_orders(tmp_path: Path) -> None:
    for seed in range(4):
        async with stage(tmp_path / str(seed), cuts(seed), tries_max=1_000) as there:
            heard = await hear(there, 5, "sse")
            assert len(heard) == 5
            assert all(lines == list(enumerate(LINES, 1)) for lines in heard.values())
            assert there.proxy.connections > 1


async def test_following_all_goes_on_after_a_cursor(tmp_path: Path) -> None:
    async with stage(tmp_path) as there, asyncio.timeout(WAIT_S):
        async with aclosing(there.cambist.follow_all()) as events:
            first = asyncio.ensure_future(anext(events))
            await begin(there, first)
            cursor = (await first).cursor
        placed = await there.cambist.sell("SOL", 1)
        async with aclosing(there.cambist.follow_all(cursor)) as events:
            async for event in events:
                assert event.seq > 1 or event.order_id != (await first).order_id
                if event.order_id == placed.order_id and event.is_closed:
                    break
