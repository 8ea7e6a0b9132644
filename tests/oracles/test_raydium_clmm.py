"""Compare CLMM with Raydium's SDK over random pools, those of the newer release among them."""

from __future__ import annotations

import random
import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from cambist.curves.tick_walk_state import (
    ClmmVolatility,
    FeeRates,
    Release2026Features,
    TickOrders,
    TickState,
)
from cambist.curves.ticks import sqrt_at_tick
from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.venues.pool import SwapResult
from cambist.venues.raydium.clmm import CLMM, ClmmPool
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected
from tests.oracles.node import ask
from tests.venues.clmm_pools import NOW, pool_of
from tests.venues.laws import tried

pytestmark = [pytest.mark.proofs, pytest.mark.timeout(900)]

POOLS, SWAPS_EACH = 600, 16


def drawn(dice: random.Random) -> ClmmPool:
    """Return a pool with a few positions, all its arrays at hand."""
    spacing = dice.choice([1, 10, 60])
    middle = dice.choice([-29_900, -18_000, 0, 30_700]) // spacing * spacing
    nets: dict[int, int] = {}
    for _ in range(dice.randint(1, 6)):
        low, liquidity = dice.randint(-90, 60), dice.randint(1, 10 ** dice.randint(6, 15))
        for end, net in ((low, liquidity), (low + dice.randint(1, 150), -liquidity)):
            number = middle + end * spacing
            nets[number] = nets.get(number, 0) + net
    tick = middle + dice.randint(-80 * spacing, 80 * spacing)
    price = dice.randint(sqrt_at_tick(tick), sqrt_at_tick(tick + 1) - 1)
    tick_state = TickState(price, tick, sum(net for n, net in nets.items() if n <= tick))
    rates = FeeRates(dice.choice([0, 100, 2_500, 10_000]), 120_000, 40_000)
    return pool_of(spacing, nets, tick_state, rates)


def renewed(pool: ClmmPool, dice: random.Random) -> ClmmPool:
    """Return the pool with a fee side, a moving fee, and limit orders on its ticks."""
    index = pool.tick_state.tick // pool.shelf.spacing
    moving = None
    if dice.random() < 0.6:
        moving = ClmmVolatility(
            30, 600, 5_000, dice.randint(1, 99_999), dice.choice([10_000, 350_000]),
            index + dice.randint(-20, 20), dice.randint(0, 300_000), dice.randint(0, 350_000),
            NOW.unix_s - dice.choice([1, 60, 1_000]),
        )  # fmt: skip
    orders = tuple(
        (number, TickOrders(dice.randint(0, 10**8), dice.choice([0, dice.randint(0, 10**6)])))
        for number in pool.shelf.ticks.numbers
        if dice.random() < 0.5
    )
    orders = tuple(order for order in orders if order[1].untouched + order[1].started)
    renewal = Release2026Features(dice.randint(0, 2), moving, orders)
    empty = renewal == Release2026Features()
    return replace(pool, renewal=None if empty else renewal)


def packed(data: bytes) -> str:
    """Return bytes for the way to node: arrays are mostly zeros."""
    return b64encode(zlib.compress(data)).decode()


def questions(pool: ClmmPool, dice: random.Random) -> Iterator[dict[str, Any]]:
    """Yield questions about a pool, with its accounts as the SDK wants them."""
    accounts = {one.address: one.data for one in CLMM.encode(pool)}
    for _ in range(SWAPS_EACH):
        down = dice.random() < 0.5
        ahead = pool.ahead(pool.mint_a if down else pool.mint_b)
        yield {
            "pool": packed(accounts[pool.address]),
            "config": packed(accounts[pool.config]),
            "arrays": [packed(accounts[address]) for address in ahead],
            "mode": dice.choice(["exact_in", "exact_out"]),
            "amount": str(dice.randint(1, 10 ** dice.randint(2, 13))),
            "limit": "0",
            "down": down,
            "now": NOW.unix_s,
        }


def told(swap: SwapResult, mode: SwapMode) -> dict[str, Any]:
    """Return a swap in the words of the SDK."""
    end = swap.end
    assert isinstance(end, ClmmPool)
    other = swap.amount_out if mode == "exact_in" else swap.amount_in
    return {
        "all": True,
        "other": str(other),
        "fee": str(swap.fees.trade),
        "price": str(end.tick_state.price),
        "liquidity": str(end.tick_state.liquidity),
        "tick": end.tick_state.tick,
    }


def compared(pools: list[ClmmPool], dice: random.Random) -> Counter[str]:
    """Return how often both sides said what; a difference is named by what differs."""
    asked = [(pool, question) for pool in pools for question in questions(pool, dice)]
    answers = ask("raydium_clmm.mjs", [one for _, one in asked])
    seen: Counter[str] = Counter()
    for (pool, question), answer in zip(asked, answers, strict=True):
        mint: Address = pool.mint_a if question["down"] else pool.mint_b
        swap = tried(pool, mint, question["mode"], int(question["amount"]))
        if swap is None and is_too_far(pool, mint, question):
            seen["further than a transaction pays for"] += 1  # which the SDK does not count
        elif swap is None:
            # The SDK computes on where the program would stop: dust, or a pool drained.
            assert "error" in answer or not answer["all"] or answer["other"] == "0"
            seen["refused by both"] += 1
        elif "error" in answer:
            # An order's fee takes all that is left: the program ends there, the SDK never does.
            assert "timed out" in answer["error"], answer
            assert pool.renewal is not None
            assert pool.renewal.orders
            seen["the SDK does not end"] += 1
        else:
            seen[_difference(told(swap, question["mode"]), answer, pool)] += 1
    return seen


def is_too_far(pool: ClmmPool, mint: Address, question: dict[str, Any]) -> bool:
    """Whether a swap is refused for the steps it would take."""
    try:
        pool.swap(mint, question["mode"], int(question["amount"]))
    except PoolRejected as refused:
        return refused.refusal is RejectReason.TOO_FAR
    return False


def _difference(mine: dict[str, Any], answer: dict[str, Any], pool: ClmmPool) -> str:
    """Return what differs, which is a fee at most: the SDK loses those where no liquidity is."""
    if mine == answer:
        return "equal"
    assert mine | {"fee": answer["fee"]} == answer, (mine, answer, pool)
    assert pool.renewal is not None
    assert pool.renewal.orders
    assert int(answer["fee"]) < int(mine["fee"])
    return "fee"


def test_classic_pools_are_swapped_as_the_sdk_does(
    record_property: Callable[[str, object], None],
) -> None:
    dice = random.Random(21)
    seen = compared([drawn(dice) for _ in range(POOLS)], dice)
    record_property("seen", dict(seen))
    assert set(seen) - {"further than a transaction pays for"} == {"equal", "refused by both"}
    assert seen["equal"] > POOLS * SWAPS_EACH // 2


def test_pools_of_the_newer_release_are_swapped_as_the_sdk_does(
    record_property: Callable[[str, object], None],
) -> None:
    dice = random.Random(22)
    seen = compared([renewed(drawn(dice), dice) for _ in range(POOLS)], dice)
    record_property("seen", dict(seen))
    far = {"further than a transaction pays for"}
    assert set(seen) <= far | {"equal", "refused by both", "fee", "the SDK does not end"}
    assert seen["equal"] > POOLS * SWAPS_EACH // 3
