"""Swaps on a DLMM pair in a machine, and holds each to what its quote said, to the unit."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Final

from msgspec.structs import replace

from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM
from cambist.values.route import SwapMode
from cambist.venues.meteora.dlmm import DLMM, Dlmm, DlmmPool
from cambist.venues.pool import SwapResult
from cambist.venues.program import SwapParams
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot
from tests.onchain.counts import SwapCount
from tests.onchain.dlmm_pairs import Pair, purse
from tests.onchain.machine import Outcome
from tests.onchain.releases import DLMM as RELEASE

PAUSES_S: Final = (0, 0, 1, 10, 29, 30, 31, 120, 599, 600, 700)

_SPENT: Final = "exceeded CUs meter"
NAMES: Final[dict[RejectReason, set[str]]] = {
    RejectReason.NOT_ENOUGH_LIQUIDITY: {
        "PairInsufficientLiquidity",
        "BitmapExtensionAccountIsNotProvided",
        "CannotFindNonZeroLiquidityBinArrayId",
    },
    RejectReason.ACCOUNT_MISSING: {"AccountNotEnoughKeys"},
    RejectReason.PAYS_NOTHING: {"InsufficientOutAmount"},
    RejectReason.DISABLED: {"PoolDisabled"},
    RejectReason.NOT_OPEN_YET: {"PoolDisabled"},
    RejectReason.ROUNDS_SHORT: {"UndeterminedError"},
    RejectReason.AMOUNT_OVERFLOWS: {"MathOverflow", "TypeCastFailed"},
}
"""What the program calls what a quote refuses for."""


def read(pair: Pair, program: Dlmm = DLMM) -> DlmmPool:
    """Return the pair as the chain has it now, asking for accounts as the engine does."""
    held: dict[Address, Account] = {}
    asked: set[Address] = set()
    snapshot = Snapshot(held, pair.machine.time)
    while wanted := set(program.required_accounts(pair.address, snapshot)) - asked:
        asked |= wanted
        held |= pair.machine.snapshot(wanted).accounts
        snapshot = Snapshot(dict(held), pair.machine.time)
    return program.decode(pair.address, snapshot)


class Swapper:
    """One trader on one pair; counts what was proved."""

    def __init__(
        self, pair: Pair, seed: int, program: Dlmm = DLMM, count: SwapCount | None = None
    ) -> None:
        self.pair, self.program = pair, program
        self.count = count or SwapCount(RELEASE)
        self.rng = Random(seed)
        self.counted: Counter[str] = Counter()
        self.accounts = {
            one.address: pair.machine.fund(one, purse(one)) for one in (pair.x, pair.y)
        }

    def trade(
        self, pool: DlmmPool, mode: SwapMode, amount: int, *, down: bool, bound: int
    ) -> SwapParams:
        """Return a trade of the trader's own accounts."""
        given, taken = (pool.x, pool.y) if down else (pool.y, pool.x)
        source, destination = self.accounts[given.address], self.accounts[taken.address]
        owner = self.pair.machine.payer
        known = {index for index, _ in pool.arrays}
        arrays = [
            self.pair.array(index) for index in pool.marked_ahead(down=down) if index in known
        ]
        return SwapParams(
            owner, source, destination, given.address, mode, amount, bound, tuple(arrays)
        )

    def send(self, pool: DlmmPool, trade: SwapParams) -> tuple[Outcome, int, int]:
        """Send a trade; return what came of it, and what left and arrived."""
        machine = self.pair.machine
        before = machine.balance(trade.source), machine.balance(trade.destination)
        outcome = machine.send(self.program.instruction(pool, trade))
        left = before[0] - machine.balance(trade.source)
        return outcome, left, machine.balance(trade.destination) - before[1]

    def swap(self, mode: SwapMode, amount: int, *, down: bool) -> SwapResult | None:
        """Quote and swap; hold amounts, end and event to the quote. None where it is refused."""
        pool = read(self.pair, self.program)
        mint_in = pool.mint_a if down else pool.mint_b
        quick = pool.amount_out if mode == "exact_in" else pool.amount_in
        try:
            swapped = pool.swap(mint_in, mode, amount)
        except PoolRejected as refused:
            assert quick(mint_in, amount) == 0
            self.refused(pool, mode, amount, refused, down=down)
            return None
        with self.count.quoted():
            self.compare(pool, mode, amount, swapped, down=down)
        return swapped

    def compare(
        self, pool: DlmmPool, mode: SwapMode, amount: int, swapped: SwapResult, *, down: bool
    ) -> None:
        """Swap at the quote: the short way, amounts, event and end state are the quote's."""
        mint_in = pool.mint_a if down else pool.mint_b
        quick = pool.amount_out if mode == "exact_in" else pool.amount_in
        other = swapped.amount_out if mode == "exact_in" else swapped.amount_in
        assert quick(mint_in, amount) == other
        trade = self.trade(pool, mode, amount, down=down, bound=other)
        # Nothing but what it touches, or that and spares.
        if self.rng.random() < 0.5:
            trade = replace(trade, arrays=swapped.touched)
        outcome, given, taken = self.send(pool, trade)
        what = (mode, amount, down, outcome.logs[-4:])
        assert outcome.ok, (what, swapped.amount_in, swapped.amount_out)
        assert (given, taken) == (swapped.amount_in, swapped.amount_out), what
        after, end = _of_same_arrays(read(self.pair, self.program), swapped.end)
        assert after == end, (what, _differences(after, end))
        (told,) = self.program.parse_swaps(outcome.lines, outcome.inner)
        # Before 0.12 the event left the transfer fee out of what was given.
        assert told.pool == self.pair.address
        assert told.amount_in in {given, given - swapped.fees.transfer_in}
        assert told.amount_out - swapped.fees.transfer_out == taken
        assert told.exact == (
            TOKEN_2022_PROGRAM not in {pool.x.token_program, pool.y.token_program}
        )
        self.counted[f"{mode} {'down' if down else 'up'}"] += 1
        self.counted["swaps"] += 1
        self.counted["bins"] += abs(after.pair.active_id - pool.pair.active_id)

    def refused(
        self, pool: DlmmPool, mode: SwapMode, amount: int, why: PoolRejected, *, down: bool
    ) -> None:
        """Send what was refused all the same, and see it fail as the refusal says."""
        self.counted[f"refused: {why.refusal}"] += 1
        bound = 0 if mode == "exact_in" else RAW_MAX
        outcome, *_ = self.send(pool, self.trade(pool, mode, amount, down=down, bound=bound))
        self.count.refused(why.refusal, outcome.ok)
        if why.refusal is RejectReason.TOO_FAR:
            return  # alone in its transaction it may get through, or not
        known = self.program.error(outcome.lines, outcome.number)
        if any(_SPENT in line for line in outcome.logs):
            # So many bins ahead that the program runs out of compute before it runs out of bins.
            self.counted["out of compute"] += 1
        elif why.refusal in NAMES:
            assert known is not None, (why, outcome.logs)
            assert known.name in NAMES[why.refusal], (why, known, mode, amount, down)

    def wander(self, times: int, most: int = 10**10, sleepy: bool = True) -> None:
        """Swap at random, so many times, with time going by."""
        rng = self.rng
        for _ in range(times):
            if sleepy:
                self.pair.machine.wait(rng.choice(PAUSES_S))
            mode: SwapMode = rng.choice(("exact_in", "exact_out"))
            amount = rng.randint(1, 10 ** rng.randint(1, len(str(most)) - 1))
            self.swap(mode, amount, down=rng.random() < 0.5)


def _of_same_arrays(pool: DlmmPool, other: DlmmPool) -> tuple[DlmmPool, DlmmPool]:
    """Return both with the arrays that both know: those asked for follow the active bin."""
    both = dict(pool.arrays).keys() & dict(other.arrays).keys()
    cut = [
        replace(it, arrays=tuple(bins for bins in it.arrays if bins[0] in both))
        for it in (pool, other)
    ]
    return cut[0], cut[1]


def _differences(got: DlmmPool, want: DlmmPool) -> list[object]:
    names = got.pair.__struct_fields__
    found: list[object] = [
        (name, getattr(got.pair, name), getattr(want.pair, name))
        for name in names
        if getattr(got.pair, name) != getattr(want.pair, name)
    ]
    theirs = {bin_.id: bin_ for _, bins in want.arrays for bin_ in bins}
    ours = {bin_.id: bin_ for _, bins in got.arrays for bin_ in bins}
    found += [
        (ours.get(one), theirs.get(one))
        for one in sorted(ours.keys() | theirs.keys())
        if ours.get(one) != theirs.get(one)
    ]
    found += [
        name
        for name in ("x", "y", "marked", "extended", "time")
        if getattr(got, name) != getattr(want, name)
    ]
    return found
