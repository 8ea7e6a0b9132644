"""Hold pools of Meteora's DAMM v1 to the laws of every pool, with what its vaults round away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC
from cambist.venues.meteora.damm_v1 import DAMM_V1, DammV1Pool
from cambist.venues.meteora.damm_v1.accounts import (
    LAYOUT,
    PROGRAM,
    DammV1PoolAccount,
    Vault,
    VaultAccount,
)
from cambist.venues.meteora.damm_v1.pool import pool_at
from cambist.venues.program import AccountMeta, Instruction, SwapParams
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, ChainTime, PoolRejected, Snapshot
from tests.venues import laws

NOW = ChainTime(Slot(400_000_000), 1_790_000_000, 900)
A, B = SOL.mint, USDC.mint
KEYS = [Address(encode(bytes([n]) * 32)) for n in range(1, 16)]
mints = st.sampled_from([A, B])
amounts = st.one_of(st.integers(0, 10**6), st.integers(1, 2**60))


@st.composite
def vaults(draw: st.DrawFn, mint: Address, keys: tuple[Address, ...]) -> Vault:
    total = draw(st.integers(1, 2**60))
    locked = draw(st.integers(0, total // 2))
    supply = max(total * draw(st.integers(20, 100)) // 100, 1)
    reported_s = NOW.unix_s - draw(st.integers(0, 10_000))
    degradation = draw(st.sampled_from([0, 46_296_296, 10**9]))
    state = VaultAccount(1, total, keys[0], mint, keys[1], locked, reported_s, degradation)
    at_hand = draw(st.sampled_from([total, total // 2, total + 5]))
    return Vault(keys[2], state, at_hand, supply, draw(st.integers(supply // 3, supply)))


@st.composite
def pools(draw: st.DrawFn) -> DammV1Pool:
    a, b = draw(vaults(A, tuple(KEYS[1:4]))), draw(vaults(B, tuple(KEYS[4:7])))
    fees = draw(st.sampled_from([(250, 100_000, 0, 100_000), (1_500, 100_000, 20_000, 100_000)]))
    state = DammV1PoolAccount(
        A, B, a.address, b.address, KEYS[7], KEYS[8], 254, 1, KEYS[9], KEYS[10], *fees,
        NOW.unix_s - draw(st.integers(0, 9)), 1, 0,
    )  # fmt: skip
    return pool_at(KEYS[0], state, (a, b), NOW)


def unit(pool: DammV1Pool, mint: Address) -> int:
    """Return what two units of the token given may be worth of the other, shares of it counted."""
    side = pool.giving_a if mint == A else pool.giving_b
    if side.closed or not side.reserve_in:
        return 0
    share_in = -(-side.unlocked_in // side.supply_in)
    share_out = -(-side.unlocked_out // side.supply_out)
    return (2 + share_in) * -(-side.reserve_out // side.reserve_in) + share_out + 2


@given(pools(), mints, amounts)
def test_the_fast_path_is_the_whole_swap(pool: DammV1Pool, mint: Address, amount: int):
    laws.fast_is_full(pool, mint, amount)


@given(pools(), mints, amounts, st.integers(1, 10**9))
def test_more_in_is_no_less_out_but_for_a_unit(
    pool: DammV1Pool, mint: Address, amount: int, more: int
):
    one, two = (laws.tried(pool, mint, "exact_in", each) for each in (amount, amount + more))
    if one is not None and two is not None:
        assert two.amount_out + unit(pool, mint) >= one.amount_out


@given(pools(), mints, amounts)
def test_there_and_back_never_gains(pool: DammV1Pool, mint: Address, amount: int):
    laws.there_and_back_never_gains(pool, mint, amount)


@given(pools(), mints, st.tuples(st.integers(1, 2**40), st.integers(1, 2**40)))
def test_two_swaps_never_beat_one_of_their_sum(
    pool: DammV1Pool, mint: Address, parts: tuple[int, int]
):
    laws.in_two_parts_never_gains(pool, mint, parts, slack=unit(pool, mint))


@given(pools(), mints, amounts)
def test_the_product_of_the_reserves_never_falls(pool: DammV1Pool, mint: Address, amount: int):
    swap = laws.tried(pool, mint, "exact_in", amount)
    if swap is None:
        return
    end = swap.end
    assert isinstance(end, DammV1Pool)
    before, after = pool.giving_a, end.giving_a
    if not after.closed:
        assert after.reserve_in * after.reserve_out >= before.reserve_in * before.reserve_out
    moved = [
        now.at_hand - was.at_hand
        for was, now in ((pool.vault_a, end.vault_a), (pool.vault_b, end.vault_b))
    ]
    given_, got = moved if mint == A else moved[::-1]
    assert given_ + swap.fees.protocol == swap.amount_in
    assert -got == swap.amount_out


@given(pools(), mints, st.integers(1, 2**60))
def test_an_exact_amount_out_does_not_exist(pool: DammV1Pool, mint: Address, amount: int):
    assert pool.amount_in(mint, amount) == 0
    trade = SwapParams(KEYS[0], KEYS[1], KEYS[2], mint, "exact_out", amount, amount)
    for asked in (
        lambda: pool.swap(mint, "exact_out", amount),
        lambda: DAMM_V1.instruction(pool, trade),
    ):
        with pytest.raises(PoolRejected) as refused:
            asked()
        assert refused.value.refusal in {
            RejectReason.NO_EXACT_OUT,
            RejectReason.NOT_ENOUGH_LIQUIDITY,
        }


@given(pools())
def test_accounts_hold_the_pool(pool: DammV1Pool):
    laws.accounts_hold_the_pool(DAMM_V1, pool, Snapshot({}, NOW))


@given(pools(), st.integers(0, 2**16), st.integers(1, 255))
def test_any_bytes_are_decoded_or_refused(pool: DammV1Pool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(DAMM_V1, pool, at, byte)


@given(pools(), st.integers(0, LAYOUT.size), st.integers(1, 255))
def test_any_bytes_of_the_pool_are_decoded_or_refused(pool: DammV1Pool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(DAMM_V1, pool, at, byte)


@given(st.binary(min_size=944, max_size=944))
def test_any_account_of_its_size_is_decoded_or_refused(body: bytes):
    account = Account(KEYS[0], PROGRAM, LAYOUT.magic + body)
    with pytest.raises(PoolRejected):
        DAMM_V1.decode(KEYS[0], Snapshot({KEYS[0]: account}, NOW))


@st.composite
def stable_pools(draw: st.DrawFn) -> DammV1Pool:
    pool = draw(pools())
    depeg = draw(st.integers(0, 3))
    state = replace(
        pool.state, curve=1, amp=draw(st.sampled_from([1, 100, 10_000])), depeg=depeg,
        scale_a=draw(st.sampled_from([1, 1_000])), scale_b=1, stake=KEYS[13],
        stake_price=draw(st.integers(900_000, 2_000_000)) if depeg else 0,
        priced_s=NOW.unix_s - draw(st.sampled_from([0, 600, 601])),
    )  # fmt: skip
    price = draw(st.integers(900_000, 2_000_000)) if depeg else None
    return pool_at(KEYS[0], state, (pool.vault_a, pool.vault_b), NOW, price)


@given(stable_pools(), mints, amounts)
def test_a_stable_curve_keeps_the_laws_of_every_pool(pool: DammV1Pool, mint: Address, amount: int):
    laws.fast_is_full(pool, mint, amount)
    laws.what_is_quoted_fits(pool, mint, amount)
    # What the curve's own steps round is a unit of the common scale, and a few of the vaults'.
    there = laws.tried(pool, mint, "exact_in", amount)
    back = there and laws.tried(there.end, laws.other(pool, mint), "exact_in", there.amount_out)
    assert not (there and back) or back.amount_out <= there.amount_in + unit(pool, mint)


@given(stable_pools())
def test_accounts_hold_a_stable_pool(pool: DammV1Pool):
    laws.accounts_hold_the_pool(DAMM_V1, pool, Snapshot({}, NOW))


@given(stable_pools(), st.integers(0, 2**16), st.integers(1, 255))
def test_any_bytes_of_a_stable_pool_are_decoded_or_refused(pool: DammV1Pool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(DAMM_V1, pool, at, byte)


@given(pools())
def test_a_curve_that_nobody_knows_is_refused_with_its_reason(pool: DammV1Pool):
    for changes, refusal in (
        ({"curve": 2}, RejectReason.UNKNOWN_CURVE),
        ({"curve": 1}, RejectReason.OUT_OF_BOUNDS),
    ):
        other = replace(pool, state=replace(pool.state, **changes))
        accounts = {account.address: account for account in DAMM_V1.encode(other)}
        with pytest.raises(PoolRejected) as refused:
            DAMM_V1.decode(pool.address, Snapshot(accounts, NOW))
        assert refused.value.refusal is refusal


def test_an_old_price_of_a_stake_that_is_not_at_hand_closes_the_pool():
    state = DammV1PoolAccount(
        A, B, *KEYS[1:3], *KEYS[7:9], 254, 1, *KEYS[9:11], 250, 100_000, 0, 100_000, 0, 1, 1,
        KEYS[13], 100, 1, 1, 9, 1_100_000, NOW.unix_s, 3,
    )  # fmt: skip
    vaults = []
    for n, mint in enumerate((A, B)):
        held = VaultAccount(1, 10**12, KEYS[3 + n], mint, KEYS[5 + n], 0, NOW.unix_s, 0)
        vaults.append(Vault(KEYS[1 + n], held, 10**12, 10**12, 10**12))
    pool = pool_at(KEYS[0], state, (vaults[0], vaults[1]), NOW)
    assert pool.is_time_dependent
    # b is worth 1.1 of a.
    assert 900_000 < pool.amount_out(A, 10**6) < 10**6 < pool.amount_out(B, 10**6)
    old = pool.at(NOW.later(601))
    assert old.amount_out(A, 10**6) == 0
    with pytest.raises(PoolRejected) as refused:
        old.swap(A, "exact_in", 10**6)
    assert refused.value.refusal is RejectReason.ACCOUNT_MISSING
    known = pool_at(KEYS[0], state, (vaults[0], vaults[1]), NOW, 1_500_000).at(NOW.later(601))
    swap = known.swap(A, "exact_in", 10**6)
    assert swap.amount_out < 700_000
    end = swap.end
    assert isinstance(end, DammV1Pool)
    assert (end.state.stake_price, end.state.priced_s) == (1_500_000, NOW.unix_s + 601)


def test_pools_are_seen_when_they_open():
    metas = tuple(AccountMeta(Address(f"account {n}")) for n in range(9))
    for magic, at in (("76ad299dad486167", 2), ("9118acc2db7d03be", 2), ("3095dc823d0b09b2", 3)):
        told = DAMM_V1.parse_pool_created(
            Instruction(PROGRAM, metas, bytes.fromhex(magic) + bytes(120))
        )
        assert told is not None
        names = ("account 0", f"account {at}", f"account {at + 1}")
        assert (told.pool, told.mint_a, told.mint_b, told.opens_s) == (*names, None)
    assert DAMM_V1.parse_pool_created(Instruction(PROGRAM, metas, bytes(200))) is None
