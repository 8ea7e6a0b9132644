"""Compare the edges of Meteora's DAMM v2 with the compiled program: gates, ranges, real pools."""

from __future__ import annotations

import json
import random
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from cambist.faults import Code
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.venues.meteora.damm_v2 import DAMM_V2, DammV2Pool, instructions
from cambist.venues.meteora.damm_v2.accounts import LAYOUT, PROGRAM
from cambist.venues.pool import SwapResult
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected
from cambist.venues.tokens import Mint, write_balance, write_mint
from tests.onchain.damm_v2_pools import (
    FUNDS,
    Made,
    Plan,
    limited_fee,
    make_pool,
    price_fee,
    time_fee,
)
from tests.onchain.damm_v2_swaps import KINDS, Bench, Kind
from tests.onchain.machine import START, START_S, Machine
from tests.onchain.test_damm_v2 import TIME_EXPONENTIAL, TIME_LINEAR

pytestmark = pytest.mark.timeout(600)
Find = Callable[[str], Path]
FindAll = Callable[[str], list[Path]]
IN, OUT, PARTIAL = KINDS[0], KINDS[3], KINDS[2]
RELEASES: Final = ("meteora_damm_v2", "meteora_damm_v2_0_1")
CAPTURED_SWAPS: Final = 250
NARROW: Final = Plan(collect=1, price_min=34 * 2**64 // 100, price_max=36 * 2**64 // 100)


def bench(file: Path, plan: Plan) -> Bench:
    machine = Machine()
    machine.load(PROGRAM, file)
    return Bench(machine, make_pool(machine, plan), counted="0_1" not in file.name)


def most(fits: Callable[[int], bool]) -> int:
    """Return the greatest amount that fits."""
    low, high = 1, 1 << 62
    while low < high:
        middle = low + high + 1 >> 1
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def fits(pool: DammV2Pool, kind: Kind, mint: Address) -> Callable[[int], bool]:
    fast = pool.amount_out if kind.mode == "exact_in" else pool.amount_in
    dust = 10**3
    return lambda amount: amount < dust or fast(mint, amount) > 0


@pytest.mark.parametrize("by_time", [True, False])
def test_a_pool_opens_at_its_second_or_slot(program: Find, by_time: bool) -> None:
    opens = (START_S if by_time else START.slot) + 30
    pit = bench(program(RELEASES[0]), Plan(TIME_LINEAR, by_time=by_time, opens_at=opens))
    assert pit.made.instruction is not None
    told = DAMM_V2.parse_pool_created(pit.made.instruction)
    assert told is not None
    assert (told.pool, told.mint_a, told.mint_b) == pit.made.accounts
    assert told.opens_s == (opens if by_time else None)
    early = pit.pool
    for kind in KINDS:
        assert pit.swap(kind, early.mint_a, 10**6) is RejectReason.NOT_OPEN_YET
    assert early.amount_out(early.mint_a, 10**6) == 0
    pit.machine.wait(29, 29)
    assert pit.swap(IN, early.mint_b, 10**6) is RejectReason.NOT_OPEN_YET
    pit.machine.wait(1, 1)
    done = pit.swap(IN, early.mint_b, 10**6)
    assert done == early.at(pit.machine.time).swap(early.mint_b, "exact_in", 10**6)


def test_a_pool_switched_off_refuses(program: Find) -> None:
    pit = bench(program(RELEASES[0]), Plan())
    state = replace(pit.pool.state, status=1)
    account = pit.machine.get(pit.made.pool)
    assert account is not None
    data = LAYOUT.write(state, account.data)
    pit.machine.put(replace(account, data=data))
    assert pit.swap(IN, pit.pool.mint_a, 10**6) is RejectReason.DISABLED


@pytest.mark.parametrize("collect", [0, 1, 2])
@pytest.mark.parametrize("release", RELEASES)
def test_one_unit_in_or_out_is_swapped_or_refused_alike(
    program: Find, release: str, collect: int
) -> None:
    if collect == 2 and release == RELEASES[1]:
        pytest.skip("compounding came later")
    for price in (2**64 // 100, 2**64, 2**64 * 100):
        pit = bench(program(release), Plan(collect=collect, price=price))
        for kind in KINDS:
            for mint in (pit.pool.mint_a, pit.pool.mint_b):
                for amount in (1, 2, 3):
                    pit.swap(kind, mint, amount)


@pytest.mark.parametrize("kind", [IN, OUT])
@pytest.mark.parametrize("of_a", [True, False])
def test_the_last_amount_in_range_swaps_and_one_more_does_not(
    program: Find, kind: Kind, of_a: bool
) -> None:
    pit = bench(program(RELEASES[0]), NARROW)
    pool = pit.pool
    mint = pool.mint_a if of_a else pool.mint_b
    last = most(fits(pool, kind, mint))
    assert pit.swap(kind, mint, last + 1) is RejectReason.PRICE_LIMIT
    done = pit.swap(kind, mint, last)
    assert isinstance(done, SwapResult)


@pytest.mark.parametrize("of_a", [True, False])
@pytest.mark.parametrize("release", RELEASES)
def test_a_partial_fill_stops_at_the_edge_and_the_way_back_is_open(
    program: Find, release: str, of_a: bool
) -> None:
    pit = bench(program(release), NARROW)
    pool = pit.pool
    here, there = (pool.mint_a, pool.mint_b) if of_a else (pool.mint_b, pool.mint_a)
    done = pit.swap(PARTIAL, here, 10**15)
    assert isinstance(done, SwapResult)
    assert done.amount_in < 10**15
    assert pit.pool.state.price == (NARROW.price_min if of_a else NARROW.price_max)
    assert pit.swap(PARTIAL, here, 10**6) is RejectReason.PRICE_LIMIT
    assert pit.swap(IN, here, 10**6) is RejectReason.PRICE_LIMIT
    assert isinstance(pit.swap(IN, there, 10**6), SwapResult)
    assert isinstance(pit.swap(OUT, here, 10**4), SwapResult)


@pytest.mark.parametrize("collect", [0, 1, 2])
def test_no_pool_pays_out_all_it_holds(program: Find, collect: int) -> None:
    pit = bench(program(RELEASES[0]), Plan(collect=collect))
    for mint in (pit.pool.mint_a, pit.pool.mint_b):
        last = most(fits(pit.pool, OUT, mint))
        assert isinstance(pit.swap(OUT, mint, last + 1), RejectReason)
        side = pit.pool.giving_a if mint == pit.pool.mint_a else pit.pool.giving_b
        assert isinstance(pit.swap(OUT, mint, side.held), RejectReason)
        assert isinstance(pit.swap(OUT, mint, last * 99 // 100), SwapResult)


@pytest.mark.parametrize("release", RELEASES)
def test_a_limited_pool_is_swapped_once_in_a_transaction(program: Find, release: str) -> None:
    pit = bench(program(release), Plan(limited_fee(10**7, 100, 600, 5_000, 10**6), collect=1))
    b = pit.pool.mint_b
    twice = [pit.call(IN, b, 10**7, 0), pit.call(IN, b, 10**7 + 1, 0)]
    outcome = pit.machine.send(*twice)
    assert pit.error(outcome) == "FailToValidateSingleSwapInstruction"
    assert DAMM_V2.error((), outcome.number) == DAMM_V2.error(outcome.lines, None)
    pit.machine.wait(600, 600)
    limited = pit.swap(IN, b, 10**8)
    exact = pit.swap(OUT, b, 10**8)
    pit.machine.wait(1, 1)
    assert pit.pool.giving_b.limiter is None
    free = pit.swap(IN, b, 10**8)
    assert isinstance(limited, SwapResult)
    assert isinstance(exact, SwapResult)
    assert isinstance(free, SwapResult)
    assert limited.fees.trade > 5 * free.fees.trade
    pit.machine.must(*twice)


@pytest.mark.parametrize("plan", [TIME_LINEAR, TIME_EXPONENTIAL])
def test_a_quote_of_now_under_a_later_clock_is_the_swap_of_then(program: Find, plan: bytes) -> None:
    pit = bench(program(RELEASES[0]), Plan(plan, (10, 120, 5_000, 14_460_000, 956), 1))
    rng = random.Random(3)
    for _ in range(60):
        before, wait = pit.pool, rng.choice((1, 9, 10, 24, 25, 119, 120, 3_000))
        mint = rng.choice((before.mint_a, before.mint_b))
        pit.machine.wait(wait, wait * 2)
        quoted = before.at(pit.machine.time).swap(mint, "exact_in", 10**7)
        assert pit.swap(IN, mint, 10**7) == quoted


def test_a_fee_that_falls_with_the_price_ends_with_its_time(program: Find) -> None:
    base = price_fee(300_000_000, 150, (20, 500), 1_900_000)
    pit = bench(program(RELEASES[0]), Plan(base, collect=1))
    pit.machine.wait(500, 1)
    dear = pit.swap(IN, pit.pool.mint_b, 10**6)
    pit.machine.wait(1, 1)
    cheap = pit.swap(IN, pit.pool.mint_b, 10**6)
    assert isinstance(dear, SwapResult)
    assert isinstance(cheap, SwapResult)
    assert (dear.fees.trade, cheap.fees.trade) == (300_000, 15_000)


@pytest.mark.parametrize(("version", "cap_percent"), [(0, 50), (1, 99)])
@pytest.mark.parametrize("release", RELEASES)
def test_a_fee_has_its_cap_by_the_version_of_the_pool(
    program: Find, release: str, version: int, cap_percent: int
) -> None:
    base = time_fee(985_000_000, 600, 50, 60, exponential=True)
    pit = bench(program(release), Plan(base, (10, 120, 5_000, 14_460_000, 16_000_000), 1))
    account = pit.machine.get(pit.made.pool)
    assert account is not None
    # A volatility that alone would cost more than the cap.
    state = replace(LAYOUT.read(account.data), fee_version=version, now=14_000_000)
    pit.machine.put(replace(account, data=LAYOUT.write(state, account.data)))
    for kind in KINDS:
        for mint in (pit.pool.mint_a, pit.pool.mint_b):
            assert pit.pool.giving_a.fee == cap_percent * 10_000_000
            done = pit.swap(kind, mint, 10**6)
            assert isinstance(done, SwapResult)
            pit.machine.put(replace(account, data=LAYOUT.write(state, account.data)))


def test_errors_are_known_by_name(program: Find) -> None:
    pit = bench(program(RELEASES[0]), Plan())
    outcome = pit.machine.send(pit.call(IN, pit.pool.mint_a, 10**6, 10**17))
    known = DAMM_V2.error(outcome.lines, outcome.number)
    assert known is not None
    assert known.code is Code.SLIPPAGE_EXCEEDED


def capture(machine: Machine, file: Path) -> Made:
    """Put a real pool on the machine, with mints and vaults as its own bytes name them."""
    data = b64decode(json.loads(file.read_text())["account"]["data"][0])
    address = Address(json.loads(file.read_text())["pubkey"])
    state = LAYOUT.read(data)
    machine.put(Account(address, PROGRAM, data))
    mints, holds = [], []
    for mint, flag, vault in (
        (state.mint_a, state.flag_a, state.vault_a),
        (state.mint_b, state.flag_b, state.vault_b),
    ):
        made = Mint(mint, TOKEN_2022_PROGRAM if flag else TOKEN_PROGRAM, 6)
        machine.put(write_mint(made))
        machine.put(write_balance(vault, made, instructions.AUTHORITY, FUNDS), FUNDS)
        holds.append(machine.fund(made, FUNDS))
        mints.append(made)
    return Made(address, *mints, *holds)


@pytest.mark.parametrize("release", RELEASES)
def test_real_pools_swap_as_quoted(program: Find, captures: FindAll, release: str) -> None:
    for file in captures("meteora_damm_v2"):
        machine = Machine()
        machine.load(PROGRAM, program(release))
        pit = Bench(machine, capture(machine, file), counted=release == RELEASES[0])
        rng = random.Random(file.name)
        while pit.count.equal < CAPTURED_SWAPS:
            machine.wait(rng.choice((0, 1, 11, 60, 200)))
            pit.random_swap(rng, 50)
        print(f"{file.stem}: {pit.count.equal} swaps equal")


def test_a_pool_of_another_program_is_refused(program: Find) -> None:
    pit = bench(program(RELEASES[0]), Plan())
    account = pit.machine.get(pit.made.pool)
    assert account is not None
    pit.machine.put(replace(account, owner=TOKEN_PROGRAM))
    with pytest.raises(PoolRejected) as refused:
        DAMM_V2.decode(pit.made.pool, pit.machine.snapshot(pit.made.accounts))
    assert refused.value.refusal is RejectReason.WRONG_OWNER
