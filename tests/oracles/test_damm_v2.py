"""Compare DAMM v2 with Meteora's SDK over random pools of every mode, and explain differences."""

from __future__ import annotations

import random
from base64 import b64encode
from collections import Counter
from math import isqrt
from typing import Any, Final

import pytest

from cambist.curves import single_range
from cambist.curves.damm_v2_dynamic_fee import STEP
from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.venues.meteora.damm_v2 import DAMM_V2, DammV2Pool
from cambist.venues.meteora.damm_v2.accounts import (
    COMPOUNDING,
    LIMITER,
    ONLY_B,
    PRICE_EXPONENTIAL,
    TIME_EXPONENTIAL,
    DammV2PoolAccount,
)
from cambist.venues.meteora.damm_v2.pool import pool_at
from cambist.venues.pool import SwapResult
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected, Snapshot
from cambist.venues.tokens import Mint, write_mint
from tests.oracles.node import ask
from tests.venues.damm_v2_pools import KEYS, NOW, PRICE_MAX, PRICE_MIN, A, B

pytestmark = [pytest.mark.proofs, pytest.mark.timeout(600)]

QUESTIONS: Final = 6_000
MODES: Final = ("exact_in", "exact_in", "partial", "exact_out")
TAXES: Final = (NO_FEE, NO_FEE, NO_FEE, TransferFee(50, 2**63), TransferFee(300, 1_000))


def drawn_base(dice: random.Random, mode: int) -> tuple[int, int, int, int]:
    cliff = dice.randint(100_000, 900_000_000)
    if mode == LIMITER:
        most = dice.randint(-(-cliff // 100_000), 9_900)
        return cliff, dice.randint(1, 2_000), 43_200 | most << 32, dice.randint(1, 10**9)
    count = dice.randint(1, 1_000)
    exponential = mode in {TIME_EXPONENTIAL, PRICE_EXPONENTIAL}
    change = dice.randint(1, 100) if exponential else dice.randint(1, cliff // count)
    if mode < LIMITER:
        return cliff, count, dice.choice((1, 60, 3_600)), change
    return cliff, count, dice.randint(1, 500) | dice.randint(1, 10**6) << 32, change


def drawn(dice: random.Random) -> DammV2Pool:
    mode = dice.randrange(5)
    collect = ONLY_B if mode == LIMITER else dice.randrange(3)
    low, price, high = PRICE_MIN, dice.randint(2**62, 2**66), PRICE_MAX
    if dice.random() < 0.3:
        low, high = price * 9 // 10, price * 11 // 10
    liquidity = dice.randint(2**70, 2**110)
    reserve_a, reserve_b = dice.randint(10**6, 10**13), dice.randint(10**6, 10**13)
    if collect == COMPOUNDING:
        price = isqrt((reserve_b << 128) // reserve_a)
        low, high = 0, 2**128 - 1
    else:
        reserve_a = single_range.amount_a_ceil(liquidity, price, high)
        reserve_b = single_range.amount_b_ceil(liquidity, low, price)
    volatile = dice.randrange(2)
    cliff, count, pace, change = drawn_base(dice, mode)
    taxes = (dice.choice(TAXES), dice.choice(TAXES))
    mints = tuple(
        Mint(mint_, TOKEN_2022_PROGRAM if tax.bps else TOKEN_PROGRAM, 6, tax)
        for mint_, tax in zip((A, B), taxes, strict=True)
    )
    state = DammV2PoolAccount(
        cliff, mode, count, pace, change, 20,
        2_500 if collect == COMPOUNDING else 0, volatile, 14_460_000, dice.randint(0, 2**16), 1,
        10, 120, 5_000, NOW.unix_s - 50, STEP, price if volatile else 0,
        dice.randint(0, 10**7), 0, price * dice.randint(80, 120) // 100, A, B, KEYS[1], KEYS[2],
        liquidity, 0, 0, low, high, price, NOW.unix_s - dice.randint(0, 20_000), 1, 0,
        int(bool(taxes[0].bps)), int(bool(taxes[1].bps)), collect, dice.randrange(2), reserve_a,
        reserve_b, 1,
    )  # fmt: skip
    return pool_at(KEYS[0], state, (mints[0], mints[1]), NOW)


def told(pool: DammV2Pool) -> dict[str, Any]:
    account, *_ = DAMM_V2.encode(pool)
    one: dict[str, Any] = {"pool": b64encode(account.data).decode(), "point": str(NOW.unix_s)}
    for name, mint in (("a", pool.a), ("b", pool.b)):
        data = b64encode(write_mint(mint).data).decode()
        one[name] = {"fee": bool(mint.fee.bps), "address": mint.address, "data": data}
    return one


def asked(pool: DammV2Pool, question: dict[str, Any]) -> SwapResult | RejectReason:
    mint, amount = (A if question["aToB"] else B), int(question["amount"])
    try:
        if question["mode"] == "partial":
            return pool.fill(mint, amount)
        return pool.swap(mint, question["mode"], amount)
    except PoolRejected as refused:
        return refused.refusal


def test_quotes_are_those_of_the_sdk() -> None:
    dice, questions, pools = random.Random(21), [], []
    while len(questions) < QUESTIONS:
        try:
            pool = drawn(dice)
            seen = Snapshot({account.address: account for account in DAMM_V2.encode(pool)}, NOW)
            DAMM_V2.decode(pool.address, seen)
        except (PoolRejected, ValueError):
            continue
        a_to_b, mode = dice.random() < 0.5, dice.choice(MODES)
        side = pool.giving_a if a_to_b else pool.giving_b
        there = side.held if mode == "exact_out" else side.there
        amount = dice.randint(1, max(there >> dice.randint(0, 40), 1))
        amount = min(amount, 2**62)
        questions.append(told(pool) | {"aToB": a_to_b, "mode": mode, "amount": str(amount)})
        pools.append(pool)
    counts: Counter[str] = Counter()
    for pool, question, answer in zip(pools, questions, ask("damm_v2.mjs", questions), strict=True):
        counts[_compared(asked(pool, question), question, answer)] += 1
    print(dict(counts))
    assert counts["equal"] > QUESTIONS * 9 // 10


def _compared(
    swap: SwapResult | RejectReason, question: dict[str, Any], answer: dict[str, str]
) -> str:
    """Return what came of it; the two may only differ over dust that the transfer fee eats."""
    if isinstance(swap, RejectReason):
        if "error" in answer:
            return "both refuse"
        # The program refuses what arrives as nothing; the SDK answers that it pays nothing.
        assert swap in {RejectReason.AMOUNT_ZERO, RejectReason.PAYS_NOTHING}, (swap, question)
        assert answer["user"] == "0"
        return "nothing for nothing"
    assert "error" not in answer, (answer, question)
    user = swap.amount_in if question["mode"] == "exact_out" else swap.amount_out
    assert answer["user"] == str(user), question
    return "equal"
