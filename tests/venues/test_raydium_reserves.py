"""Hold Raydium's pools of two reserves, CPMM and AMM v4, to the laws of every pool."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.values.route import SwapMode
from cambist.values.time_units import Slot
from cambist.values.token import RAY, SOL, USDC
from cambist.venues.pool import Pool
from cambist.venues.program import SwapParams
from cambist.venues.raydium.amm_v4 import AMM_V4, AmmV4, AmmV4Pool, Release
from cambist.venues.raydium.cpmm import CPMM, CpmmFeeRates, CpmmPool, cpmm_program
from cambist.venues.raydium.cpmm import Release as CpmmRelease
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected, Snapshot
from cambist.venues.tokens import Mint
from tests.venues import laws

NOW = ChainTime(Slot(9), 1_790_000_000, 900)
A, B = SOL.mint, USDC.mint
KEYS = [Address(encode(bytes([n]) * 32)) for n in range(1, 9)]

reserves = st.integers(1, 2**62)
amounts = st.one_of(st.integers(0, 10**6), st.integers(1, 2**62))
taken = st.sampled_from([NO_FEE, TransferFee(50, 2**63), TransferFee(300, 1_000)])


def _mint(address: Address, fee: TransferFee) -> Mint:
    return Mint(address, TOKEN_2022_PROGRAM if fee.bps else TOKEN_PROGRAM, 6, fee)


@st.composite
def cpmm_pools(draw: st.DrawFn, release: CpmmRelease = "any") -> CpmmPool:
    rates = CpmmFeeRates(
        draw(st.sampled_from([0, 100, 2_500, 10_000])),
        draw(st.integers(0, 500_000)),
        draw(st.integers(0, 500_000)),
        creator := draw(st.sampled_from([0, 0, 500, 20_000])),
        draw(st.sampled_from(["input", "mint_a", "mint_b"])) if creator else "input",
    )
    owed = draw(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
    a, b = _mint(A, draw(taken)), _mint(B, draw(taken))
    x, y = draw(reserves), draw(reserves)
    plain = CpmmPool(
        KEYS[0], a, b, KEYS[1], KEYS[2], x, y, owed, rates, KEYS[3], KEYS[4], 0, 7, NOW
    )
    return replace(plain, release=release)


@st.composite
def amm_v4_pools(draw: st.DrawFn, release: Release = "any") -> AmmV4Pool:
    fee = draw(st.sampled_from([(25, 10_000), (0, 1), (1, 100)]))
    owed = draw(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
    x, y = draw(reserves), draw(reserves)
    keys = KEYS[3:6]
    a, b = _mint(A, NO_FEE), _mint(B, NO_FEE)
    return AmmV4Pool(KEYS[0], a, b, KEYS[1], KEYS[2], x, y, owed, fee, *keys, 6, 0, NOW, release)


pools = st.one_of(
    *(cpmm_pools(release) for release in get_args(CpmmRelease)),
    *(amm_v4_pools(release) for release in get_args(Release)),
)
plain = pools.filter(lambda one: not (one.token_a.fee.bps or one.token_b.fee.bps))
mints = st.sampled_from([A, B])
MODES: tuple[SwapMode, ...] = ("exact_in", "exact_out")


@given(pools, mints, amounts)
def test_the_fast_path_is_the_whole_swap(pool: Pool, mint: Address, amount: int):
    laws.fast_is_full(pool, mint, amount)


@given(pools, mints, amounts, st.integers(1, 10**9))
def test_more_in_is_no_less_out(pool: Pool, mint: Address, amount: int, more: int):
    laws.more_in_is_no_less_out(pool, mint, amount, more)


@given(pools, mints, amounts)
def test_there_and_back_never_gains(pool: Pool, mint: Address, amount: int):
    laws.there_and_back_never_gains(pool, mint, amount)


@given(plain, mints, st.tuples(st.integers(1, 2**40), st.integers(1, 2**40)))
def test_two_swaps_never_beat_one_of_their_sum(pool: Pool, mint: Address, parts: tuple[int, int]):
    # A unit for each fee that is rounded up on the sum, and not on a part of no fee.
    laws.in_two_parts_never_gains(pool, mint, parts, slack=_worth_of_a_unit(pool, mint))


def _worth_of_a_unit(pool: Pool, mint: Address) -> int:
    x, y = (pool.reserve_a, pool.reserve_b) if mint == A else (pool.reserve_b, pool.reserve_a)  # type: ignore[attr-defined]
    return 1 + -(-y // x)


@given(plain, mints, amounts)
def test_what_was_asked_for_comes(pool: Pool, mint: Address, amount: int):
    laws.what_was_asked_for_comes(pool, mint, amount)


@given(cpmm_pools())
def test_cpmm_accounts_hold_the_pool(pool: CpmmPool):
    assume(pool.reserve_a + pool.owed[0] < 2**64 and pool.reserve_b + pool.owed[1] < 2**64)
    laws.accounts_hold_the_pool(CPMM, pool, Snapshot({}, NOW))


@given(amm_v4_pools())
def test_amm_v4_accounts_hold_the_pool(pool: AmmV4Pool):
    laws.accounts_hold_the_pool(AMM_V4, pool, Snapshot({}, NOW))


@given(cpmm_pools(), st.integers(0, 2**16), st.integers(1, 255))
def test_any_cpmm_bytes_are_decoded_or_refused(pool: CpmmPool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(CPMM, pool, at, byte)


@given(amm_v4_pools(), st.integers(0, 2**16), st.integers(1, 255))
def test_any_amm_v4_bytes_are_decoded_or_refused(pool: AmmV4Pool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(AMM_V4, pool, at, byte)


@given(cpmm_pools().filter(lambda one: one.rates.creator > 0))
def test_a_creator_fee_is_refused_where_a_self_check_fails_and_by_releases_before(pool: CpmmPool):
    accounts = {account.address: account for account in CPMM.encode(pool)}
    for program in (cpmm_program(creators=False), cpmm_program("2025-02")):
        with pytest.raises(PoolRejected) as refused:
            program.decode(pool.address, Snapshot(accounts, NOW))
        assert refused.value.refusal is RejectReason.RELEASE_NOT_CHECKED


@given(
    cpmm_pools("2026-04").filter(lambda one: one.rates.creator > 0),
    mints,
    st.sampled_from(MODES),
    amounts,
)
def test_a_creators_fee_is_taken_where_the_pool_says(
    pool: CpmmPool, mint: Address, mode: SwapMode, amount: int
):
    """Its parts follow `split_creator_fee` and `creator_fee`, and all parts sum up to the whole."""
    swap = laws.tried(pool, mint, mode, amount)
    if swap is None:
        return
    rates, fees, end = pool.rates, swap.fees, swap.end
    assert isinstance(end, CpmmPool)
    inside = rates.creator_side in {"input", "mint_a" if mint == A else "mint_b"}
    assert (fees.creator_out > 0) <= (not inside)
    creator = fees.trade * rates.creator // (rates.trade + rates.creator) if inside else 0
    shares = [(fees.trade - creator) * rate // 10**6 for rate in (rates.protocol, rates.fund)]
    assert fees.protocol == sum(shares) + creator
    given_, taken_ = (0, 1) if mint == A else (1, 0)
    grown = [after - before for before, after in zip(pool.owed, end.owed, strict=True)]
    assert (grown[given_], grown[taken_]) == (fees.protocol, fees.creator_out)
    gross = swap.amount_out + fees.transfer_out + fees.creator_out
    if not inside and mode == "exact_in":
        assert fees.creator_out == -(-gross * rates.creator // 10**6)
    elif not inside:
        wanted = swap.amount_out + fees.transfer_out
        assert gross == -(-wanted * 10**6 // (10**6 - rates.creator))
    else:
        kept = fees.trade if mode == "exact_in" else 0
        entered = swap.amount_in - fees.transfer_in
        assert kept in {0, -(-entered * (rates.trade + rates.creator) // 10**6)}


@given(pools, mints, st.integers(1, 2**50))
def test_nothing_is_made_of_nothing(pool: CpmmPool | AmmV4Pool, mint: Address, amount: int):
    swap = laws.tried(pool, mint, "exact_in", amount)
    if swap is None:
        return
    end = swap.end
    assert isinstance(end, CpmmPool | AmmV4Pool)
    before = pool.reserve_a * pool.reserve_b
    assert end.reserve_a * end.reserve_b >= before
    held = [
        (state.reserve_a + state.owed[0], state.reserve_b + state.owed[1]) for state in (pool, end)
    ]
    moved = (held[1][0] - held[0][0], held[1][1] - held[0][1])
    given_, got = moved if mint == A else moved[::-1]
    assert given_ == swap.amount_in - swap.fees.transfer_in
    assert -got == swap.amount_out + swap.fees.transfer_out


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4, 5, 8, 10**12])
def test_an_amm_v4_pool_of_any_other_status_is_refused(status: int):
    a, b = _mint(A, NO_FEE), _mint(B, NO_FEE)
    pool = AmmV4Pool(
        KEYS[0], a, b, KEYS[1], KEYS[2], 10**9, 10**9, (0, 0), (25, 10_000), *KEYS[3:6], 6, 0, NOW
    )
    accounts = {account.address: account for account in AMM_V4.encode(replace(pool, status=status))}
    with pytest.raises(PoolRejected) as refused:
        AMM_V4.decode(pool.address, Snapshot(accounts, NOW))
    expected = {
        0: RejectReason.NOT_INITIALISED,
        1: RejectReason.ORDER_BOOK,
        5: RejectReason.ORDER_BOOK,
    }
    assert refused.value.refusal is expected.get(status, RejectReason.DISABLED)


@pytest.mark.parametrize("status", [1, 2, 3, 4, 5])
def test_without_an_order_book_status_1_trades_on_and_stays(status: int):
    program, a, b = AmmV4("2026-07"), _mint(A, NO_FEE), _mint(B, NO_FEE)
    fixed = (10**9, 10**9, (0, 0), (25, 10_000), *KEYS[3:6], status, 0, NOW)
    pool = AmmV4Pool(KEYS[0], a, b, KEYS[1], KEYS[2], *fixed)
    accounts = Snapshot({account.address: account for account in program.encode(pool)}, NOW)
    if status == 1:
        end = program.decode(pool.address, accounts).swap(A, "exact_in", 10**6).end
        assert isinstance(end, AmmV4Pool)
        assert end.status == 1
        return
    with pytest.raises(PoolRejected) as refused:
        program.decode(pool.address, accounts)
    assert refused.value.refusal is RejectReason.DISABLED


@pytest.mark.parametrize(
    ("release", "out", "cost"), [("any", 0, 0), ("2025-06", 1_989, 0), ("2026-07", 1_979, 2)]
)
def test_the_smallest_amounts_at_amm_v4_follow_the_release(release: Release, out: int, cost: int):
    a, b = _mint(A, NO_FEE), _mint(B, NO_FEE)
    pool = AmmV4Pool(
        KEYS[0], a, b, KEYS[1], KEYS[2], 10**9, 10**10, (0, 0), (25, 10_000), *KEYS[3:6], 6, 0, NOW,
        release,
    )  # fmt: skip
    assert pool.amount_out(A, 199) == out
    assert pool.amount_out(A, 200) == 1_989
    # 4 units out cost 0.4 of a unit, and 5 of them a little over a half.
    assert pool.amount_in(A, 4) == cost
    assert pool.amount_in(A, 5) == 2


@pytest.mark.parametrize(
    ("release", "why"),
    [("any", RejectReason.DUST), ("2025-02", RejectReason.PAYS_NOTHING), ("2026-04", None)],
)
def test_what_costs_less_than_half_a_unit_at_cpmm_follows_the_release(
    release: CpmmRelease, why: RejectReason | None
):
    a, b, rates = _mint(A, NO_FEE), _mint(B, NO_FEE), CpmmFeeRates(2_500, 0, 0)
    fixed = (10**9, 10**10, (0, 0), rates, *KEYS[3:5], 0, 0, NOW)
    pool = CpmmPool(KEYS[0], a, b, KEYS[1], KEYS[2], *fixed, release)
    assert pool.amount_in(A, 5) == 2
    if why is None:
        assert pool.amount_in(A, 4) == pool.swap(A, "exact_out", 4).amount_in == 2
        return
    assert pool.amount_in(A, 4) == 0
    with pytest.raises(PoolRejected) as refused:
        pool.swap(A, "exact_out", 4)
    assert refused.value.refusal is why


def test_the_newer_amm_v4_call_names_eight_accounts():
    a, b = _mint(A, NO_FEE), _mint(B, NO_FEE)
    pool = AmmV4Pool(
        KEYS[0], a, b, KEYS[1], KEYS[2], 10**9, 10**9, (0, 0), (25, 10_000), *KEYS[3:6], 6, 0, NOW
    )
    trade = SwapParams(KEYS[6], KEYS[7], KEYS[5], A, "exact_out", 5, 9)
    call = AmmV4("2025-09").instruction(pool, trade)
    assert (len(call.accounts), call.data[0], call.data[1]) == (8, 17, 9)
    with pytest.raises(PoolRejected):
        AMM_V4.instruction(pool, replace(trade, mint_in=RAY.mint))
