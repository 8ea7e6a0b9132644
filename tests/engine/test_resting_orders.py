"""Play the case table of orders that wait for a price against a whole engine (docs/orders.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from cambist.faults import Code
from cambist.orders import events
from cambist.orders.intent import Intent, OrderKind
from cambist.orders.order import Status
from cambist.orders.terms import Terms
from cambist.values.amount import BPS_ONE, Bps, RawAmount
from cambist.values.ids import LOCAL, OrderId
from cambist.values.time_units import Timestamp
from cambist.values.token import SOL, USDC, Pair
from tests.engine.engine_harness import CALM, Rig, rig
from tests.engine.moving_market import MovingMarket, at, level

TEN = RawAmount(10 * 10**9)
NOW = 1_700_000_000_000


@pytest.fixture(autouse=True)
def at_the_real_price() -> Iterator[None]:
    MovingMarket.show(1)
    MovingMarket.silent = set()
    yield
    MovingMarket.show(1)
    MovingMarket.silent = set()


@pytest.fixture
async def r(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path, CALM, market=MovingMarket) as running:
        yield running


@pytest.fixture
async def reverting(tmp_path: Path) -> AsyncIterator[Rig]:
    """Run an engine whose chain reverts every transaction because of its bound."""
    profile = replace(CALM, reverted_ppm=1_000_000)
    async with rig(tmp_path, profile, market=MovingMarket) as running:
        yield running


def order(kind: OrderKind, terms: Terms, amount: RawAmount = TEN) -> Intent:
    return Intent(kind, LOCAL, Pair(SOL, USDC), "exact_in", amount, terms)


def stop(usdc_per_sol: int | Fraction, **more: object) -> Intent:
    terms = Terms(trigger_price=level(usdc_per_sol), confirm_slots=2, **more)  # type: ignore[arg-type]
    return order("stop", terms)


async def effective(r: Rig) -> Fraction:
    """Return what 10 SOL bring at the price that is shown, in USDC for one SOL."""
    seen = await r.engine.observe(order("market", Terms()))
    assert seen.effective is not None
    return Fraction(seen.effective.amount_out, seen.effective.amount_in) * 1_000


async def kinds(r: Rig, order_id: OrderId) -> list[str]:
    return [event.entry.kind for event in await r.engine.history(order_id)]


async def found(r: Rig, order_id: OrderId, kind: type[events.OrderEvent]):  # type: ignore[no-untyped-def]
    return [one.event for one in await r.engine.history(order_id) if isinstance(one.event, kind)]


# ------------------------------------------------------------------------------------- limit


async def test_l1_a_price_that_equals_the_limit_exactly_is_met(r: Rig) -> None:
    order_id = await r.send(order("limit", at(await effective(r))))
    await r.push(3_000)
    triggered, *_ = await found(r, order_id, events.Triggered)
    armed, *_ = await found(r, order_id, events.Armed)
    assert triggered.observation.effective == armed.observation.effective


async def test_l1_a_price_one_unit_below_the_limit_is_not_met(r: Rig) -> None:
    seen = await r.engine.observe(order("market", Terms()))
    assert seen.effective is not None
    above = Fraction(seen.effective.amount_out + 1, seen.effective.amount_in) * 1_000
    order_id = await r.send(order("limit", at(above)))
    await r.push(5_000)
    assert "triggered" not in await kinds(r, order_id)
    assert (await r.order(order_id)).status is Status.WAITING


async def test_l2_what_only_a_part_of_the_order_would_get_is_noted_once(r: Rig) -> None:
    amount = RawAmount(5_000 * 10**9)
    seen = await r.engine.observe(replace(order("market", Terms()), amount=amount))
    assert seen.effective is not None
    assert seen.touch is not None
    whole, part = (
        Fraction(one.amount_out, one.amount_in) * 1_000 for one in (seen.effective, seen.touch)
    )
    assert part > whole
    order_id = await r.send(order("limit", at((whole + part) / 2), amount))
    await r.push(10_000)
    assert await kinds(r, order_id) == ["accepted", "armed", "touched"]


async def test_l3_a_gap_fills_at_the_better_price_with_the_bound_of_the_quote(r: Rig) -> None:
    order_id = await r.send(order("limit", at(await effective(r) * Fraction(102, 100))))
    await r.push(2_000)
    assert (await r.order(order_id)).status is Status.WAITING
    MovingMarket.show(Fraction(108, 100))
    await r.push(3_000)
    (routed, *_) = await found(r, order_id, events.Routed)
    exact = Fraction(routed.route.amount_out * (BPS_ONE - 50), BPS_ONE)
    # Each leg's bound is rounded up, so that the sum is at most a unit a leg above.
    assert exact <= routed.route.bound < exact + len(routed.route.legs)


async def test_l4_a_revert_rests_again_at_once_and_uses_up_no_try(reverting: Rig) -> None:
    r = reverting
    order_id = await r.send(order("limit", at(50)))
    await r.push(60_000)
    lives = await kinds(r, order_id)
    assert lives.count("reverted") == lives.count("rearmed") >= 5, "more than three tries"
    assert not (await r.order(order_id)).is_closed


async def test_l4_what_the_chain_rejects_unsigned_is_tried_after_longer_and_longer_waits(
    r: Rig,
) -> None:
    limit = await effective(r) * Fraction(102, 100)
    MovingMarket.show(Fraction(105, 100))  # so much the chain does not pay
    order_id = await r.send(order("limit", at(limit)))
    await r.push(70_000)
    assert "signed" not in await kinds(r, order_id)
    times = await r.times(order_id, "rearmed")
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert 4 <= len(times) <= 7
    assert waits == sorted(waits)


async def test_l5_a_limit_that_is_met_already_trades_at_once(r: Rig) -> None:
    order_id = await r.send(order("limit", at(50)))
    done = await r.until_closed(order_id)
    assert done.status is Status.CONFIRMED
    assert (await kinds(r, order_id))[:4] == ["accepted", "armed", "triggered", "routed"]


async def test_l8_the_bounds_of_a_split_add_up_to_the_limit_at_least(r: Rig) -> None:
    amount = RawAmount(3_000 * 10**9)
    seen = await r.engine.observe(replace(order("market", Terms()), amount=amount))
    assert seen.effective is not None
    limit = Fraction(seen.effective.amount_out, seen.effective.amount_in) * 1_000
    terms = at(limit * Fraction(9_999, 10_000), slippage_bps=Bps(500))
    order_id = await r.send(order("limit", terms, amount))
    await r.push(8_000)
    (routed, *_) = await found(r, order_id, events.Routed)
    assert len(routed.route.legs) > 1
    assert terms.limit_price is not None
    assert routed.route.bound >= terms.limit_price.least_out(amount)


# -------------------------------------------------------------------------------------- stop


async def test_s1_a_price_that_one_slot_showed_starts_no_stop(r: Rig) -> None:
    order_id = await r.send(stop(await effective(r) * Fraction(97, 100)))
    await r.push(3_000)
    MovingMarket.show(Fraction(96, 100), 1)
    await r.push(10_000)
    assert await kinds(r, order_id) == ["accepted", "armed"]


async def test_s2_a_price_that_two_slots_show_starts_a_stop_once(r: Rig) -> None:
    order_id = await r.send(stop(await effective(r) * Fraction(97, 100)))
    await r.push(3_000)
    MovingMarket.show(Fraction(96, 100))
    done = await r.until_closed(order_id)
    assert done.status is Status.CONFIRMED
    (triggered,) = await found(r, order_id, events.Triggered)
    assert triggered.observation.observations == 2


async def test_s5_a_gap_through_the_level_fills_near_the_price_then(r: Rig) -> None:
    order_id = await r.send(stop(await effective(r) * Fraction(97, 100)))
    await r.push(3_000)
    MovingMarket.show(Fraction(80, 100))
    shown = await effective(r)
    assert (await r.until_closed(order_id)).status is Status.CONFIRMED
    (routed, *_) = await found(r, order_id, events.Routed)
    least = shown * Fraction(9_949, 10_000)
    assert Fraction(routed.route.bound, TEN) * 1_000 >= least


async def test_s6_a_stop_does_not_give_up_and_its_tolerance_stays(reverting: Rig) -> None:
    order_id = await reverting.send(stop(500))
    await reverting.push(120_000)
    assert not (await reverting.order(order_id)).is_closed
    assert (await kinds(reverting, order_id)).count("reverted") >= 5
    for routed in await found(reverting, order_id, events.Routed):
        exact = Fraction(routed.route.amount_out * (BPS_ONE - 50), BPS_ONE)
        assert exact <= routed.route.bound < exact + len(routed.route.legs)


async def test_s8_a_stop_that_cannot_keep_its_limit_rests_as_a_limit(r: Rig) -> None:
    now = await effective(r)
    terms = {"limit_price": level(now * Fraction(95, 100))}
    order_id = await r.send(stop(now * Fraction(97, 100), **terms))
    await r.push(3_000)
    MovingMarket.show(Fraction(90, 100))
    await r.push(10_000)
    rearmed = await found(r, order_id, events.Rearmed)
    assert rearmed[0].fault.code is Code.LIMIT_NOT_MET
    assert rearmed[0].phase == "limit"
    assert (await r.order(order_id)).status is Status.WAITING
    MovingMarket.show(Fraction(96, 100))
    assert (await r.until_closed(order_id)).status is Status.CONFIRMED


# ---------------------------------------------------------------- fill or kill, deadline, start


async def test_f1_what_is_to_be_filled_at_once_and_is_not_expires_unsigned(r: Rig) -> None:
    terms = at(await effective(r) * Fraction(101, 100), time_in_force="fok")
    order_id = await r.send(order("limit", terms))
    done = await r.until_closed(order_id)
    assert done.status is Status.EXPIRED
    assert done.fault is not None
    assert done.fault.code is Code.NOT_FILLED_AT_ONCE
    assert "signed" not in await kinds(r, order_id)


async def test_f3_a_revert_ends_what_was_to_be_filled_at_once(reverting: Rig) -> None:
    order_id = await reverting.send(order("market", Terms(time_in_force="fok")))
    done = await reverting.until_closed(order_id)
    assert done.status is Status.EXPIRED
    assert (await kinds(reverting, order_id))[-2:] == ["reverted", "expired"]


async def test_e1_past_its_deadline_an_order_expires_within_a_second(r: Rig) -> None:
    order_id = await r.send(order("limit", at(500, deadline=Timestamp(NOW + 30_000))))
    await r.push(29_000)
    assert (await r.order(order_id)).status is Status.WAITING
    await r.push(2_100)
    done = await r.order(order_id)
    assert done.status is Status.EXPIRED
    assert done.closed_at is not None
    assert NOW + 30_000 <= done.closed_at <= NOW + 31_100


async def test_nothing_is_traded_before_the_start(r: Rig) -> None:
    order_id = await r.send(order("market", Terms(start_at=Timestamp(NOW + 20_000))))
    await r.push(19_000)
    assert await kinds(r, order_id) == ["accepted", "armed"]
    done = await r.until_closed(order_id)
    assert done.status is Status.CONFIRMED
    (started,) = await r.times(order_id, "triggered")
    assert 20_000 <= started <= 21_500


# ------------------------------------------------------------------ cancel, halt, faults, restart


async def test_a_resting_order_is_cancelled_at_once(r: Rig) -> None:
    order_id = await r.send(order("limit", at(500)))
    await r.push(2_000)
    answer = await r.engine.cancel(order_id, LOCAL)
    assert answer is not None
    await r.push(1_000)
    assert (await kinds(r, order_id))[-2:] == ["cancel_requested", "cancelled"]


async def test_h1_a_price_that_crossed_under_a_halt_and_came_back_starts_nothing(r: Rig) -> None:
    order_id = await r.send(stop(await effective(r) * Fraction(97, 100)))
    await r.push(3_000)
    await r.engine.halt("test", "a look around")
    MovingMarket.show(Fraction(90, 100))
    await r.push(20_000)
    assert await kinds(r, order_id) == ["accepted", "armed"]
    MovingMarket.show(1)
    await r.push(2_000)
    await r.engine.resume("test", "all is well")
    await r.push(20_000)
    assert await kinds(r, order_id) == ["accepted", "armed"]


async def test_h1_a_price_that_stays_met_starts_the_stop_after_the_halt(r: Rig) -> None:
    order_id = await r.send(stop(await effective(r) * Fraction(97, 100)))
    await r.push(3_000)
    await r.engine.halt("test", "a look around")
    MovingMarket.show(Fraction(90, 100))
    await r.push(20_000)
    await r.engine.resume("test", "all is well")
    assert (await r.until_closed(order_id)).status is Status.CONFIRMED


async def test_without_a_route_a_limit_waits_and_does_not_fail(r: Rig) -> None:
    order_id = await r.send(order("limit", at(50)))
    MovingMarket.silent = {"raydium", "meteora"}
    await r.push(20_000)
    assert not (await r.order(order_id)).is_closed
    MovingMarket.silent = set()
    assert (await r.until_closed(order_id)).status is Status.CONFIRMED


async def test_x2_a_price_that_crossed_while_no_process_ran_starts_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, CALM, market=MovingMarket) as first:
        order_id = await first.send(stop(await effective(first) * Fraction(97, 100)))
        await first.push(3_000)
        assert await kinds(first, order_id) == ["accepted", "armed"]
    MovingMarket.show(Fraction(90, 100))
    MovingMarket.show(1)
    async with rig(tmp_path, CALM, market=MovingMarket) as second:
        await second.push(20_000)
        assert await kinds(second, order_id) == ["accepted", "armed"]
        MovingMarket.show(Fraction(90, 100))
        assert (await second.until_closed(order_id)).status is Status.CONFIRMED


async def test_x4_resting_orders_at_a_still_price_are_not_executed(r: Rig) -> None:
    ids = [await r.send(order("limit", at(300 + number))) for number in range(30)]
    await r.push(3_000)
    calls = 0
    claim = r.store.claim

    async def counted(order_id: OrderId):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        return await claim(order_id)

    r.store.claim = counted  # type: ignore[method-assign]
    await r.push(60_000)
    assert calls == 0
    assert {tuple(await kinds(r, order_id)) for order_id in ids} == {("accepted", "armed")}


async def test_x5_a_far_deadline_is_no_sign_of_a_clock_that_stepped_back(r: Rig) -> None:
    in_90_days = Timestamp(NOW + 90 * 24 * 3_600 * 1_000)
    order_id = await r.send(stop(10, deadline=in_90_days))
    await r.push(3_000)
    swept = await r.store.claim_due(Timestamp(NOW - 3_600_000), 100)
    assert order_id not in {one.id for one in swept}
    assert (await r.order(order_id)).wake_at == in_90_days


async def test_resting_orders_take_no_place_in_the_backlog(r: Rig) -> None:
    for number in range(5):
        await r.send(order("limit", at(300 + number)))
    await r.push(3_000)
    assert await r.store.backlog() == 0
    counts = await r.engine.count_orders(LOCAL)
    assert counts.by_status[Status.WAITING] == 5
    assert counts.delayed == 5
