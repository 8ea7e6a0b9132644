"""Compare DAMM v1 with Meteora's SDK over random pools and vaults, and explain the differences."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, Final

import pytest

from cambist.venues.meteora.damm_v1 import DammV1Pool
from cambist.venues.meteora.damm_v1.accounts import DammV1PoolAccount, Vault, VaultAccount
from cambist.venues.meteora.damm_v1.pool import pool_at
from cambist.venues.pool import SwapResult
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected
from tests.oracles.node import ask
from tests.venues.test_damm_v1 import KEYS, NOW, A, B

pytestmark = [pytest.mark.proofs, pytest.mark.timeout(600)]

QUESTIONS: Final = 5_000
FEES: Final = ((250, 100_000, 0, 100_000), (1_000, 100_000, 20_000, 100_000), (0, 1, 0, 1))


def drawn_vault(dice: random.Random, at: int) -> Vault:
    total = dice.randint(10**6, 10 ** dice.randint(7, 16))
    supply = total * dice.randint(50, 100) // 100
    locked, degradation = dice.randint(0, total // 50), dice.choice((0, 46_296_296, 10**9))
    reported_s = NOW.unix_s - dice.randint(0, 5_000)
    mint = A if at == 1 else B
    state = VaultAccount(1, total, KEYS[at], mint, KEYS[at + 1], locked, reported_s, degradation)
    return Vault(KEYS[at + 2], state, total // dice.choice((1, 1, 3)), supply, supply // 2)


def drawn(dice: random.Random) -> DammV1Pool:
    a, b = drawn_vault(dice, 1), drawn_vault(dice, 4)
    fees = dice.choice(FEES)
    state = DammV1PoolAccount(
        A, B, a.address, b.address, KEYS[7], KEYS[8], 254, 1, KEYS[9], KEYS[10], *fees, 0, 1, 0
    )
    return pool_at(KEYS[0], state, (a, b), NOW)


def told(vault: Vault) -> dict[str, str]:
    state = vault.state
    numbers = {
        "total": state.total, "locked": state.locked, "reported": state.reported_s,
        "degradation": state.degradation, "shares": vault.shares, "supply": vault.supply,
        "atHand": vault.at_hand,
    }  # fmt: skip
    return {name: str(number) for name, number in numbers.items()}


def asked(pool: DammV1Pool, question: dict[str, Any]) -> SwapResult | RejectReason:
    try:
        return pool.swap(A if question["aToB"] else B, "exact_in", int(question["amount"]))
    except PoolRejected as refused:
        return refused.refusal


def test_quotes_are_those_of_the_sdk() -> None:
    dice, questions, pools = random.Random(22), [], []
    for _ in range(QUESTIONS):
        pool, a_to_b = drawn(dice), dice.random() < 0.5
        state = pool.state
        fees = (
            state.trade_numerator, state.trade_denominator,
            state.protocol_numerator, state.protocol_denominator,
        )  # fmt: skip
        there = (pool.giving_a if a_to_b else pool.giving_b).reserve_in
        questions.append({
            "a": told(pool.vault_a), "b": told(pool.vault_b), "fees": [str(fee) for fee in fees],
            "aToB": a_to_b, "now": str(NOW.unix_s),
            "amount": str(dice.randint(1, max(there >> dice.randint(0, 30), 1))),
        })  # fmt: skip
        pools.append(pool)
    counts: Counter[str] = Counter()
    for pool, question, answer in zip(pools, questions, ask("damm_v1.mjs", questions), strict=True):
        counts[_compared(pool, question, asked(pool, question), answer)] += 1
    print(dict(counts))
    assert counts["equal"] > QUESTIONS // 2


def _compared(
    pool: DammV1Pool,
    question: dict[str, Any],
    swap: SwapResult | RejectReason,
    answer: dict[str, str],
) -> str:
    """Return what came of it; the two may only differ by a fee of less than one unit."""
    if isinstance(swap, RejectReason):
        if "error" in answer:
            return "both refuse"
        assert swap is RejectReason.PAYS_NOTHING
        assert answer["out"] == "0" or _is_dust(pool, int(question["amount"]))
        return "nothing for nothing"
    if "error" in answer:
        # The program pays all that a vault has at hand; the SDK wants a unit to be left.
        assert answer["error"] == "Out amount > vault reserve"
        return "the last unit"
    if answer["out"] == str(swap.amount_out):
        return "equal"
    assert _is_dust(pool, swap.amount_in)
    return "a fee of a unit"


def _is_dust(pool: DammV1Pool, amount: int) -> bool:
    """Whether a fee is less than a unit: the program takes one then, and the SDK takes none."""
    state = pool.state
    fee = amount * state.trade_numerator // state.trade_denominator
    protocol = max(fee, 1) * state.protocol_numerator // state.protocol_denominator
    return (state.trade_numerator > 0 and not fee) or (
        state.protocol_numerator > 0 and not protocol
    )
