"""Hold CPMM quotes to the compiled program: output, end state, event and error, to the unit."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.faults import Code
from cambist.values.ids import Address
from cambist.values.program_address import (
    ASSOCIATED_TOKEN_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token,
    key_bytes,
    program_address,
)
from cambist.values.route import SwapMode
from cambist.values.token import SOL
from cambist.venues.pool import SwapResult
from cambist.venues.program import AccountMeta, AnchorProgram, Instruction, SwapParams
from cambist.venues.raydium.cpmm import CpmmPool, cpmm_program
from cambist.venues.raydium.cpmm.accounts import AUTHORITY, CONFIG, CpmmConfigAccount
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected
from cambist.venues.tokens import Mint, Power, write_mint
from tests.onchain.counts import Count, SwapCount
from tests.onchain.machine import RENT, SYSTEM, Machine, Outcome
from tests.onchain.releases import CPMM as RELEASE
from tests.onchain.releases import CPMM_NEWER, Release

pytestmark = pytest.mark.timeout(600)

OLDER, NEWER = cpmm_program("2025-02"), cpmm_program("2026-04")
CPMM = OLDER
FEE_RECEIVER = Address("DNXgeM9EiiaAbaWvwjHj9fQQLAX5ZsfHyvmYUNRAdNC8")
SWAPS = 1_000
MODES: tuple[SwapMode, ...] = ("exact_in", "exact_out")
Find = Callable[[str], Path]
FEES = {
    "spl": (NO_FEE, NO_FEE),
    "fee in": (TransferFee(150, 10**15), NO_FEE),
    "both": (TransferFee(37, 5_000), TransferFee(500, 10**15)),
    "one unit": (TransferFee(1, 1), TransferFee(9_999, 10**6)),
}


class Site(NamedTuple):
    """A machine with one pool on it, and the trader's accounts."""

    machine: Machine
    pool: Address
    accounts: dict[Address, Address]
    program: AnchorProgram[CpmmPool] = OLDER

    def read(self) -> CpmmPool:
        """Return the pool as it stands."""
        seen = self.machine.snapshot([self.pool])
        while missing := self.program.required_accounts(self.pool, seen):
            seen = self.machine.snapshot([*seen.accounts, *missing])
        return self.program.decode(self.pool, seen)

    def send(self, mint_in: Address, mode: SwapMode, amount: int, bound: int) -> Outcome:
        """Trade on the chain."""
        pool = self.read()
        mint_out = pool.mint_b if mint_in == pool.mint_a else pool.mint_a
        me, own = self.machine.payer, self.accounts
        trade = SwapParams(me, own[mint_in], own[mint_out], mint_in, mode, amount, bound)
        return self.machine.send(CPMM.instruction(pool, trade))


def build(
    program: Find,
    fees: tuple[TransferFee, TransferFee],
    opens_s: int = 0,
    release: Release = RELEASE,
    creator: int = 0,
) -> Site:
    """Make a pool with the program's own `initialize`; a creator fee is of the config alone."""
    machine = Machine()
    machine.load(CPMM.id, program(release.file))
    programs = [TOKEN_2022_PROGRAM if fee.bps else TOKEN_PROGRAM for fee in fees]
    made = [
        machine.mint(f"cpmm {n}", 9 - 3 * n, Mint(SYSTEM, programs[n], 0, fees[n])) for n in (0, 1)
    ]
    a, b = sorted(made, key=lambda one: key_bytes(one.address))
    config = program_address([b"amm_config", struct.pack(">H", 0)], CPMM.id)[0]
    rates = CONFIG.write(CpmmConfigAccount(2_500, 120_000, 40_000, creator))
    machine.put(Account(config, CPMM.id, rates[:36] + struct.pack("<Q", 150_000_000) + rates[44:]))
    native = Mint(SOL.mint, TOKEN_PROGRAM, 9)
    receiver = machine.fund(native, 0)
    kept = machine.get(receiver)
    assert kept is not None
    machine.put(replace(kept, address=FEE_RECEIVER))
    own = {mint_.address: machine.fund(mint_, 10**16) for mint_ in (a, b)}
    me = machine.payer
    seeds = (key_bytes(config), key_bytes(a.address), key_bytes(b.address))
    pool = program_address([b"pool", *seeds], CPMM.id)[0]
    lp = program_address([b"pool_lp_mint", key_bytes(pool)], CPMM.id)[0]
    vaults = [
        program_address([b"pool_vault", key_bytes(pool), key_bytes(mint_.address)], CPMM.id)[0]
        for mint_ in (a, b)
    ]
    observation = program_address([b"observation", key_bytes(pool)], CPMM.id)[0]
    accounts = (
        AccountMeta(me, signer=True, writable=True), AccountMeta(config), AccountMeta(AUTHORITY),
        AccountMeta(pool, writable=True), AccountMeta(a.address), AccountMeta(b.address),
        AccountMeta(lp, writable=True),
        AccountMeta(own[a.address], writable=True), AccountMeta(own[b.address], writable=True),
        AccountMeta(associated_token(me, lp, TOKEN_PROGRAM), writable=True),
        AccountMeta(vaults[0], writable=True), AccountMeta(vaults[1], writable=True),
        AccountMeta(FEE_RECEIVER, writable=True), AccountMeta(observation, writable=True),
        AccountMeta(TOKEN_PROGRAM), AccountMeta(a.token_program), AccountMeta(b.token_program),
        AccountMeta(ASSOCIATED_TOKEN_PROGRAM), AccountMeta(SYSTEM), AccountMeta(RENT),
    )  # fmt: skip
    data = bytes.fromhex("afaf6d1f0d989bed")
    data += struct.pack("<QQQ", 123_456_789_012, 45_678_901_234, opens_s)
    call = Instruction(CPMM.id, accounts, data)
    machine.must(call)
    told = CPMM.parse_pool_created(call)
    assert told is not None
    assert (told.pool, told.mint_a, told.mint_b) == (pool, a.address, b.address)
    machine.wait(10)
    return Site(machine, pool, own, OLDER if release == RELEASE else NEWER)


def take_a_creator_fee(site: Site, side: int) -> None:
    """Let a pool take it of the token given (0), or always of token 0 (1), or of token 1 (2)."""
    account = site.machine.get(site.pool)
    assert account is not None
    data = account.data[:389] + bytes((side, 1)) + account.data[391:]
    site.machine.put(replace(account, data=data))


def swap_at_random(site: Site, dice: random.Random, swaps: int, tried: SwapCount) -> None:
    """Swap either way in either mode until so many swaps were equal to their quotes."""
    while tried.equal < swaps:
        pool = site.read()
        mint_in = dice.choice([pool.mint_a, pool.mint_b])
        mode: SwapMode = dice.choice(["exact_in", "exact_out"])
        amount = dice.randint(1, 10 ** dice.randint(1, 11))
        fast = pool.amount_out if mode == "exact_in" else pool.amount_in
        try:
            swap = pool.swap(mint_in, mode, amount)
        except PoolRejected as refused:
            assert fast(mint_in, amount) == 0
            bound = 0 if mode == "exact_in" else 2**63
            tried.refused(refused.refusal, site.send(mint_in, mode, amount, bound).ok)
            continue
        with tried.quoted():
            assert fast(mint_in, amount) == (
                swap.amount_out if mode == "exact_in" else swap.amount_in
            )
            compare(site, mint_in, mode, amount, swap)


def compare(site: Site, mint_in: Address, mode: SwapMode, amount: int, swap: SwapResult) -> None:
    """Swap at the quote: amounts, event and end state are the quote's."""
    pool, accounts = site.read(), site.accounts
    mint_out = pool.mint_b if mint_in == pool.mint_a else pool.mint_a
    bound = swap.amount_out if mode == "exact_in" else swap.amount_in
    before = [site.machine.balance(accounts[mint]) for mint in (mint_in, mint_out)]
    outcome = site.send(mint_in, mode, amount, bound)
    assert outcome.ok, outcome.logs
    after = [site.machine.balance(accounts[mint]) for mint in (mint_in, mint_out)]
    moved = (before[0] - after[0], after[1] - before[1])
    assert moved == (swap.amount_in, swap.amount_out)
    assert site.read() == replace(swap.end, time=site.machine.time)
    (told,) = CPMM.parse_swaps(outcome.lines, outcome.inner)
    assert (told.pool, told.amount_in, told.amount_out) == (site.pool, *moved)


@pytest.mark.parametrize("release", [RELEASE, CPMM_NEWER], ids=lambda one: one.name)
@pytest.mark.parametrize("fees", FEES.values(), ids=FEES)
def test_swaps_are_those_of_the_program(
    program: Find, fees: tuple[TransferFee, TransferFee], release: Release, count: Count
) -> None:
    site = build(program, fees, release=release)
    swap_at_random(site, random.Random(7), SWAPS, count(release))


@pytest.mark.parametrize("side", [0, 1, 2])
@pytest.mark.parametrize("fees", FEES.values(), ids=FEES)
def test_swaps_that_pay_a_creator_are_those_of_the_program(
    program: Find, fees: tuple[TransferFee, TransferFee], side: int, count: Count
) -> None:
    site = build(program, fees, release=CPMM_NEWER, creator=3_000)
    take_a_creator_fee(site, side)
    swap_at_random(site, random.Random(side), SWAPS, count(CPMM_NEWER))


@pytest.mark.parametrize("release", [RELEASE, CPMM_NEWER], ids=lambda one: one.name)
def test_the_smallest_amounts_are_those_of_the_release(
    program: Find, release: Release, count: Count
) -> None:
    site, tried = build(program, FEES["spl"], release=release), count(release)
    for amount in range(1, 60):
        for mint in (site.read().mint_a, site.read().mint_b):
            for mode in MODES:
                try:
                    swap = site.read().swap(mint, mode, amount)
                except PoolRejected as refused:
                    assert refused.refusal is RejectReason.PAYS_NOTHING  # noqa: PT017
                    bound = 0 if mode == "exact_in" else 2**63
                    tried.refused(refused.refusal, site.send(mint, mode, amount, bound).ok)
                    continue
                with tried.quoted():
                    compare(site, mint, mode, amount, swap)


def test_what_costs_less_than_half_a_unit_is_refused_where_no_release_is_known(
    program: Find, count: Count
) -> None:
    site, tried = build(program, FEES["spl"])._replace(program=cpmm_program()), count(RELEASE)
    pool = site.read()
    dear = pool.mint_b if pool.reserve_b < pool.reserve_a else pool.mint_a
    with pytest.raises(PoolRejected) as refused:
        pool.swap(dear, "exact_out", 1)
    assert refused.value.refusal is RejectReason.DUST
    tried.refused(refused.value.refusal, site.send(dear, "exact_out", 1, 2**63).ok)


@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
def test_a_bound_that_is_one_unit_too_good_is_refused_by_name(
    program: Find, mode: SwapMode
) -> None:
    site = build(program, FEES["spl"])
    pool = site.read()
    swap = pool.swap(pool.mint_a, mode, 1_000_000)
    bound = swap.amount_out + 1 if mode == "exact_in" else swap.amount_in - 1
    outcome = site.send(pool.mint_a, mode, 1_000_000, bound)
    known = CPMM.error(outcome.lines, outcome.number)
    assert known is not None
    assert (known.name, known.code) == ("ExceededSlippage", Code.SLIPPAGE_EXCEEDED)
    assert CPMM.error((), outcome.number) == known


def test_a_pool_that_is_closed_or_not_open_yet_is_refused_by_both(program: Find) -> None:
    site = build(program, FEES["spl"], opens_s=1_790_000_100)
    pool = site.read()
    with pytest.raises(PoolRejected) as refused:
        pool.swap(pool.mint_a, "exact_in", 10**6)
    assert refused.value.refusal is RejectReason.NOT_OPEN_YET
    outcome = site.send(pool.mint_a, "exact_in", 10**6, 0)
    known = CPMM.error(outcome.lines, outcome.number)
    assert known is not None
    assert known.name == "NotApproved"
    site.machine.wait(90)
    assert site.send(pool.mint_a, "exact_in", 10**6, 0).ok
    account = site.machine.get(site.pool)
    assert account is not None
    site.machine.put(replace(account, data=account.data[:329] + b"\x04" + account.data[330:]))
    with pytest.raises(PoolRejected) as refused:
        site.read().swap(pool.mint_a, "exact_in", 10**6)
    assert refused.value.refusal is RejectReason.DISABLED
    assert not site.send(pool.mint_a, "exact_in", 10**6, 0).ok


def test_all_that_a_pool_holds_is_bought_but_for_the_last_unit(program: Find) -> None:
    site = build(program, FEES["spl"])
    site.machine.fund(site.read().token_a, 2**63)
    pool = site.read()
    with pytest.raises(PoolRejected) as refused:
        pool.swap(pool.mint_a, "exact_out", pool.reserve_b)
    assert refused.value.refusal is RejectReason.NOT_ENOUGH_LIQUIDITY
    assert not site.send(pool.mint_a, "exact_out", pool.reserve_b, 2**63).ok
    amount = pool.reserve_b - pool.reserve_b // 10**6
    swap = pool.swap(pool.mint_a, "exact_out", amount)
    assert site.send(pool.mint_a, "exact_out", amount, swap.amount_in).ok
    assert site.read() == replace(swap.end, time=site.machine.time)


def test_one_unit_in_pays_nothing_on_both(program: Find) -> None:
    site = build(program, FEES["spl"])
    pool = site.read()
    with pytest.raises(PoolRejected) as refused:
        pool.swap(pool.mint_a, "exact_in", 1)
    assert refused.value.refusal is RejectReason.PAYS_NOTHING
    assert not site.send(pool.mint_a, "exact_in", 1, 0).ok


@pytest.mark.parametrize("power", Power)
def test_powers_over_a_mint_move_no_amount(program: Find, power: Power) -> None:
    site, dice = build(program, FEES["both"]), random.Random(power)
    pool = site.read()
    site.machine.put(write_mint(replace(pool.token_a, powers=(power,))))
    site.machine.put(write_mint(replace(pool.token_b, powers=(power,))))
    assert site.read().warnings
    for _ in range(200):
        pool = site.read()
        mint_in = dice.choice([pool.mint_a, pool.mint_b])
        mint_out = pool.mint_b if mint_in == pool.mint_a else pool.mint_a
        amount = dice.randint(10**5, 10**9)
        swap = pool.swap(mint_in, "exact_in", amount)
        before = site.machine.balance(site.accounts[mint_out])
        outcome = site.send(mint_in, "exact_in", amount, swap.amount_out)
        assert outcome.ok, outcome.logs
        assert site.machine.balance(site.accounts[mint_out]) - before == swap.amount_out
