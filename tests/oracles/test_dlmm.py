"""Compare DLMM with Meteora's SDK over random pairs and swaps, and explain every difference."""

from __future__ import annotations

import random
from base64 import b64encode
from collections import Counter
from typing import Any

import pytest

from cambist.curves.bins import price_at
from cambist.values.route import SwapMode
from cambist.venues.meteora.dlmm import DLMM, DlmmPool
from cambist.venues.meteora.dlmm.accounts import Bin
from cambist.venues.pool import SwapResult
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected
from tests.oracles.node import ask
from tests.venues.dlmm_pools import NOW, X, Y, plain_pool

pytestmark = [pytest.mark.proofs, pytest.mark.timeout(600)]

PAIRS, SWAPS = 400, 25


def drawn(dice: random.Random) -> DlmmPool:
    """Draw a pair of up to 120 bins, of large amounts or of a few units, with orders or without."""
    active = dice.choice([-701, -70, -1, 0, 69, 700])
    step = dice.choice([1, 10, 25, 100])
    size, ordered = dice.choice([2, 6, 12]), dice.random() < 0.5

    def some() -> int:
        return dice.randint(0, 10 ** dice.randint(1, size))

    bins = []
    for away in range(-60, 61):
        if dice.random() < 0.2:
            continue
        asks = away > 0 or (not away and dice.random() < 0.5)
        x, y = some() if away >= 0 else 0, some() if away <= 0 else 0
        begun, open_ = (some(), some()) if ordered and dice.random() < 0.4 else (0, 0)
        held = bool(begun or open_)
        price = price_at(active + away, step)
        if x or y or held:
            bins.append(Bin(active + away, price, x, y, begun, open_, asks and held))
    volatility = dice.randint(0, 350_000)
    return plain_pool(
        *bins,
        active_id=active,
        bin_step=step,
        collect_fee_mode=dice.choice([0, 1]),
        function=dice.choice([0, 1, 2]) if not ordered else dice.choice([0, 2]),
        base_factor=dice.choice([0, 5_000, 20_000]),
        variable_fee_control=dice.choice([0, 40_000, 1_000_000]),
        volatility=volatility,
        volatility_reference=volatility // 2,
        index_reference=active + dice.randint(-9, 9),
        updated_s=NOW.unix_s - dice.choice([0, 29, 30, 300, 599, 600, 5_000]),
    )


def asked(pool: DlmmPool, swaps: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the question of these swaps, with the pair's own accounts."""
    held = {one.address: b64encode(one.data).decode() for one in DLMM.encode(pool)}
    known = (pool.address, X, Y)
    return {
        "pair": held[pool.address],
        "arrays": [data for address, data in held.items() if address not in known],
        "epoch": str(NOW.epoch),
        "now": NOW.unix_s,
        "swaps": swaps,
    }


def test_dlmm_quotes_are_those_of_the_sdk_but_where_the_program_rounds_otherwise() -> None:
    dice = random.Random(13)
    pools, questions = [], []
    for _ in range(PAIRS):
        pool = drawn(dice)
        whole = sum(bin_.x + bin_.y for _, bins in pool.arrays for bin_ in bins) or 1
        swaps = [
            {
                "mode": dice.choice(["exact_in", "exact_out"]),
                "amount": str(dice.randint(1, dice.randint(1, whole))),
                "down": dice.random() < 0.5,
            }
            for _ in range(SWAPS)
        ]
        pools.append(pool)
        questions.append(asked(pool, swaps))
    seen: Counter[str] = Counter()
    for pool, question, answers in zip(pools, questions, ask("dlmm.mjs", questions), strict=True):
        for swap, answer in zip(question["swaps"], answers, strict=True):
            seen[compared(pool, swap, answer)] += 1
    print(f"\ndlmm against the SDK: {dict(seen)}")
    assert seen["equal"] > PAIRS * SWAPS // 2


def compared(pool: DlmmPool, asked_: dict[str, Any], answer: dict[str, str]) -> str:
    """Return what became of one comparison, in a word, or in the words of the difference."""
    mode: SwapMode = asked_["mode"]
    amount = int(asked_["amount"])
    try:
        swap = pool.swap(X if asked_["down"] else Y, mode, amount)
    except PoolRejected as error:
        refused = error.refusal
    else:
        return priced(swap, mode, amount, answer)
    if refused is RejectReason.NOT_ENOUGH_LIQUIDITY:
        assert "nsufficient liquidity" in answer["error"], answer
        return "refused by both"
    if refused is RejectReason.PAYS_NOTHING:
        assert answer["out"] == "0", answer
        return "nothing to both"
    # The SDK adds up costs that each layer rounds, the program does not, and then fails.
    assert refused is RejectReason.ROUNDS_SHORT, refused
    return "the program's own rounding falls short"


def priced(swap: SwapResult, mode: SwapMode, amount: int, answer: dict[str, str]) -> str:
    """Return what became of two prices."""
    if mode == "exact_in":
        assert (answer["in"], answer["out"]) == (str(amount), str(swap.amount_out)), answer
        # What is left for the last bin may be all fee: the SDK then forgets it.
        assert 0 <= swap.fees.trade - int(answer["fee"]) <= 1
        return "equal"
    if answer.get("in") == str(swap.amount_in):
        return "equal"
    # A bin whose fee on the output is all it pays is emptied for nothing; the SDK leaves out
    # what that took.
    assert swap.fees.on_output, (amount, answer, swap.amount_in)
    assert int(answer["in"]) < swap.amount_in
    return "bins emptied for nothing"
