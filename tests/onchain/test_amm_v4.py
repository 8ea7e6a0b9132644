"""Hold AMM v4 quotes to the compiled program: output, end state, log and error, to the unit."""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from cambist.faults import Code
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.venues.pool import SwapResult
from cambist.venues.program import SwapParams
from cambist.venues.raydium.amm_v4 import AMM_V4, AmmV4, AmmV4Pool
from cambist.venues.raydium.amm_v4.pool import SWAP_ONLY, WAITING_TRADE
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected
from tests.onchain.counts import Count
from tests.onchain.machine import START_S, Machine, Outcome
from tests.onchain.releases import AMM_V4 as RELEASE

pytestmark = pytest.mark.timeout(600)

Find = Callable[[str], Path]
SWAPS = 1_000
FEES = {"25 bps": (25, 10_000), "1 %": (1, 100), "no fee": (0, 10_000)}


def key(name: str) -> Address:
    """Return an address that follows from a name."""
    return Address(encode(sha256(name.encode()).digest()))


class Site(NamedTuple):
    """A machine with one pool on it, and the trader's accounts."""

    machine: Machine
    pool: Address
    accounts: dict[Address, Address]
    program: AmmV4 = AMM_V4

    def read(self) -> AmmV4Pool:
        """Return the pool as it stands."""
        seen = self.machine.snapshot([self.pool])
        while missing := self.program.required_accounts(self.pool, seen):
            seen = self.machine.snapshot([*seen.accounts, *missing])
        return self.program.decode(self.pool, seen)

    def send(
        self, mint_in: Address, mode: SwapMode, amount: int, bound: int, program: AmmV4 = AMM_V4
    ) -> Outcome:
        """Trade on the chain."""
        pool = self.read()
        mint_out = pool.mint_b if mint_in == pool.mint_a else pool.mint_a
        own = self.accounts
        trade = SwapParams(
            self.machine.payer, own[mint_in], own[mint_out], mint_in, mode, amount, bound
        )
        return self.machine.send(program.instruction(pool, trade))


def build(
    program: Find, fee: tuple[int, int] = (25, 10_000), status: int = SWAP_ONLY, opens_s: int = 0,
    adapter: AmmV4 = AMM_V4,
) -> Site:  # fmt: skip
    """Write a pool's accounts: only an admin can make them."""
    machine = Machine()
    machine.load(AMM_V4.id, program(RELEASE.file))
    a, b = machine.mint("coin", 9), machine.mint("pc", 6)
    pool = AmmV4Pool(
        key("pool"), a, b, key("vault a"), key("vault b"), 777_777_777_777, 55_555_555_555,
        (1_234, 987), fee, key("orders"), key("book"), key("market"), status, opens_s, machine.time,
    )  # fmt: skip
    for account in AMM_V4.encode(pool):
        data = bytearray(account.data)
        if account.address == pool.address:
            # Numbers of the order book that the program checks though it trades on none.
            for at, number in ((16, 7), (24, 3), (48, 1), (64, 1), (72, 500), (80, 5), (88, 1),
                               (96, 1), (104, 1), (112, 10**9), (120, 10**9)):  # fmt: skip
                data[at : at + 8] = number.to_bytes(8, "little")
            for at, number in (
                (128, 5),
                (136, 10_000),
                (144, 25),
                (152, 10_000),
                (160, 12),
                (168, 100),
            ):
                data[at : at + 8] = number.to_bytes(8, "little")
        machine.put(replace(account, data=bytes(data)))
    machine.put(Account(pool.open_orders, pool.market_program, bytes(8)))
    own = {mint_.address: machine.fund(mint_, 10**16) for mint_ in (a, b)}
    return Site(machine, pool.address, own, adapter)


@pytest.mark.parametrize("fee", FEES.values(), ids=FEES)
@pytest.mark.parametrize("known", [True, False], ids=["release known", "any release"])
def test_swaps_are_those_of_the_program(
    program: Find, fee: tuple[int, int], known: bool, count: Count
) -> None:
    """Where the release is known the smallest amounts are quoted too; else they are refused."""
    site = build(program, fee, adapter=AmmV4(RELEASE.name) if known else AMM_V4)
    dice, tried = random.Random(7), count(RELEASE)
    while tried.equal < SWAPS:
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
            done = site.send(mint_in, mode, amount, bound).ok
            assert not (known and done)
            tried.refused(refused.refusal, done)
            continue
        with tried.quoted():
            assert fast(mint_in, amount) == (
                swap.amount_out if mode == "exact_in" else swap.amount_in
            )
            compare(site, mint_in, mode, amount, swap)


def compare(site: Site, mint_in: Address, mode: SwapMode, amount: int, swap: SwapResult) -> None:
    """Swap at the quote: amounts, log and end state are the quote's."""
    pool = site.read()
    mint_out = pool.mint_b if mint_in == pool.mint_a else pool.mint_a
    bound = swap.amount_out if mode == "exact_in" else swap.amount_in
    before = [site.machine.balance(site.accounts[mint]) for mint in (mint_in, mint_out)]
    outcome = site.send(mint_in, mode, amount, bound)
    assert outcome.ok, outcome.logs
    after = [site.machine.balance(site.accounts[mint]) for mint in (mint_in, mint_out)]
    moved = (before[0] - after[0], after[1] - before[1])
    assert moved == (swap.amount_in, swap.amount_out)
    assert site.read() == replace(swap.end, time=site.machine.time)
    (told,) = AMM_V4.parse_swaps(outcome.lines, outcome.inner)
    assert (told.amount_in, told.amount_out) == moved


@pytest.mark.parametrize("fee", FEES.values(), ids=FEES)
def test_the_smallest_amounts_are_those_of_the_release(
    program: Find, fee: tuple[int, int], count: Count
) -> None:
    site, tried = build(program, fee, adapter=AmmV4(RELEASE.name)), count(RELEASE)
    for amount in range(1, 240):
        for mint in (site.read().mint_a, site.read().mint_b):
            for mode in ("exact_in", "exact_out"):
                try:
                    swap = site.read().swap(mint, mode, amount)
                except PoolRejected as refused:
                    assert refused.refusal is RejectReason.PAYS_NOTHING  # noqa: PT017
                    bound = 0 if mode == "exact_in" else 2**63
                    done = site.send(mint, mode, amount, bound).ok
                    assert not done
                    tried.refused(refused.refusal, done)
                    continue
                with tried.quoted():
                    compare(site, mint, mode, amount, swap)


@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
def test_a_bound_that_is_one_unit_too_good_is_refused(program: Find, mode: SwapMode) -> None:
    site = build(program)
    pool = site.read()
    swap = pool.swap(pool.mint_a, mode, 1_000_000)
    bound = swap.amount_out + 1 if mode == "exact_in" else swap.amount_in - 1
    outcome = site.send(pool.mint_a, mode, 1_000_000, bound)
    known = AMM_V4.error(outcome.lines, outcome.number)
    assert known is not None
    assert (known.name, known.code) == ("ExceededSlippage", Code.SLIPPAGE_EXCEEDED)


def test_a_waiting_pool_opens_with_the_first_swap_after_its_time(program: Find) -> None:
    site = build(program, status=WAITING_TRADE, opens_s=START_S + 60)
    pool = site.read()
    with pytest.raises(PoolRejected) as refused:
        pool.swap(pool.mint_a, "exact_in", 10**6)
    assert refused.value.refusal is RejectReason.NOT_OPEN_YET
    outcome = site.send(pool.mint_a, "exact_in", 10**6, 0)
    known = AMM_V4.error(outcome.lines, outcome.number)
    assert known is not None
    assert known.name == "InvalidStatus"
    site.machine.wait(60)
    swap = site.read().swap(pool.mint_a, "exact_in", 10**6)
    assert site.send(pool.mint_a, "exact_in", 10**6, swap.amount_out).ok
    assert site.read() == replace(swap.end, time=site.machine.time)
    assert site.read().status == SWAP_ONLY


def test_more_than_a_trader_has_is_no_fault_of_the_bound(program: Find) -> None:
    site = build(program)
    pool = site.read()
    outcome = site.send(pool.mint_a, "exact_in", 10**17, 2**63)
    known = AMM_V4.error(outcome.lines, outcome.number)
    assert known is not None
    assert known.code is Code.INSUFFICIENT_FUNDS


def test_all_that_a_pool_holds_cannot_be_bought(program: Find) -> None:
    site = build(program)
    pool = site.read()
    with pytest.raises(PoolRejected) as refused:
        pool.swap(pool.mint_a, "exact_out", pool.reserve_b)
    assert refused.value.refusal is RejectReason.NOT_ENOUGH_LIQUIDITY
    assert not site.send(pool.mint_a, "exact_out", pool.reserve_b, 2**63).ok
    near = pool.reserve_b - 100_000
    swap = pool.swap(pool.mint_a, "exact_out", near)
    site.machine.fund(pool.token_a, 2**62)
    assert site.send(pool.mint_a, "exact_out", near, swap.amount_in).ok
    assert site.read() == replace(swap.end, time=site.machine.time)


def test_the_newer_call_is_unknown_to_the_older_program(program: Find) -> None:
    site = build(program)
    pool = site.read()
    assert not site.send(pool.mint_a, "exact_in", 10**6, 0, AmmV4("2025-09")).ok
