"""Hold Raydium's pools of two reserves, CPMM and AMM v4, to the laws of every pool."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.values.token import RAY, SOL, USDC
from cambist.venues.accounts import ChainTime, Snapshot, Unquotable
from cambist.venues.pool import Pool
from cambist.venues.program import Trade
from cambist.venues.raydium.amm_v4 import AMM_V4, AmmV4, AmmV4Pool
from cambist.venues.raydium.cpmm import CPMM, Cpmm, CpmmPool, Rates
from cambist.venues.refusals import Refusal
from cambist.venues.tokens import Mint
from tests.venues import laws

NOW = ChainTime(Slot(9), 1_790_000_000, 900)
A, B = SOL.mint, USDC.mint
KEYS = [Address(encode(bytes([n]) * 32)) for n in range(1, 9)]
CHECKED = Cpmm(checked=True)

reserves = st.integers(1, 2**62)
amounts = st.one_of(st.integers(0, 10**6), st.integers(1, 2**62))
taken = st.sampled_from([NO_FEE, TransferFee(50, 2**63), TransferFee(300, 1_000)])


def _mint(address: Address, fee: TransferFee) -> Mint:
    return Mint(address, TOKEN_2022_PROGRAM if fee.bps else TOKEN_PROGRAM, 6, fee)


@st.composite
def cpmm_pools(draw: st.DrawFn) -> CpmmPool:
    rates = Rates(
        draw(st.sampled_from([0, 100, 2_500, 10_000])),
        draw(st.integers(0, 500_000)),
        draw(st.integers(0, 500_000)),
        creator := draw(st.sampled_from([0, 0, 500, 20_000])),
        draw(st.sampled_from(["input", "mint_a", "mint_b"])) if creator else "input",
    )
    owed = draw(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
    a, b = _mint(A, draw(taken)), _mint(B, draw(taken))
    x, y = draw(reserves), draw(reserves)
    return CpmmPool(KEYS[0], a, b, KEYS[1], KEYS[2], x, y, owed, rates, KEYS[3], KEYS[4], 0, 7, NOW)


@st.composite
def amm_v4_pools(draw: st.DrawFn) -> AmmV4Pool:
    fee = draw(st.sampled_from([(25, 10_000), (0, 1), (1, 100)]))
    owed = draw(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
    x, y = draw(reserves), draw(reserves)
    keys = KEYS[3:6]
    a, b = _mint(A, NO_FEE), _mint(B, NO_FEE)
    return AmmV4Pool(KEYS[0], a, b, KEYS[1], KEYS[2], x, y, owed, fee, *keys, 6, 0, NOW)


pools = st.one_of(cpmm_pools(), amm_v4_pools())
plain = pools.filter(lambda one: not (one.token_a.fee.bps or one.token_b.fee.bps))
mints = st.sampled_from([A, B])


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
    laws.accounts_hold_the_pool(CHECKED, pool, Snapshot({}, NOW))


@given(amm_v4_pools())
def test_amm_v4_accounts_hold_the_pool(pool: AmmV4Pool):
    laws.accounts_hold_the_pool(AMM_V4, pool, Snapshot({}, NOW))


@given(cpmm_pools(), st.integers(0, 2**16), st.integers(1, 255))
def test_any_cpmm_bytes_are_decoded_or_refused(pool: CpmmPool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(CHECKED, pool, at, byte)


@given(amm_v4_pools(), st.integers(0, 2**16), st.integers(1, 255))
def test_any_amm_v4_bytes_are_decoded_or_refused(pool: AmmV4Pool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(AMM_V4, pool, at, byte)


@given(cpmm_pools().filter(lambda one: one.rates.creator > 0))
def test_a_creator_fee_is_refused_until_a_self_check_proved_it(pool: CpmmPool):
    accounts = {one.address: one for one in CPMM.encode(pool)}
    with pytest.raises(Unquotable) as refused:
        CPMM.decode(pool.address, Snapshot(accounts, NOW))
    assert refused.value.refusal is Refusal.RELEASE_NOT_CHECKED


@given(pools, mints, st.integers(1, 2**50))
def test_nothing_is_made_of_nothing(pool: CpmmPool | AmmV4Pool, mint: Address, amount: int):
    swap = laws.tried(pool, mint, "exact_in", amount)
    if swap is None:
        return
    end = swap.end
    assert isinstance(end, CpmmPool | AmmV4Pool)
    before = pool.reserve_a * pool.reserve_b
    assert end.reserve_a * end.reserve_b >= before
    held = [(one.reserve_a + one.owed[0], one.reserve_b + one.owed[1]) for one in (pool, end)]
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
    accounts = {one.address: one for one in AMM_V4.encode(replace(pool, status=status))}
    with pytest.raises(Unquotable) as refused:
        AMM_V4.decode(pool.address, Snapshot(accounts, NOW))
    expected = {0: Refusal.NOT_INITIALISED, 1: Refusal.ORDER_BOOK, 5: Refusal.ORDER_BOOK}
    assert refused.value.refusal is expected.get(status, Refusal.DISABLED)


def test_the_newer_amm_v4_call_names_eight_accounts():
    a, b = _mint(A, NO_FEE), _mint(B, NO_FEE)
    pool = AmmV4Pool(
        KEYS[0], a, b, KEYS[1], KEYS[2], 10**9, 10**9, (0, 0), (25, 10_000), *KEYS[3:6], 6, 0, NOW
    )
    trade = Trade(KEYS[6], KEYS[7], KEYS[5], A, "exact_out", 5, 9)
    call = AmmV4("2025-09").instruction(pool, trade)
    assert (len(call.accounts), call.data[0], call.data[1]) == (8, 17, 9)
    with pytest.raises(Unquotable):
        AMM_V4.instruction(pool, replace(trade, mint_in=RAY.mint))
