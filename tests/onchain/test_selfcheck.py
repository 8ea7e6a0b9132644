"""Hold the self-check to passing what computes as the program does, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from cambist.values.ids import Address
from cambist.venues.program import SwapParams
from cambist.venues.raydium.cpmm import CPMM, CpmmPool
from cambist.venues.swap_probe import SwapProbe, SwapProbeResult, judge, make_probe, trial_amount
from tests.onchain.test_cpmm import FEES, Site, build

Find = Callable[[str], Path]


def _trade(site: Site, pool: CpmmPool) -> SwapParams:
    own, amount = site.accounts, trial_amount(pool, pool.mint_a)
    return SwapParams(
        site.machine.payer, own[pool.mint_a], own[pool.mint_b], pool.mint_a, "exact_in", amount, 0
    )


def _simulated(site: Site, tried: SwapProbe, mints: tuple[Address, Address]) -> SwapProbeResult:
    accounts = [site.accounts[mint] for mint in mints]
    before = [site.machine.balance(account) for account in accounts]
    outcome = site.machine.send(tried.call)
    after = [site.machine.balance(account) for account in accounts]
    failed = None if outcome.ok else (-1 if outcome.number is None else outcome.number)
    return SwapProbeResult(
        before[0] - after[0], after[1] - before[1], outcome.lines, outcome.inner, failed
    )


def test_a_program_that_does_as_computed_passes(program: Find) -> None:
    for fees in FEES.values():
        site = build(program, fees)
        pool = site.read()
        tried = make_probe(CPMM, pool, _trade(site, pool))
        assert judge(tried, _simulated(site, tried, (pool.mint_a, pool.mint_b))) is None


def test_a_program_that_takes_another_fee_does_not(program: Find) -> None:
    site = build(program, FEES["spl"])
    pool = site.read()
    generous = replace(pool, rates=replace(pool.rates, trade=pool.rates.trade - 100))
    tried = make_probe(CPMM, generous, _trade(site, generous))
    why = judge(tried, _simulated(site, tried, (pool.mint_a, pool.mint_b)))
    assert why == "cpmm refused the trial: ExceededSlippage"
    mean = replace(pool, rates=replace(pool.rates, trade=pool.rates.trade + 100))
    tried = make_probe(CPMM, mean, _trade(site, mean))
    why = judge(tried, _simulated(site, tried, (pool.mint_a, pool.mint_b)))
    assert why is not None
    assert why.startswith("cpmm moved (")
