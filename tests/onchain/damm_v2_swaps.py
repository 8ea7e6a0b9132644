"""Swaps at random in a pool of Meteora's DAMM v2, and holds each swap to its quote."""

from __future__ import annotations

import random
import struct
from typing import Final, NamedTuple

from msgspec.structs import replace

from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.venues.meteora.damm_v2 import DAMM_V2, DammV2Pool, instructions
from cambist.venues.meteora.damm_v2.accounts import DammV2PoolAccount
from cambist.venues.pool import SwapResult
from cambist.venues.program import Instruction, SwapParams
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected
from tests.onchain.counts import SwapCount
from tests.onchain.damm_v2_pools import Made
from tests.onchain.machine import Machine, Outcome
from tests.onchain.releases import DAMM_V2 as RELEASE

NAMES: Final = {
    RejectReason.AMOUNT_ZERO: {"AmountIsZero"},
    RejectReason.PRICE_LIMIT: {"PriceRangeViolation", "MathOverflow", "AmountIsZero"},
    RejectReason.NOT_ENOUGH_LIQUIDITY: {"MathOverflow", "PriceRangeViolation"},
    RejectReason.AMOUNT_OVERFLOWS: {"MathOverflow", "TypeCastFailed", "PriceRangeViolation"},
    RejectReason.NOT_DELIVERABLE: {"FeeInverseIsIncorrect"},
    RejectReason.NOT_OPEN_YET: {"PoolDisabled"},
    RejectReason.DISABLED: {"PoolDisabled"},
    RejectReason.PAYS_NOTHING: {"ExceededSlippage"},
}
"""What the program calls each refusal: it would pay nothing, so one unit is asked for."""


class Kind(NamedTuple):
    """One way to call a swap."""

    mode: SwapMode
    partial: bool = False
    first: bool = False
    """By the first of the two swap instructions, which knows exact amounts in only."""


KINDS: Final = (
    Kind("exact_in"),
    Kind("exact_in", first=True),
    Kind("exact_in", partial=True),
    Kind("exact_out"),
)


class Bench:
    """A pool on a machine, the trader's accounts, and a count of what was compared."""

    def __init__(
        self, machine: Machine, made: Made, count: SwapCount | None = None, *, counted: bool = True
    ) -> None:
        self.machine = machine
        self.made = made
        self.count = count or SwapCount(RELEASE)
        self._counted = counted

    @property
    def pool(self) -> DammV2Pool:
        """The pool as it stands."""
        return DAMM_V2.decode(self.made.pool, self.machine.snapshot(self.made.accounts))

    def call(self, kind: Kind, mint_in: Address, amount: int, bound: int) -> Instruction:
        """Return the instruction of a swap."""
        made = self.made
        source, destination = made.holds_a, made.holds_b
        if mint_in != made.a.address:
            source, destination = destination, source
        trade = SwapParams(
            self.machine.payer, source, destination, mint_in, kind.mode, amount, bound
        )
        if kind.partial:
            return instructions.swap(self.pool, trade, partial=True)
        call = DAMM_V2.instruction(self.pool, trade)
        if kind.first:
            return replace(call, data=instructions.SWAP + struct.pack("<QQ", amount, bound))
        return call

    def swap(self, kind: Kind, mint_in: Address, amount: int) -> SwapResult | RejectReason:
        """Do one swap at its quote, to the unit, or see it refused for the same reason."""
        pool = self.pool
        try:
            if kind.partial:
                quoted = pool.fill(mint_in, amount)
            else:
                quoted = pool.swap(mint_in, kind.mode, amount)
        except PoolRejected as refused:
            self._refused(kind, mint_in, amount, refused.refusal)
            return refused.refusal
        if self.count.equal % 16 == 0:
            self._miss_by_one(kind, mint_in, amount, quoted)
        with self.count.quoted():
            self._compare(pool, kind, mint_in, amount, quoted)
        return quoted

    def _compare(
        self, pool: DammV2Pool, kind: Kind, mint_in: Address, amount: int, quoted: SwapResult
    ) -> None:
        exact_in = kind.mode == "exact_in"
        if not kind.partial:
            fast = pool.amount_out if exact_in else pool.amount_in
            assert fast(mint_in, amount) == (quoted.amount_out if exact_in else quoted.amount_in)
        bound = quoted.amount_out if exact_in else quoted.amount_in
        before = self._balances()
        outcome = self.machine.must(self.call(kind, mint_in, amount, bound))
        after = self._balances()
        given, taken = (0, 1) if mint_in == pool.mint_a else (1, 0)
        moved = before[given] - after[given], after[taken] - before[taken]
        assert moved == (quoted.amount_in, quoted.amount_out)
        (told,) = DAMM_V2.parse_swaps(outcome.lines, outcome.inner)
        assert (told.pool, told.amount_in, told.amount_out, told.exact) == (
            pool.address, *moved, True,
        )  # fmt: skip
        end = self.pool
        assert self.seen(end.state) == self.seen(quoted.end.state)
        if self._counted:
            assert end == quoted.end

    def seen(self, state: DammV2PoolAccount) -> DammV2PoolAccount:
        """Return the state without the reserves, where the release does not count them."""
        return state if self._counted else replace(state, reserve_a=0, reserve_b=0)

    def random_swap(self, rng: random.Random, share: int = 8) -> None:
        """Do a swap of chance: mostly small beside the pool, sometimes one unit or too much."""
        pool, kind = self.pool, rng.choice(KINDS)
        mint_in = rng.choice((pool.mint_a, pool.mint_b))
        side = pool.giving_a if mint_in == pool.mint_a else pool.giving_b
        there = max(side.there if kind.mode == "exact_in" else side.held, 2)
        draw = rng.random()
        if draw < 0.02:
            amount = rng.randint(1, 3)
        elif draw < 0.04:
            amount = min(rng.randint(there, 20 * there), int(RAW_MAX) >> 6)
        else:
            most = max(there // share, 10)
            amount = rng.randint(1, max(most >> rng.randint(0, max(most.bit_length() - 4, 0)), 2))
        self.swap(kind, mint_in, amount)

    def _refused(self, kind: Kind, mint_in: Address, amount: int, why: RejectReason) -> None:
        loose = 0 if kind.mode == "exact_in" else int(RAW_MAX)
        bound = 1 if why is RejectReason.PAYS_NOTHING else loose
        outcome = self.machine.send(self.call(kind, mint_in, amount, bound))
        self.count.refused(why, outcome.ok)
        assert self.error(outcome) in NAMES[why], (why, outcome.logs)

    def _miss_by_one(self, kind: Kind, mint_in: Address, amount: int, quoted: SwapResult) -> None:
        bound = quoted.amount_out + 1 if kind.mode == "exact_in" else quoted.amount_in - 1
        outcome = self.machine.send(self.call(kind, mint_in, amount, bound))
        assert self.error(outcome) == "ExceededSlippage", outcome.logs
        assert DAMM_V2.error((), outcome.number) == DAMM_V2.error(outcome.lines, None)

    def error(self, outcome: Outcome) -> str | None:
        """Return the name of what a transaction failed with."""
        known = DAMM_V2.error(outcome.lines, outcome.number)
        return known.name if known else None

    def _balances(self) -> tuple[int, int]:
        return self.machine.balance(self.made.holds_a), self.machine.balance(self.made.holds_b)
