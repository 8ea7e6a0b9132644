"""Change the terms of orders that wait for a price, in every state and against every race."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace

from cambist.engine.intake import AmendResult
from cambist.faults import Code, RequestRejected
from cambist.orders import events
from cambist.orders.order import Order, Status
from cambist.orders.terms import Terms
from cambist.values.amount import Bps
from cambist.values.ids import LOCAL, OrderId
from cambist.values.time_units import Timestamp, add_ms
from tests.engine.engine_harness import CALM, STEP_MS, Rig, rig
from tests.engine.moving_market import MovingMarket, at, level
from tests.engine.test_resting_orders import effective, found, kinds, order, stop


@pytest.fixture(autouse=True)
def at_the_real_price() -> Iterator[None]:
    MovingMarket.show(1)
    MovingMarket.silent = set()
    yield
    MovingMarket.show(1)


@pytest.fixture
async def r(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path, CALM, market=MovingMarket) as running:
        yield running


async def amend(
    r: Rig, order_id: OrderId, if_seq: int | None = None, **changes: object
) -> AmendResult:
    def change(current: Order) -> Terms:
        return replace(current.terms, **changes)

    return await r.engine.amend(order_id, LOCAL, change, if_seq)


async def until(r: Rig, order_id: OrderId, is_so: Callable[[Order], bool]) -> Order:
    for _ in range(2_000):
        current = await r.order(order_id)
        if is_so(current):
            return current
        await r.clock.push(STEP_MS // 10)
    raise TimeoutError(order_id)


async def test_a_moved_level_is_watched_and_the_old_one_is_not(r: Rig) -> None:
    price = await effective(r)
    order_id = await r.send(order("limit", at(price * Fraction(110, 100))))
    await r.push(2_000)
    await amend(r, order_id, limit_price=level(price * Fraction(130, 100)))
    await r.push(2_000)
    MovingMarket.show(Fraction(120, 100))
    await r.push(5_000)
    assert await kinds(r, order_id) == ["accepted", "armed", "amended"]
    MovingMarket.show(Fraction(131, 100))
    await r.push(3_000)
    triggered, *_ = await found(r, order_id, events.Triggered)
    assert triggered.level == level(price * Fraction(130, 100))


async def test_a_nearer_level_triggers_and_a_lost_wakeup_costs_a_reread(r: Rig) -> None:
    price = await effective(r)
    order_id = await r.send(stop(price * Fraction(50, 100)))
    await r.push(2_000)
    current = await r.order(order_id)
    terms = replace(current.terms, trigger_price=level(price * Fraction(90, 100)))
    # As another process does it, whose wake-up is lost.
    await r.store.amend(order_id, terms, current.last_seq, r.clock.now())
    MovingMarket.show(Fraction(85, 100))
    await r.push(20_000)
    (triggered,) = await found(r, order_id, events.Triggered)
    assert (triggered.level, triggered.observation.observations) == (terms.trigger_price, 2)


async def test_r1_a_change_while_the_price_is_confirmed_counts(r: Rig) -> None:
    """Move the level away in every step of a confirmation: the old one is never traded."""
    price = await effective(r)
    outcomes = set()
    for steps in range(0, 120, 6):
        MovingMarket.show(1)
        order_id = await r.send(stop(price * Fraction(90, 100)))
        await r.push(2_000)
        MovingMarket.show(Fraction(85, 100))
        for _ in range(steps):
            await r.clock.push(STEP_MS // 5)
        try:
            result = await amend(r, order_id, trigger_price=level(price * Fraction(50, 100)))
            outcomes.add("amended")
            assert result.applies_from == "now"
            await r.push(5_000)
            assert "triggered" not in await kinds(r, order_id)
            assert (await r.order(order_id)).status is Status.WAITING
            await r.engine.cancel(order_id, LOCAL)
        except RequestRejected as rejected:
            (why,) = rejected.faults
            outcomes.add(str(why.code))
            assert "amended" not in await kinds(r, order_id)
            ended = await r.until_closed(order_id)
            assert ended.status is Status.CONFIRMED
            assert ended.terms.trigger_price == level(price * Fraction(90, 100))
    assert "amended" in outcomes
    assert outcomes & {Code.ALREADY_TRIGGERED, Code.ATTEMPT_IN_FLIGHT, Code.TOO_LATE}


async def test_r104_in_flight_the_tolerance_is_recorded_and_the_level_is_past(r: Rig) -> None:
    price = await effective(r)
    order_id = await r.send(stop(price * 2))
    await until(r, order_id, lambda current: current.status is Status.SUBMITTED)
    result = await amend(r, order_id, slippage_bps=Bps(77))
    assert (result.applies_from, result.is_new) == ("next_attempt", True)
    with pytest.raises(RequestRejected) as past:
        await amend(r, order_id, trigger_price=level(1))
    assert [why.code for why in past.value.faults] == [Code.ATTEMPT_IN_FLIGHT]
    ended = await r.until_closed(order_id)
    assert (ended.status, ended.terms.slippage_bps) == (Status.CONFIRMED, 77)
    assert (await kinds(r, order_id)).count("signed") == 1


async def test_r104_the_attempt_after_a_revert_has_the_new_tolerance(tmp_path: Path) -> None:
    profile = replace(CALM, reverted_ppm=1_000_000)
    async with rig(tmp_path, profile, market=MovingMarket) as r:
        price = await effective(r)
        order_id = await r.send(stop(price * 2))
        await until(r, order_id, lambda current: current.status is Status.SUBMITTED)
        await amend(r, order_id, slippage_bps=Bps(200))
        await r.push(60_000)
        first, second, *_ = (one.route for one in await found(r, order_id, events.Routed))
        assert Fraction(first.bound, first.amount_out) > Fraction(994, 1000)
        assert Fraction(981, 1000) > Fraction(second.bound, second.amount_out)


async def test_r77_a_triggered_order_keeps_its_level_and_takes_other_terms(tmp_path: Path) -> None:
    profile = replace(CALM, reverted_ppm=1_000_000)
    async with rig(tmp_path, profile, market=MovingMarket) as r:
        order_id = await r.send(stop(await effective(r) * 2))
        await until(r, order_id, lambda one: one.status is Status.ROUTING and one.try_number > 2)
        with pytest.raises(RequestRejected) as past:
            await amend(r, order_id, trigger_price=level(1))
        assert [why.code for why in past.value.faults] == [Code.ALREADY_TRIGGERED]
        deadline = add_ms(r.clock.now(), 1_000)
        result = await amend(r, order_id, deadline=deadline)
        assert result.applies_from == "now"
        ended = await r.until_closed(order_id)
        assert ended.status is Status.EXPIRED


async def test_r115_past_the_old_deadline_nothing_is_changed(r: Rig) -> None:
    deadline = add_ms(r.clock.now(), 60_000)
    order_id = await r.send(stop(1, deadline=deadline))
    await r.push(2_000)
    later = Timestamp(deadline + 60_000)
    await amend(r, order_id, deadline=later)
    await r.push(90_000)
    assert (await r.order(order_id)).status is Status.WAITING
    await amend(r, order_id, deadline=add_ms(r.clock.now(), 1_500))
    await r.push(3_000)
    assert (await r.order(order_id)).status is Status.EXPIRED
    with pytest.raises(RequestRejected) as late:
        await amend(r, order_id, deadline=None)
    assert [why.code for why in late.value.faults] == [Code.TOO_LATE]


async def test_a_new_limit_ends_the_pause_after_a_missed_one(tmp_path: Path) -> None:
    profile = replace(CALM, reverted_ppm=1_000_000)
    async with rig(tmp_path, profile, market=MovingMarket) as r:
        price = await effective(r)
        terms = Terms(trigger_price=level(price * 2), limit_price=level(price * 3), confirm_slots=1)
        order_id = await r.send(order("stop", terms))
        await r.push(3_000)
        resting = await r.order(order_id)
        assert resting.trigger is not None
        assert (resting.status, resting.trigger.phase) == (Status.WAITING, "limit")
        result = await amend(r, order_id, limit_price=level(price * 4))
        assert result.order.trigger is not None
        assert (result.order.trigger.phase, result.order.trigger.not_before) == ("limit", None)
        result = await amend(r, order_id, trigger_price=level(1))
        assert result.order.trigger is not None
        assert result.order.trigger.phase == "trigger"
        await r.push(3_000)
        assert (await r.order(order_id)).status is Status.WAITING


async def test_a_restart_watches_the_new_level(tmp_path: Path) -> None:
    async with rig(tmp_path, CALM, market=MovingMarket) as r:
        price = await effective(r)
        order_id = await r.send(stop(price * Fraction(50, 100)))
        await r.push(2_000)
        await amend(r, order_id, trigger_price=level(price * Fraction(90, 100)))
    MovingMarket.show(Fraction(85, 100))
    async with rig(tmp_path, CALM, market=MovingMarket) as r:
        ended = await r.until_closed(order_id)
        assert ended.status is Status.CONFIRMED
