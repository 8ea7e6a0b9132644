"""Compare quotes of Meteora's DAMM v1 with its compiled program over its vaults, to the unit."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from cambist.faults import Code
from cambist.values.ids import Address
from cambist.venues.meteora.damm_v1 import DAMM_V1, DammV1Pool
from cambist.venues.meteora.damm_v1.accounts import LAYOUT, PROGRAM, VAULT_PROGRAM, write_stake
from cambist.venues.pool import SwapResult
from cambist.venues.program import SwapParams
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected
from cambist.venues.tokens import Mint, write_balance
from tests.onchain.counts import Count, SwapCount
from tests.onchain.damm_v1_pools import METADATA, Made, make_pool, pool_of_the_program
from tests.onchain.machine import START_S, Machine
from tests.onchain.releases import DAMM_V1 as RELEASE
from tests.onchain.releases import DAMM_V1_2025_04, DAMM_V1_2026_03, Release

pytestmark = pytest.mark.timeout(600)

SWAPS: Final = 1_000
OTHER_SWAPS: Final = 300
"""How many swaps a mode is tried with at the other releases."""
RELEASES: Final = {RELEASE: SWAPS, DAMM_V1_2026_03: OTHER_SWAPS, DAMM_V1_2025_04: OTHER_SWAPS}
Find = Callable[[str], Path]
PLANS: Final = {
    "quarter of a percent": ((98_765_432_100, 5_432_109_876), (250, 100_000, 0, 100_000)),
    "one percent, a fifth to the protocol": (
        (10**13, 3 * 10**9), (1_000, 100_000, 20_000, 100_000),
    ),
    "no fee": ((10**7, 10**12), (0, 100_000, 0, 100_000)),
    "fifteen percent, small": ((50_000, 70_000), (15_000, 100_000, 50_000, 100_000)),
}  # fmt: skip


class Bench(NamedTuple):
    """A pool, and swaps in it compared with their quotes."""

    made: Made
    count: SwapCount

    def swap(self, mint_in: Address, amount: int) -> SwapResult | RejectReason:
        """Do one swap at its quote, to the unit, or see it refused."""
        made, pool = self.made, self.made.read()
        try:
            quoted = pool.swap(mint_in, "exact_in", amount)
        except PoolRejected as refused:
            assert pool.amount_out(mint_in, amount) == 0
            bound = int(refused.refusal is RejectReason.PAYS_NOTHING)
            call = DAMM_V1.instruction(pool, self.trade(mint_in, amount, bound))
            self.count.refused(refused.refusal, made.machine.send(call).ok)
            return refused.refusal
        with self.count.quoted():
            self.compare(pool, mint_in, amount, quoted)
        return quoted

    def compare(self, pool: DammV1Pool, mint_in: Address, amount: int, quoted: SwapResult) -> None:
        """Do a swap at its quote: amounts, event and end state are the quote's."""
        made = self.made
        assert pool.amount_out(mint_in, amount) == quoted.amount_out
        source, destination = self.places(mint_in)
        before = made.machine.balance(source), made.machine.balance(destination)
        call = DAMM_V1.instruction(pool, self.trade(mint_in, amount, quoted.amount_out))
        outcome = made.machine.must(call)
        moved = (
            before[0] - made.machine.balance(source),
            made.machine.balance(destination) - before[1],
        )
        assert moved == (quoted.amount_in, quoted.amount_out)
        (told,) = DAMM_V1.parse_swaps(outcome.lines, outcome.inner)
        assert (told.pool, told.amount_in, told.amount_out, told.exact) == (None, *moved, True)
        assert made.read() == quoted.end

    def trade(self, mint_in: Address, amount: int, bound: int) -> SwapParams:
        """Return a trade of the payer's."""
        places = self.places(mint_in)
        return SwapParams(self.made.machine.payer, *places, mint_in, "exact_in", amount, bound)

    def places(self, mint_in: Address) -> tuple[Address, Address]:
        """Return the trader's account of the mint given, and of the other."""
        made = self.made
        a_given = mint_in == made.a.address
        return (made.holds_a, made.holds_b) if a_given else (made.holds_b, made.holds_a)


@pytest.fixture(params=RELEASES, ids=lambda one: one.name)
def release(request: pytest.FixtureRequest) -> Release:
    """Every test runs on every release."""
    found: Release = request.param
    return found


@pytest.fixture
def swaps(release: Release) -> int:
    """How many swaps prove a mode at a release."""
    return RELEASES[release]


@pytest.fixture
def machine(program: Find, release: Release) -> Machine:
    made = Machine()
    made.load(PROGRAM, program(release.file))
    made.load(VAULT_PROGRAM, program("meteora_vault"))
    return made


@pytest.fixture
def counted(count: Count, release: Release) -> SwapCount:
    """What counts a test's swaps."""
    return count(release)


def report_a_profit(made: Made, mint: Mint, profit: int, degradation: int) -> None:
    """Let a vault report a profit, locked from now on."""
    pool = made.read()
    vault = pool.vault_a if mint == made.a else pool.vault_b
    token = made.machine.get(vault.state.token_vault)
    assert token is not None
    amount = vault.at_hand + profit
    made.machine.put(write_balance(vault.state.token_vault, mint, vault.address, amount))
    made.set_vault(
        mint,
        total=vault.state.total + profit,
        locked=profit,
        reported_s=made.machine.time.unix_s,
        degradation=degradation,
    )


@pytest.mark.parametrize("name", PLANS)
def test_swaps_are_equal_to_their_quotes(
    machine: Machine, name: str, counted: SwapCount, swaps: int
) -> None:
    reserves, fees = PLANS[name]
    made = make_pool(machine, reserves, fees)
    bench, rng = Bench(made, counted), random.Random(name)
    while counted.equal < swaps:
        if rng.random() < 0.7:
            machine.wait(rng.choice((0, 1, 7, 60, 3_600)))
        if rng.random() < 0.02:
            mint = rng.choice((made.a, made.b))
            pool = made.read()
            total = (pool.vault_a if mint == made.a else pool.vault_b).state.total
            profit = rng.randint(1, total // 50)
            report_a_profit(made, mint, profit, rng.choice((46_296_296, 10**9, 10**11, 0)))
        mint_in = rng.choice((made.a, made.b)).address
        pool = made.read()
        there = (pool.giving_a if mint_in == pool.mint_a else pool.giving_b).reserve_in
        most = there // 4 >> rng.randint(0, max(there.bit_length() - 6, 1))
        bench.swap(mint_in, rng.randint(1, max(most, 3)))


STAKE: Final = Address("Jito4APyf642JPZPx3hGc6WWJ8zPKtRbRs4P815Awbb")
STABLES: Final = {
    "one to one": ((5 * 10**12, 4 * 10**12), {"amp": 100, "scale_a": 1, "scale_b": 1}),
    "decimals apart": ((5 * 10**11, 7 * 10**14), {"amp": 1_000, "scale_a": 1_000, "scale_b": 1}),
    "one sided": ((10**9, 10**13), {"amp": 10_000, "scale_a": 1, "scale_b": 1}),
    "a few": ((50_000, 70_000), {"amp": 1, "scale_a": 1, "scale_b": 1}),
    "a staked token": (
        (5 * 10**12, 4 * 10**12),
        {
            "amp": 100, "scale_a": 1, "scale_b": 1,
            "depeg": 3, "stake_price": 1_234_567, "stake": STAKE,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STABLES)
def test_swaps_on_a_stable_curve_are_equal_to_their_quotes(
    machine: Machine, name: str, counted: SwapCount, swaps: int
) -> None:
    reserves, curve = STABLES[name]
    made = make_pool(machine, reserves, (100, 100_000, 20_000, 100_000))
    made.set_state(curve=1, precision=9, priced_s=machine.time.unix_s, **curve)
    if "depeg" in curve:
        machine.put(write_stake(LAYOUT.read(machine.get(made.pool).data), 1_300_000))  # type: ignore[union-attr]
    bench, rng = Bench(made, counted), random.Random(name)
    while counted.equal < swaps:
        if rng.random() < 0.05 and "depeg" not in curve:
            machine.wait(rng.randint(1, 1_000))
        most = len(str(reserves[0]))
        mint = rng.choice((made.a, made.b)).address
        amount = rng.randint(1, 10 ** rng.randint(1, most))
        bench.swap(mint, amount)


@pytest.mark.parametrize("depeg", [1, 2, 3])
def test_a_price_of_a_stake_is_read_anew_when_it_is_old(
    machine: Machine, depeg: int, counted: SwapCount
) -> None:
    made = make_pool(machine, (5 * 10**12, 4 * 10**12), (100, 100_000, 20_000, 100_000))
    fields = {"amp": 100, "scale_a": 1, "scale_b": 1, "depeg": depeg, "stake": STAKE}
    made.set_state(curve=1, precision=9, stake_price=10**6, priced_s=START_S, **fields)
    bench, rng, prices = Bench(made, counted), random.Random(depeg), set()
    for _ in range(200):
        state = LAYOUT.read(machine.get(made.pool).data)  # type: ignore[union-attr]
        price = rng.randint(900_000, 2_000_000)
        machine.put(write_stake(state, price))
        machine.wait(rng.choice((1, 599, 600, 601, 5_000)))
        mint = rng.choice((made.a, made.b)).address
        assert not isinstance(bench.swap(mint, rng.randint(10**3, 10**11)), RejectReason)
        prices.add(made.read().state.stake_price)
    assert len(prices) > 50


def test_a_profit_is_let_go_second_by_second(machine: Machine, counted: SwapCount) -> None:
    made = make_pool(machine, (10**10, 10**10), (250, 100_000, 0, 100_000))
    report_a_profit(made, made.b, 10**9, 10**10)
    bench, early, paid = Bench(made, counted), made.read(), []
    for _ in range(110):
        machine.wait(1)
        quoted = early.at(machine.time).swap(made.a.address, "exact_in", 10**5)
        now = made.read().swap(made.a.address, "exact_in", 10**5)
        assert now == quoted
        paid.append(now.amount_out)
    assert paid == sorted(paid)
    assert paid[0] < paid[50] < paid[99] == paid[109]
    assert isinstance(bench.swap(made.a.address, 10**5), SwapResult)


def test_a_vault_pays_no_more_than_it_has_at_hand(machine: Machine, counted: SwapCount) -> None:
    made = make_pool(machine, (10**10, 10**10), (250, 100_000, 0, 100_000))
    vault, paid = made.read().vault_b, made.read().amount_out(made.a.address, 10**8)
    bench = Bench(made, counted)
    for at_hand, outcome in ((paid - 1, False), (paid, True), (paid + 1, True)):
        machine.put(write_balance(vault.state.token_vault, made.b, vault.address, at_hand))
        result = bench.swap(made.a.address, 10**8)
        assert isinstance(result, SwapResult) is outcome
        if not outcome:
            assert result is RejectReason.NOT_ENOUGH_LIQUIDITY


def test_a_pool_or_a_vault_switched_off_refuses(machine: Machine, counted: SwapCount) -> None:
    made = make_pool(machine, (10**10, 10**10), (250, 100_000, 0, 100_000))
    bench = Bench(made, counted)
    made.set_state(enabled=0)
    assert bench.swap(made.a.address, 10**6) is RejectReason.DISABLED
    made.set_state(enabled=1)
    made.set_vault(made.a, enabled=0)
    assert bench.swap(made.a.address, 10**6) is RejectReason.DISABLED
    assert isinstance(bench.swap(made.b.address, 10**6), SwapResult)


@pytest.mark.parametrize("by_time", [True, False])
def test_a_pool_opens_at_its_second_or_slot(
    machine: Machine, by_time: bool, counted: SwapCount
) -> None:
    made = make_pool(machine, (10**10, 10**10), (250, 100_000, 0, 100_000))
    now = machine.time
    made.set_state(opens_at=(now.unix_s if by_time else now.slot) + 50, clock=int(by_time))
    bench, early = Bench(made, counted), made.read()
    assert bench.swap(made.a.address, 10**6) is RejectReason.NOT_OPEN_YET
    machine.wait(49, 49)
    assert bench.swap(made.a.address, 10**6) is RejectReason.NOT_OPEN_YET
    machine.wait(1, 1)
    quoted = early.at(machine.time).swap(made.a.address, "exact_in", 10**6)
    assert bench.swap(made.a.address, 10**6) == quoted


@pytest.mark.parametrize("name", PLANS)
def test_a_few_units_are_swapped_or_refused_alike(
    machine: Machine, name: str, counted: SwapCount
) -> None:
    made = make_pool(machine, (10**6, 10**9), PLANS[name][1])
    for mint in (made.a, made.b):
        for amount in (1, 2, 3, 999, 1_000, 1_001, 2_000):
            Bench(made, counted).swap(mint.address, amount)


def test_errors_are_known_by_name(machine: Machine, counted: SwapCount) -> None:
    made = make_pool(machine, (10**10, 10**10), (250, 100_000, 0, 100_000))
    trade = Bench(made, counted).trade(made.a.address, 10**6, 10**9)
    outcome = machine.send(DAMM_V1.instruction(made.read(), trade))
    known = DAMM_V1.error(outcome.lines, outcome.number)
    assert known is not None
    assert (known.name, known.code) == ("ExceededSlippage", Code.SLIPPAGE_EXCEEDED)
    assert DAMM_V1.error((), outcome.number) == known
    made.set_state(enabled=0)
    outcome = machine.send(DAMM_V1.instruction(made.read(), trade))
    known = DAMM_V1.error(outcome.lines, outcome.number)
    assert known is not None
    assert known.name == "PoolDisabled"
    assert DAMM_V1.error((), outcome.number) == known


def test_a_pool_of_the_programs_own_making_swaps_as_quoted(
    machine: Machine, program: Find, counted: SwapCount, swaps: int
) -> None:
    machine.load(METADATA, program("metaplex"))
    opens_s = START_S + 30
    made, call = pool_of_the_program(machine, (9_876_543_210, 5_432_109_876), opens_s)
    told = DAMM_V1.parse_pool_created(call)
    assert told is not None
    assert (told.pool, told.mint_a, told.mint_b, told.opens_s) == (
        made.pool, made.a.address, made.b.address, opens_s,
    )  # fmt: skip
    bench, rng = Bench(made, counted), random.Random(5)
    assert bench.swap(made.a.address, 10**6) is RejectReason.NOT_OPEN_YET
    machine.wait(30)
    while counted.equal < swaps:
        mint = rng.choice((made.a, made.b))
        bench.swap(mint.address, rng.randint(1, 10 ** rng.randint(2, 9)))
