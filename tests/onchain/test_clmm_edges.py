"""Hold CLMM pools to the compiled program at their edges: gates, drains, arrays, and errors."""

from __future__ import annotations

import random
import struct

import pytest
from msgspec.structs import replace

from cambist.curves.ticks import sqrt_at_tick
from cambist.faults import Code
from cambist.values.route import SwapMode
from cambist.venues.program import SwapParams
from cambist.venues.raydium.clmm import CLMM, ClmmPool, clmm_program
from cambist.venues.raydium.clmm.instructions import instruction
from cambist.venues.raydium.clmm.tick_arrays import array_address, extension_address
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected, Snapshot
from tests.onchain.clmm_site import Find, Plan, Site, build
from tests.onchain.machine import START_S, Outcome

pytestmark = pytest.mark.timeout(600)

NARROW = Plan(10, 2_500, sqrt_at_tick(3) + 5, ((-20, 30, 10**9),))
APART = Plan(10, 2_500, sqrt_at_tick(3) + 5, ((-20, 30, 10**9), (5_000, 5_040, 10**9)))
WIDE = Plan(10, 2_500, sqrt_at_tick(3) + 5, tuple(
    (-600 * n, 600 * n, 10**9) for n in range(1, 8)
))  # fmt: skip
WHOLE = Plan(1, 100, sqrt_at_tick(3) + 5, ((-443_636, 443_636, 10**9),))


GONE = {"LiquidityInsufficient", "MissingTickArrayBitmapExtensionAccount"}
"""How the program calls it when no more arrays are set; without their account it cannot know."""


def refusal(pool: ClmmPool, trade: SwapParams) -> RejectReason:
    """Return why a pool refuses a trade."""
    with pytest.raises(PoolRejected) as refused:
        pool.swap(trade.mint_in, trade.mode, trade.amount)
    return refused.value.refusal


def name(outcome: Outcome) -> str:
    """Return what the program calls its error; its number says the same."""
    assert not outcome.ok
    known = CLMM.error(outcome.lines, outcome.number)
    assert known is not None, outcome.logs
    assert CLMM.error((), outcome.number) == known
    return known.name


def drained(site: Site, trade: SwapParams) -> str:
    """Return how the program refuses a trade."""
    return name(site.swap(replace(trade, bound=0 if trade.mode == "exact_in" else trade.bound)))


@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
def test_a_bound_that_is_one_unit_too_good_is_refused_by_name(
    program: Find, mode: SwapMode
) -> None:
    site = build(program, WIDE)
    pool = site.read()
    swap = pool.swap(pool.mint_b, mode, 1_000_000)
    bound = swap.amount_out + 1 if mode == "exact_in" else swap.amount_in - 1
    trade = replace(site.trade(pool, pool.mint_b, mode, 1_000_000), bound=bound)
    outcome = site.swap(trade)
    names = {"exact_in": "TooLittleOutputReceived", "exact_out": "TooMuchInputPaid"}
    assert name(outcome) == names[mode]
    assert CLMM.errors[names[mode]] is Code.SLIPPAGE_EXCEEDED
    # The same number means something else to the release of 2026.
    assert clmm_program(renewed=True).error((), outcome.number) != CLMM.error((), outcome.number)


def test_a_pool_opens_in_the_second_after_its_time_on_both(program: Find) -> None:
    site = build(program, WIDE)
    account = site.machine.get(site.pool)
    assert account is not None
    # The release of April makes no pool that opens later; there are some from before.
    opens = struct.pack("<Q", START_S + 100)
    site.machine.put(replace(account, data=account.data[:1080] + opens + account.data[1088:]))
    pool = site.read()
    trade = site.trade(pool, pool.mint_a, "exact_in", 10**6)
    assert refusal(pool, trade) is RejectReason.NOT_OPEN_YET
    assert name(site.swap(trade)) == "RequireGtViolated"
    later = pool.at(pool.time.later(90))
    assert refusal(later, trade) is RejectReason.NOT_OPEN_YET
    site.machine.wait(90)
    assert name(site.swap(trade)) == "RequireGtViolated"
    site.machine.wait(1)
    opened = pool.at(pool.time.later(91))
    site.agree(pool, trade, opened.swap(trade.mint_in, "exact_in", trade.amount))


def test_a_pool_switched_off_is_refused_by_both(program: Find) -> None:
    site = build(program, WIDE)
    account = site.machine.get(site.pool)
    assert account is not None
    data = account.data
    site.machine.put(replace(account, data=data[:389] + b"\x10" + data[390:]))
    pool = site.read()
    trade = site.trade(pool, pool.mint_a, "exact_in", 10**6)
    assert refusal(pool, trade) is RejectReason.DISABLED
    assert name(site.swap(trade)) == "NotApproved"
    site.machine.put(replace(account, data=data[:389] + b"\x0f" + data[390:]))
    pool = site.read()
    site.agree(pool, trade, pool.swap(trade.mint_in, "exact_in", trade.amount))


def test_one_unit_pays_nothing_on_both(program: Find) -> None:
    site = build(program, WIDE)
    pool = site.read()
    for mint in (pool.mint_a, pool.mint_b):
        trade = site.trade(pool, mint, "exact_in", 1)
        assert refusal(pool, trade) is RejectReason.PAYS_NOTHING
        assert name(site.swap(trade)) == "TooSmallInputOrOutputAmount"
        one = site.trade(pool, mint, "exact_out", 1)
        pool = site.agree(pool, one, pool.swap(mint, "exact_out", 1))


@pytest.mark.parametrize("plan", [NARROW, APART], ids=["one range", "two ranges apart"])
@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
def test_all_that_lies_ahead_can_be_bought_and_not_a_unit_more(
    program: Find, plan: Plan, mode: SwapMode
) -> None:
    for side in ("mint_a", "mint_b"):
        site = build(program, plan)
        pool = site.read()
        mint: str = getattr(pool, side)
        walk = pool.ways[mint].walk
        pool.amount_out(mint, 2**62)
        most = walk.given[-1] if mode == "exact_in" else walk.paid[-1]
        more = site.trade(pool, pool.mint_a if side == "mint_a" else pool.mint_b, mode, most + 1)
        assert refusal(pool, more) is RejectReason.NOT_ENOUGH_LIQUIDITY
        assert drained(site, more) in GONE
        # The last tick is crossed, and nothing is left in force.
        all_of_it = replace(more, amount=most)
        end = site.agree(pool, all_of_it, pool.swap(more.mint_in, mode, most))
        assert end.tick_state.liquidity == 0
        # What fees are left in the vault keep the pool from being frozen.
        again = site.trade(end, more.mint_in, mode, 10)
        assert refusal(end, again) is RejectReason.NOT_ENOUGH_LIQUIDITY
        assert not site.swap(replace(again, arrays=more.arrays)).ok
        back = pool.mint_b if side == "mint_a" else pool.mint_a
        trade = site.trade(end, back, "exact_in", 10**5)
        site.agree(end, trade, end.swap(back, "exact_in", 10**5))


def test_a_pool_whose_vault_is_emptied_is_frozen_on_both(program: Find) -> None:
    site = build(program, NARROW)
    pool = site.read()
    swap = pool.swap(pool.mint_a, "exact_in", 10**6)
    vault = site.machine.get(pool.vault_b)
    assert vault is not None
    for held in (swap.amount_out - 1, swap.amount_out):
        data = vault.data[:64] + struct.pack("<Q", held) + vault.data[72:]
        site.machine.put(replace(vault, data=data))
        pool = site.read()
        trade = site.trade(pool, pool.mint_a, "exact_in", 10**6)
        if held < swap.amount_out:
            assert refusal(pool, trade) is RejectReason.NOT_ENOUGH_LIQUIDITY
            assert not site.swap(trade).ok
            continue
        end = site.agree(pool, trade, pool.swap(pool.mint_a, "exact_in", 10**6))
        assert end.status == 255
        assert refusal(end, trade) is RejectReason.DISABLED
        assert name(site.swap(trade)) == "NotApproved"


def test_the_end_of_all_prices_is_an_end_on_both(program: Find) -> None:
    for side in ("mint_a", "mint_b"):
        site = build(program, WHOLE)
        pool = site.read()
        mint = pool.mint_a if side == "mint_a" else pool.mint_b
        pool.amount_out(mint, 2**63)
        most = pool.ways[mint].walk.given[-1]
        assert most < 2**63
        trade = site.trade(pool, mint, "exact_in", most + 1)
        assert refusal(pool, trade) is RejectReason.PRICE_LIMIT
        assert name(site.swap(trade)) == "RequireEqViolated"
        last = replace(trade, amount=most)
        site.agree(pool, last, pool.swap(mint, "exact_in", most))


def test_an_array_that_is_not_at_hand_is_named_and_asked_for(program: Find) -> None:
    site = build(program, WIDE)
    pool = site.read()
    swap = pool.swap(pool.mint_a, "exact_in", 5 * 10**8)
    assert len(swap.touched) > 2
    accounts = {account.address: account for account in CLMM.encode(pool)}
    for at, missing in enumerate(swap.touched):
        seen = Snapshot({k: v for k, v in accounts.items() if k != missing}, pool.time)
        assert CLMM.required_accounts(pool.address, seen) == (missing,)
        less = CLMM.decode(pool.address, seen)
        with pytest.raises(PoolRejected) as refused:
            less.swap(pool.mint_a, "exact_in", 5 * 10**8)
        assert (refused.value.refusal, refused.value.seen) == (
            RejectReason.ACCOUNT_MISSING,
            missing,
        )
        assert less.amount_out(pool.mint_a, 5 * 10**8) == 0
        if at > 1:
            assert less.swap(pool.mint_a, "exact_in", 10).amount_out > 0
        # The program needs the same arrays: without one of them it stops.
        arrays = tuple(address for address in pool.ahead(pool.mint_a) if address != missing)
        trade = replace(site.trade(pool, pool.mint_a, "exact_in", 5 * 10**8), arrays=arrays)
        assert name(site.swap(trade)) in {
            "NotEnoughTickArrayAccount",
            "InvalidFirstTickArrayAccount",
        }


def test_the_arrays_touched_are_all_that_the_program_asks_for(program: Find) -> None:
    dice = random.Random(3)
    site = build(program, WIDE)
    pool = site.read()
    for _ in range(60):
        mint = dice.choice([pool.mint_a, pool.mint_b])
        mode: SwapMode = dice.choice(["exact_in", "exact_out"])
        amount = dice.randint(10, 10 ** dice.randint(2, 8))
        trade = site.trade(pool, mint, mode, amount)
        try:
            swap = pool.swap(mint, mode, amount)
        except PoolRejected:
            continue
        pool = site.agree(pool, replace(trade, arrays=swap.touched), swap)


def test_bits_beyond_are_asked_for_where_they_can_be(program: Find) -> None:
    site = build(program, Plan(1, 100, sqrt_at_tick(30_650) + 9, ((30_640, 30_900, 10**9),)))
    pool = site.read()
    beyond = extension_address(pool.address)
    accounts = {
        account.address: account for account in CLMM.encode(pool) if account.address != beyond
    }
    seen = Snapshot(accounts, pool.time)
    assert CLMM.required_accounts(pool.address, seen) == (beyond,)
    less = CLMM.decode(pool.address, seen)
    with pytest.raises(PoolRejected) as refused:
        less.swap(pool.mint_b, "exact_in", 10**3)
    assert (refused.value.refusal, refused.value.seen) == (RejectReason.ACCOUNT_MISSING, beyond)
    trade = site.trade(pool, pool.mint_b, "exact_in", 10**6)
    call = instruction(pool, trade)
    assert beyond in {account.address for account in call.accounts}
    without = replace(
        call, accounts=tuple(account for account in call.accounts if account.address != beyond)
    )
    assert name(site.machine.send(without)) == "MissingTickArrayBitmapExtensionAccount"
    site.agree(pool, trade, pool.swap(pool.mint_b, "exact_in", 10**6))


def test_an_empty_array_address_is_where_the_program_puts_it(program: Find) -> None:
    site = build(program, NARROW)
    pool = site.read()
    assert pool.shelf.starts == (-600, 0)
    assert all(site.machine.get(array_address(pool.address, start)) for start in pool.shelf.starts)
