"""Hold CLMM quotes to the compiled program: amounts, end state, event and error, to the unit."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from msgspec.structs import replace

from cambist.curves.tick_walk_state import InconsistentTicks, InsufficientLiquidity
from cambist.curves.ticks import SQRT_MAX, SQRT_MIN, sqrt_at_tick
from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.venues.program import SwapParams
from cambist.venues.raydium.clmm import ClmmPool
from cambist.venues.raydium.clmm.tick_array_bitmap import is_inline, start_of
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected
from tests.onchain.clmm_site import Find, Plan, Site, build
from tests.onchain.counts import Count, SwapCount
from tests.onchain.releases import CLMM as RELEASE

pytestmark = pytest.mark.timeout(600)

SWAPS = 1_000
BOUNDS: dict[SwapMode, int] = {"exact_in": 1, "exact_out": 2**64 - 1}


def around(tick: int, spacing: int, liquidity: int) -> tuple[tuple[int, int, int], ...]:
    """Positions that overlap, about a tick: near and far, with a gap between two of them."""
    at = tick // spacing * spacing
    spans = [(-1, 1, 9), (-2, 2, 5), (-7, 3, 11), (2, 11, 7), (-40, -12, 6), (-35, 70, 3)]
    spans += [(-130, 200, 4), (210, 260, 8), (-300, -140, 9), (-90, 90, 1), (-13, 0, 2)]
    return tuple(
        (at + low * spacing, at + high * spacing, liquidity * share) for low, high, share in spans
    )


def plan_at(tick: int, spacing: int, trade: int, **rest: tuple[TransferFee, TransferFee]) -> Plan:
    """A pool with its price a little above a tick."""
    price = sqrt_at_tick(tick) + 12_345
    return Plan(spacing, trade, price, around(tick, spacing, 10**10), **rest)


PLANS = {
    "spacing 1": plan_at(-18_003, 1, 100),
    "spacing 10": plan_at(4_321, 10, 500),
    "spacing 60": plan_at(-1_234, 60, 2_500),
    "spacing 120, no fee": plan_at(7_777, 120, 0),
    "fee of 10 percent": plan_at(0, 10, 100_000),
    "bits beyond, above": plan_at(30_700, 1, 400),
    "bits beyond, below": plan_at(-30_750, 1, 400),
    "bits beyond, far": plan_at(-93_333, 1, 400),
    "bits beyond, spacing 4": plan_at(122_900, 4, 400),
}
FEES = {
    "fee in": (TransferFee(150, 10**15), NO_FEE),
    "both": (TransferFee(37, 5_000), TransferFee(500, 10**15)),
    "one unit": (TransferFee(1, 1), TransferFee(9_999, 10**6)),
    "the whole": (NO_FEE, TransferFee(10_000, 777)),
}


def drawn(dice: random.Random, pool: ClmmPool, mint_in: Address, mode: SwapMode) -> int:
    """Return an amount: any, tiny, or one that ends on a tick or a unit beside."""
    kind = dice.random()
    if kind < 0.2:
        return dice.randint(1, 100)
    if kind < 0.8:
        return dice.randint(1, 10 ** dice.randint(3, 10))
    walk = pool.ways[mint_in].walk
    with suppress(InsufficientLiquidity, InconsistentTicks):
        walk.amount_out(10**10)
    sums = walk.given if mode == "exact_in" else walk.paid
    return max(sums[dice.randrange(len(sums[:8]))] + dice.choice([-1, 0, 1]), 1)


class Tally:
    """What a run has seen."""

    def __init__(self, count: SwapCount | None = None) -> None:
        self.count = count or SwapCount(RELEASE)
        self.up = self.down = self.beyond = self.partly = 0

    def add(self, pool: ClmmPool, end: ClmmPool) -> None:
        """Count the ticks that a swap left behind."""
        low, high = sorted((pool.tick_state.tick, end.tick_state.tick))
        crossed = sum(low < number <= high for number in pool.shelf.ticks.numbers)
        if end.tick_state.tick > pool.tick_state.tick:
            self.up += crossed
        else:
            self.down += crossed
        self.beyond += not is_inline(
            start_of(end.tick_state.tick, pool.shelf.spacing), pool.shelf.spacing
        )


def step(site: Site, pool: ClmmPool, dice: random.Random, tally: Tally) -> ClmmPool:
    """Do one trade of any kind on both sides, and return the pool afterwards."""
    mint_in = dice.choice([pool.mint_a, pool.mint_b])
    mode: SwapMode = dice.choice(["exact_in", "exact_out"])
    trade = site.trade(pool, mint_in, mode, drawn(dice, pool, mint_in, mode))
    return settled(site, pool, trade, tally)


def settled(site: Site, pool: ClmmPool, trade: SwapParams, tally: Tally) -> ClmmPool:
    """Hold a trade's quote to what the program does, which may be to refuse."""
    bare = pool.amount_out if trade.mode == "exact_in" else pool.amount_in
    try:
        swap = pool.swap(trade.mint_in, trade.mode, trade.amount)
    except PoolRejected as refused:
        assert bare(trade.mint_in, trade.amount) == 0
        outcome = site.swap(replace(trade, bound=BOUNDS[trade.mode]))
        tally.count.refused(refused.refusal, outcome.ok)
        return site.read() if outcome.ok else pool
    with tally.count.quoted():
        other = swap.amount_out if trade.mode == "exact_in" else swap.amount_in
        assert bare(trade.mint_in, trade.amount) == other
        assert pool.ahead(trade.mint_in)[: len(swap.touched)] == swap.touched
        end = site.agree(pool, trade, swap)
    tally.add(pool, end)
    return end


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_swaps_are_those_of_the_program(program: Find, plan: Plan, count: Count) -> None:
    site, dice, tally = build(program, plan), random.Random(7), Tally(count(RELEASE))
    pool = site.read()
    while tally.count.equal < SWAPS:
        pool = step(site, pool, dice, tally)
    assert min(tally.up, tally.down) > 20
    if plan.spacing < 10 and abs(plan.price.bit_length() - 64) > 1:
        assert tally.beyond > SWAPS // 10


@pytest.mark.parametrize("fees", FEES.values(), ids=FEES)
def test_swaps_of_mints_that_keep_a_fee_are_those_of_the_program(
    program: Find, fees: tuple[TransferFee, TransferFee], count: Count
) -> None:
    site, dice, tally = (
        build(program, plan_at(-777, 10, 2_500, fees=fees)),
        random.Random(8),
        Tally(count(RELEASE)),
    )
    pool = site.read()
    while tally.count.equal < SWAPS:
        pool = step(site, pool, dice, tally)
    assert min(tally.up, tally.down) > 20


@pytest.mark.parametrize("fees", [(NO_FEE, NO_FEE), FEES["both"]], ids=["spl", "both"])
def test_swaps_that_stop_at_a_price_are_those_of_the_program(
    program: Find, fees: tuple[TransferFee, TransferFee], count: Count
) -> None:
    site, dice, tally = (
        build(program, plan_at(-18_003, 1, 100, fees=fees)),
        random.Random(9),
        Tally(count(RELEASE)),
    )
    pool = site.read()
    while tally.count.equal < SWAPS:
        mint_in = dice.choice([pool.mint_a, pool.mint_b])
        mode: SwapMode = dice.choice(["exact_in", "exact_out"])
        trade = site.trade(pool, mint_in, mode, drawn(dice, pool, mint_in, mode))
        limit = _limit(dice, pool, down=mint_in == pool.mint_a)
        try:
            swap = pool.swap_until(mint_in, mode, trade.amount, limit)
        except PoolRejected as refused:
            outcome, _, arrived = site.moved(replace(trade, bound=BOUNDS[mode]), limit)
            # The program also lets a mint's fee eat all that a part of a swap would bring.
            eaten = refused.refusal is RejectReason.PAYS_NOTHING and not arrived
            tally.count.refused(refused.refusal, outcome.ok, allowed=eaten)
            pool = site.read()
            continue
        tally.partly += (swap.amount_in if mode == "exact_in" else swap.amount_out) < trade.amount
        with tally.count.quoted():
            end = site.agree(pool, trade, swap, limit)
        tally.add(pool, end)
        pool = end
    assert tally.partly > SWAPS // 10


def _limit(dice: random.Random, pool: ClmmPool, *, down: bool) -> int:
    """Return a price limit: near, on a tick, at the end of all prices, or on the wrong side."""
    price, tick = pool.tick_state.price, pool.tick_state.tick
    away = -1 if down else 1
    return dice.choice([
        price + away * (price >> dice.randint(6, 40)),
        sqrt_at_tick(tick + away * dice.randint(1, 60)),
        SQRT_MIN + 1 if down else SQRT_MAX - 1,
        price - away if dice.random() < 0.1 else price + away,
    ])  # fmt: skip


def test_a_price_limit_on_the_wrong_side_is_refused_by_both(program: Find) -> None:
    site = build(program, PLANS["spacing 10"])
    pool = site.read()
    trade = site.trade(pool, pool.mint_a, "exact_in", 1_000)
    for limit in (pool.tick_state.price, pool.tick_state.price + 1, SQRT_MIN):
        with pytest.raises(PoolRejected) as refused:
            pool.swap_until(pool.mint_a, "exact_in", 1_000, limit)
        assert refused.value.refusal is RejectReason.PRICE_LIMIT
        assert not site.swap(trade, limit).ok
