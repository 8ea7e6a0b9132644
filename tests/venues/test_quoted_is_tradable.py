"""Hold every program to this: what is quoted fits the instruction, and the program does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.sample_pools import made, site
from cambist.curves.bins import price_at
from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.values.route import Quote, SwapMode
from cambist.values.time_units import Slot
from cambist.venues.constant_product import ConstantProductPool
from cambist.venues.meteora.damm_v2.pool import pool_at
from cambist.venues.meteora.dlmm import Dlmm
from cambist.venues.meteora.dlmm.accounts import Bin
from cambist.venues.pool import Pool
from cambist.venues.quoting import worst_case
from cambist.venues.raydium.amm_v4 import AmmV4Pool
from cambist.venues.raydium.cpmm import CpmmFeeRates, CpmmPool, Release, cpmm_program
from cambist.venues.registry import PROGRAMS
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import SLOTS_PER_EPOCH, ChainTime, PoolRejected, Snapshot
from cambist.venues.tokens import FeeChange, Mint, Power, read_mint, write_mint
from tests.venues import laws
from tests.venues.dlmm_pools import KEYS, NOW, X, Y, plain_pool

A, B = X, Y
RISING = FeeChange(NO_FEE, TransferFee(1_000, RAW_MAX), 901)
FALLING = FeeChange(TransferFee(1_000, RAW_MAX), NO_FEE, 901)
TAXED = tuple(name for name in PROGRAMS if name not in {"amm_v4", "damm_v1"})


def _mint(address: Address, fee: TransferFee = NO_FEE) -> Mint:
    return Mint(address, TOKEN_2022_PROGRAM if fee.bps else TOKEN_PROGRAM, 6, fee)


def _amm_v4(x: int, y: int, fee: tuple[int, int] = (25, 10_000)) -> AmmV4Pool:
    a, b = _mint(A), _mint(B)
    keys = KEYS[3:6]
    return AmmV4Pool(KEYS[0], a, b, KEYS[1], KEYS[2], x, y, (0, 0), fee, *keys, 6, 0, NOW)


def _cpmm(
    x: int, y: int, rates: CpmmFeeRates, fees: tuple[TransferFee, TransferFee] = (NO_FEE, NO_FEE)
) -> CpmmPool:
    a, b = _mint(A, fees[0]), _mint(B, fees[1])
    keys = KEYS[3:5]
    return CpmmPool(KEYS[0], a, b, KEYS[1], KEYS[2], x, y, (0, 0), rates, *keys, 0, 0, NOW)


def _two_reserves(x: int, y: int) -> list[Pool]:
    plain = ConstantProductPool("raydium", KEYS[0], A, B, x, y, 2_500, Slot(1))
    return [
        _amm_v4(x, y),
        _amm_v4(x, y, (0, 1)),
        _cpmm(x, y, CpmmFeeRates(2_500, 120_000, 40_000)),
        _cpmm(x, y, CpmmFeeRates(2_500, 0, 0, 500, "mint_b")),
        plain,
        replace(plain, fee_ppm=0),
        replace(plain, fee_ppm=1_000_000),
    ]


@pytest.mark.parametrize("reserves", [(0, 10**9), (10**9, 0), (0, 0)])
@pytest.mark.parametrize("amount", [-1, 0, 1, 199, 1_000, 10**9 - 1, 10**9, 2**64 - 1, 2**64])
def test_a_pool_with_an_empty_reserve_is_refused(reserves: tuple[int, int], amount: int):
    for pool in _two_reserves(*reserves):
        for mint in (A, B):
            laws.fast_is_full(pool, mint, amount)
            for mode in ("exact_in", "exact_out"):
                assert laws.tried(pool, mint, mode, amount) is None
            assert list(pool.segments(mint)) == []


@given(
    st.integers(0, RAW_MAX), st.integers(0, RAW_MAX), st.integers(0, 2**65), st.sampled_from([A, B])
)
def test_no_pool_of_two_reserves_pays_a_whole_one(x: int, y: int, amount: int, mint: Address):
    for pool in _two_reserves(x, y):
        laws.fast_is_full(pool, mint, amount)
        laws.what_is_quoted_fits(pool, mint, amount)
        swap = laws.tried(pool, mint, "exact_in", amount)
        assert swap is None or swap.amount_out < (y if mint == A else x)


def test_no_amount_past_64_bits_leaves_a_pool_with_the_mints_fees_counted():
    fees = TransferFee(9_999, RAW_MAX), NO_FEE
    pool = _cpmm(10**12, 10**12, CpmmFeeRates(2_500, 120_000, 40_000), fees)
    for amount in (999_000_000_000, 999_900_000_000):
        laws.fast_is_full(pool, A, amount)
        laws.what_is_quoted_fits(pool, A, amount)
    assert pool.amount_in(A, 999_900_000_000) == 0
    with pytest.raises(PoolRejected) as refused:
        pool.swap(A, "exact_out", 999_900_000_000)
    assert refused.value.refusal is RejectReason.AMOUNT_OVERFLOWS
    # As an exact amount in: what would arrive fits, what is sent does not.
    assert pool.amount_out(A, 2**64) == 0
    assert laws.tried(pool, A, "exact_in", 2**64) is None


@pytest.mark.parametrize("name", PROGRAMS)
@given(
    amount=st.one_of(st.integers(0, 2**65), st.integers(2**63, 2**65)),
    bps=st.sampled_from([0, 50, 9_999, 10_000]),
    maximum=st.sampled_from([0, 1, 10**6, RAW_MAX]),
    swapped=st.booleans(),
)
def test_what_a_program_quotes_fits_its_instruction(
    name: str, amount: int, bps: int, maximum: int, *, swapped: bool
):
    pool = _with_fees(name, TransferFee(bps, maximum) if name in TAXED else NO_FEE)
    mint = pool.mint_b if swapped else pool.mint_a
    laws.fast_is_full(pool, mint, amount)
    laws.what_is_quoted_fits(pool, mint, amount)


def _with_fees(name: str, fee: TransferFee, change: FeeChange | None = None) -> Pool:
    """Return a pool of a program whose first mint has this fee, or these."""
    pool: Pool = replace(made(name, site("taxed", 10**8)), time=NOW)  # type: ignore[type-var]
    if fee == NO_FEE and change is None:
        return pool
    field = {"cpmm": "token_a", "clmm": "token_a", "dlmm": "x", "damm_v2": "a"}[name]
    mint = replace(getattr(pool, field), token_program=TOKEN_2022_PROGRAM, fee=fee, change=change)
    if name == "damm_v2":
        state = replace(pool.state, flag_a=1)  # type: ignore[attr-defined]
        return pool_at(pool.address, state, (mint, pool.b), NOW)  # type: ignore[attr-defined]
    if name == "dlmm":
        pool = replace(pool, pair=replace(pool.pair, flag_x=1))  # type: ignore[attr-defined,type-var]
    return replace(pool, **{field: mint})  # type: ignore[type-var]


@pytest.mark.parametrize("mode", ["exact_in", "exact_out"])
def test_cpmm_without_any_fee_is_what_its_release_makes_of_it(mode: SwapMode):
    pool = _cpmm(10**12, 10**12, CpmmFeeRates(0, 0, 0))
    accounts = Snapshot({account.address: account for account in cpmm_program().encode(pool)}, NOW)
    releases: dict[Release, int] = {"2025-02": 1_000_000, "2026-04": 0}
    for release, amount in releases.items():
        told = cpmm_program(release).decode(pool.address, accounts)
        laws.fast_is_full(told, A, 1_000_000)
        swap = laws.tried(told, A, mode, 1_000_000)
        assert (swap is not None) == bool(amount)
    refused = cpmm_program("2026-04").decode(pool.address, accounts)
    with pytest.raises(PoolRejected) as why:
        refused.swap(A, mode, 1_000_000)
    assert why.value.refusal is RejectReason.NO_FEE_AT_ALL
    # A creator's fee alone is enough, and one that is taken of the other side is not divided.
    assert _cpmm(10**12, 10**12, CpmmFeeRates(0, 0, 0, 500)).amount_out(A, 10**6)
    assert _cpmm(10**12, 10**12, CpmmFeeRates(0, 0, 0, 500, "mint_b")).amount_out(A, 10**6)


# ---------------------------------------------------------------------- fees of mints by the epoch


@given(
    st.builds(TransferFee, st.integers(0, 10_000), st.integers(0, RAW_MAX)),
    st.builds(TransferFee, st.integers(0, 10_000), st.integers(0, RAW_MAX)),
    st.integers(0, 2_000),
)
def test_a_change_of_fee_is_read_as_it_was_written(
    older: TransferFee, newer: TransferFee, since: int
):
    change = FeeChange(older, newer, since)
    mint = Mint(A, TOKEN_2022_PROGRAM, 6, change.at(900), None if older == newer else change)
    seen = Snapshot({A: write_mint(mint)}, NOW)
    assert read_mint(seen, A) == mint
    assert mint.at(since).fee == newer
    assert mint.fee_changes(since - 1) == (older != newer)


@pytest.mark.parametrize("name", TAXED)
@pytest.mark.parametrize("change", [RISING, FALLING])
def test_a_pool_under_the_clock_of_another_epoch_takes_that_epochs_fee(
    name: str, change: FeeChange
):
    pool = _with_fees(name, change.at(900), change)
    assert pool.is_time_dependent
    later = pool.at(replace(NOW, epoch=901))
    for mint in (pool.mint_a, pool.mint_b):
        known = _with_fees(name, change.newer)
        assert later.amount_out(mint, 10**7) == known.amount_out(mint, 10**7)
        assert later.amount_in(mint, 10**7) == known.amount_in(mint, 10**7)
        laws.fast_is_full(later, mint, 10**7)
    assert later.at(NOW).amount_out(pool.mint_a, 10**7) == pool.amount_out(pool.mint_a, 10**7)


@pytest.mark.parametrize("name", TAXED)
@pytest.mark.parametrize("change", [RISING, FALLING])
@pytest.mark.parametrize("left", [7, 9])
def test_a_bound_near_the_end_of_an_epoch_rests_on_the_worse_of_both_fees(
    name: str, change: FeeChange, left: int
):
    time = ChainTime(Slot(901 * SLOTS_PER_EPOCH - left), NOW.unix_s, 900)
    pool = _with_fees(name, change.at(900), change).at(time)
    then = pool.at(replace(time, epoch=901))
    for mode in ("exact_in", "exact_out"):
        held = worst_case(pool, pool.mint_a, mode, 10**7)
        now, next_ = (state.swap(pool.mint_a, mode, 10**7) for state in (pool, then))
        near = [now, next_] if left < 8 else [now]
        if mode == "exact_in":
            assert held.amount_out == min(address.amount_out for address in near)
        else:
            assert held.amount_in == max(address.amount_in for address in near)


def test_nobody_knows_when_an_epoch_ends_that_is_not_the_main_chains():
    assert ChainTime(Slot(5), 0, 900).may_be_next_epoch(1)
    assert not ChainTime(Slot(5), 0, 0).may_be_next_epoch(1)
    assert ChainTime(Slot(SLOTS_PER_EPOCH - 1), 0, 0).may_be_next_epoch(1)


# ---------------------------------------------------------------------------------- DLMM's releases


def _release(pool: Pool, *, orders: bool) -> Pool:
    program = Dlmm(orders=orders)
    accounts = {account.address: account for account in program.encode(pool)}  # type: ignore[arg-type]
    return program.decode(pool.address, Snapshot(accounts, NOW))


def test_before_0_12_a_drained_bin_takes_its_price_and_the_swap_goes_on():
    drained = Bin(2, price_at(2, 125), 0, 559)
    terms = {"bin_step": 125, "active_id": 2, "index_reference": 2, "base_factor": 20_000,
             "protocol_share_bps": 0, "variable_fee_control": 0}  # fmt: skip
    alone = plain_pool(drained, **terms)
    newer, older = _release(alone, orders=True), _release(alone, orders=False)
    assert newer.amount_out(A, 561) == 559
    assert older.amount_out(A, 561) == 0
    assert laws.tried(older, A, "exact_in", 561) is None
    assert older.amount_out(A, 560) == newer.amount_out(A, 560) == 559
    behind = plain_pool(drained, Bin(1, price_at(1, 125), 0, 10**6), **terms)
    ends = [
        _release(behind, orders=has_orders).swap(A, "exact_in", 561).end
        for has_orders in (True, False)
    ]
    assert [end.pair.active_id for end in ends] == [2, 1]  # type: ignore[attr-defined]


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=4),
    st.integers(0, 3 * 10**6),
    st.sampled_from([10, 125]),
)
def test_before_0_12_the_fast_way_is_the_whole_swap(held: list[int], amount: int, step: int):
    bins = [Bin(-n, price_at(-n, step), 0, y) for n, y in enumerate(held)]
    pool = _release(plain_pool(*bins, bin_step=step), orders=False)
    edges = [segment[4] for segment in pool.segments(A)]
    for given_ in (amount, sum(edges), sum(edges) + 1, edges[0] + 1, edges[0] + 2):
        laws.fast_is_full(pool, A, given_)


def test_what_a_bin_pays_beyond_the_amount_asked_for_is_the_protocols():
    pool = plain_pool(
        Bin(3_000, price_at(3_000, 100), 0, 10**15), bin_step=100, active_id=3_000,
        index_reference=3_000, collect_fee_mode=1, protocol_share_bps=500, variable_fee_control=0,
    )  # fmt: skip
    swap = pool.swap(A, "exact_out", 1_000)
    assert (swap.amount_in, swap.amount_out) == (1, 1_000)
    # The bin pays 9,207,070,917,794; less its fee of 1 % and the amount; with 5 % of the fee.
    assert swap.end.pair.protocol_fee_y == 9_119_603_743_074  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------- powers over mints


@pytest.mark.parametrize("name", TAXED)
def test_a_pool_of_a_mint_with_a_power_is_quoted_as_without_and_warns(name: str):
    pool = _with_fees(name, TransferFee(50, RAW_MAX))
    field = {"cpmm": "token_a", "clmm": "token_a", "dlmm": "x", "damm_v2": "a"}[name]
    mint = replace(getattr(pool, field), powers=(Power.PERMANENT_DELEGATE,))
    held = replace(pool, **{field: mint})  # type: ignore[type-var]
    quotes = [state.quote(state.mint_a, "exact_in", 10**7) for state in (pool, held)]
    assert all(isinstance(quote, Quote) for quote in quotes)
    assert [len(quote.warnings) for quote in quotes] == [0, 1]  # type: ignore[union-attr]
    assert quotes[0].amount_out == quotes[1].amount_out  # type: ignore[union-attr]
