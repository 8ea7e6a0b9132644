"""Follows market orders through calm and mishap, step by step."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from cambist.faults import Code
from cambist.orders.order import Status
from cambist.orders.terms import Terms
from cambist.paper.fault_model import PPM_ONE
from cambist.values.amount import Bps
from cambist.values.time_units import Timestamp
from tests.engine.engine_harness import CALM, DeadMarket, HangingMarket, rig, sell

ALWAYS_REVERTS = replace(CALM, name="reverts", reverted_ppm=PPM_ONE)
ALWAYS_DROPS = replace(CALM, name="drops", dropped_ppm=PPM_ONE)


async def test_an_order_goes_through_every_step_in_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        order_id = await r.send(sell(10))
        order = await r.until_closed(order_id)
        kinds = await r.kinds(order_id)
    assert kinds == ["accepted", "started", "routed", "signed", "sent", "landed", "finalized"]
    assert order.status is Status.CONFIRMED
    assert order.route is not None
    assert order.fill is not None
    assert order.fill.amount_in == 10 * 10**9
    assert order.fill.amount_out >= order.route.bound
    assert {quote.venue for quote in order.route.quotes} == {"raydium", "meteora"}


async def test_a_route_has_the_best_pool_and_tells_its_greatest_part_first(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        order = await r.until_closed(await r.send(sell(10)))
    assert order.route is not None
    best = max(order.route.quotes, key=lambda quote: quote.amount_out)
    assert best.pool in {leg.pool for leg in order.route.legs}
    assert order.route.legs[0].amount_in == max(leg.amount_in for leg in order.route.legs)
    assert best.venue.capitalize() in order.route.reason


async def test_a_venue_that_hangs_is_left_out_and_named(tmp_path: Path) -> None:
    async with rig(tmp_path, market=HangingMarket) as r:
        order = await r.until_closed(await r.send(sell()))
    assert order.status is Status.CONFIRMED
    assert order.route is not None
    assert {quote.venue for quote in order.route.quotes} == {"meteora"}
    assert [(failure.venue, failure.code) for failure in order.route.absent] == [
        ("raydium", Code.QUOTE_TIMED_OUT)
    ]
    assert "Raydium" in order.route.reason


async def test_when_no_venue_answers_the_order_is_tried_three_times_and_then_fails(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, market=DeadMarket) as r:
        order_id = await r.send(sell())
        order = await r.until_closed(order_id)
        kinds = await r.kinds(order_id)
    assert order.status is Status.FAILED
    assert order.fault is not None
    assert order.fault.code is Code.QUOTES_UNAVAILABLE
    assert kinds == ["accepted", "started", "retry_scheduled", "retry_scheduled", "failed"]
    assert [setback.attempt for setback in order.setbacks] == [1, 2, 3]


async def test_tries_wait_one_second_and_then_two(tmp_path: Path) -> None:
    async with rig(tmp_path, ALWAYS_REVERTS) as r:
        order_id = await r.send(sell())
        order = await r.until_closed(order_id)
        retried = await r.times(order_id, "retry_scheduled")
        routed = await r.times(order_id, "routed")
        kinds = await r.kinds(order_id)
    assert order.status is Status.FAILED
    assert order.fault is not None
    assert order.fault.code is Code.NETWORK_CONGESTED
    assert kinds.count("signed") == kinds.count("reverted") == 3
    for number, (set_back, again) in enumerate(zip(retried, routed[1:], strict=True)):
        quoting_ms = 250 + 100
        assert 1_000 << number <= again - set_back <= (1_000 << number) + quoting_ms


async def test_a_failed_order_lists_every_try_with_its_signature(tmp_path: Path) -> None:
    async with rig(tmp_path, ALWAYS_REVERTS) as r:
        order = await r.until_closed(await r.send(sell()))
    assert len({setback.signature for setback in order.setbacks}) == 3
    assert all(one.signature for one in order.setbacks)


async def test_a_transaction_that_never_arrives_is_proven_dead_before_another_is_signed(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, ALWAYS_DROPS) as r:
        order_id = await r.send(sell())
        order = await r.until_closed(order_id)
        kinds = await r.kinds(order_id)
        lapsed = await r.times(order_id, "lapsed")
    assert order.status is Status.FAILED
    assert order.fault is not None
    assert order.fault.code is Code.ATTEMPT_LAPSED
    moving = [kind for kind in kinds if kind in {"signed", "lapsed"}]
    assert moving == ["signed", "lapsed"] * 3
    rules = CALM.rules
    assert lapsed[0] >= (rules.blockhash_window + rules.lapse_margin) * rules.slot_ms


async def test_a_price_beyond_the_tolerance_reverts_and_is_quoted_afresh(tmp_path: Path) -> None:
    terms = Terms(slippage_bps=Bps(1))
    async with rig(tmp_path) as r:
        ids = [await r.send(sell(2_000, terms)) for _ in range(3)]
        orders = [await r.until_closed(order_id) for order_id in ids]
    quoted_again = [one for one in orders if one.try_number > 1]
    assert quoted_again
    for order in quoted_again:
        assert order.setbacks[0].fault.code is Code.SLIPPAGE_EXCEEDED
    assert any(one.status is Status.CONFIRMED for one in quoted_again)
    for order in orders:
        if order.fill is not None and order.route is not None:
            assert order.fill.amount_out >= order.route.bound


async def test_more_than_the_wallet_holds_fails_at_once_and_signs_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        order_id = await r.send(sell(1_000_001))
        order = await r.until_closed(order_id)
        kinds = await r.kinds(order_id)
    assert order.status is Status.FAILED
    assert "signed" not in kinds
    assert "retry_scheduled" not in kinds


async def test_a_deadline_that_passes_before_signing_expires_the_order(tmp_path: Path) -> None:
    async with rig(tmp_path, market=DeadMarket) as r:
        deadline = Timestamp(r.clock.now() + 1_500)
        order_id = await r.send(sell(1, Terms(deadline=deadline)))
        order = await r.until_closed(order_id)
    assert order.status is Status.EXPIRED
    assert order.attempt_count == 0


async def test_same_seed_and_same_orders_give_the_same_journals(tmp_path: Path) -> None:
    told = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        async with rig(tmp_path / folder, replace(CALM, reverted_ppm=300_000)) as r:
            ids = [await r.send(sell(n + 1, name=f"same-{n}")) for n in range(6)]
            for order_id in ids:
                await r.until_closed(order_id)
            told.append([[one.entry for one in await r.engine.history(each)] for each in ids])
    assert told[0] == told[1]
