"""Hold pools of Meteora's DAMM v2 to the laws of every pool, and to those of their own."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.curves.transfer_fee import NO_FEE
from cambist.values.ids import Address
from cambist.venues.meteora.damm_v2 import DAMM_V2, DammV2Pool
from cambist.venues.meteora.damm_v2.accounts import LAYOUT, PROGRAM
from cambist.venues.meteora.damm_v2.pool import pool_at
from cambist.venues.meteora.damm_v2.swap_math import DammV2Side, give
from cambist.venues.program import AccountMeta, Instruction, SwapParams
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot
from tests.venues import laws
from tests.venues.damm_v2_pools import KEYS, NOW, A, B, pools

amounts = st.one_of(st.integers(0, 10**6), st.integers(1, 2**62))
mints = st.sampled_from([A, B])
no_tax = st.just(NO_FEE)
unlimited = pools(modes=(0, 1, 3, 4))


@given(pools(), mints, amounts)
def test_the_fast_path_is_the_whole_swap(pool: DammV2Pool, mint: Address, amount: int):
    laws.fast_is_full(pool, mint, amount)


@given(unlimited, mints, amounts, st.integers(1, 10**9))
def test_more_in_is_no_less_out(pool: DammV2Pool, mint: Address, amount: int, more: int):
    laws.more_in_is_no_less_out(pool, mint, amount, more)


@given(pools((1,), (2,), no_tax), amounts, st.integers(1, 10**9))
def test_a_limiter_takes_no_more_than_its_rounding_of_more(
    pool: DammV2Pool, amount: int, more: int
):
    one, two = (laws.tried(pool, B, "exact_in", each) for each in (amount, amount + more))
    if one and two:
        # The fee goes through a numerator over 10^9: as many units as 10^9 go into the amount.
        lost = (amount + more) // 10**9 + 2
        net = two.amount_in - two.fees.trade, one.amount_in - one.fees.trade
        assert net[0] + lost >= net[1]


@given(pools(), mints, amounts)
def test_there_and_back_never_gains(pool: DammV2Pool, mint: Address, amount: int):
    laws.there_and_back_never_gains(pool, mint, amount)


@given(pools((0, 1), (0, 1), no_tax), mints, st.tuples(*[st.integers(1, 2**40)] * 2))
def test_two_swaps_never_beat_one_of_their_sum(
    pool: DammV2Pool, mint: Address, parts: tuple[int, int]
):
    # A unit of price, which the greater swap may lose to rounding, and a unit of each amount.
    state = pool.state
    slack = state.liquidity >> 128 if mint == A else state.liquidity // state.price**2
    laws.in_two_parts_never_gains(pool, mint, parts, slack=slack + 2 + _worth_of_a_unit(pool, mint))


def _worth_of_a_unit(pool: DammV2Pool, mint: Address) -> int:
    squared = pool.state.price**2
    return -(-squared >> 128) if mint == A else -(-(1 << 128) // squared)


@given(unlimited, mints, amounts)
def test_what_was_asked_for_comes(pool: DammV2Pool, mint: Address, amount: int):
    bought = laws.tried(pool, mint, "exact_out", amount)
    if bought is None:
        return
    assert bought.amount_out == amount
    try:
        again = pool.swap(mint, "exact_in", bought.amount_in)
    except PoolRejected as refused:
        # What is asked for is rounded up, which may be over the last unit of the pool.
        assert refused.refusal in {RejectReason.PRICE_LIMIT, RejectReason.NOT_ENOUGH_LIQUIDITY}  # noqa: PT017
    else:
        assert again.amount_out >= amount


@given(pools(), mints, st.integers(1, 2**60))
def test_no_more_comes_out_than_the_curve_holds(pool: DammV2Pool, mint: Address, amount: int):
    side = pool.giving_a if mint == A else pool.giving_b
    try:
        _, into, _, paid, _ = give(side, amount)
    except PoolRejected:
        return
    assert _is_on_or_below_the_curve(side, into, paid)


def _is_on_or_below_the_curve(side: DammV2Side, into: int, paid: int) -> bool:
    liquidity, price = side.liquidity, side.price
    if side.compounding:
        return (side.there + into) * (side.held - paid) >= side.there * side.held
    if side.a_given:
        return (paid << 128) * (liquidity + into * price) <= liquidity * into * price * price
    shifted = into << 128
    return paid * price * (price * liquidity + shifted) <= shifted * liquidity


@given(pools((0, 1)), mints, st.integers(1, 2**62))
def test_a_partial_fill_is_the_whole_where_the_range_holds_it(
    pool: DammV2Pool, mint: Address, amount: int
):
    whole = laws.tried(pool, mint, "exact_in", amount)
    try:
        part = pool.fill(mint, amount)
    except PoolRejected:
        assert whole is None
        return
    if whole is not None and part.amount_in == amount:
        assert part == whole
    assert part.amount_in <= amount
    assert pool.state.price_min <= _end(part.end).state.price <= pool.state.price_max


def _end(pool: object) -> DammV2Pool:
    assert isinstance(pool, DammV2Pool)
    return pool


@given(pools(), mints, amounts)
def test_nothing_is_made_of_nothing(pool: DammV2Pool, mint: Address, amount: int):
    swap = laws.tried(pool, mint, "exact_in", amount)
    if swap is None:
        return
    before, after = pool.state, _end(swap.end).state
    kept = swap.fees.trade - swap.fees.protocol
    held = (after.reserve_a - before.reserve_a, after.reserve_b - before.reserve_b)
    owed = (after.protocol_a - before.protocol_a, after.protocol_b - before.protocol_b)
    gained = held[0] + owed[0], held[1] + owed[1]
    given_, got = gained if mint == A else gained[::-1]
    on_b = mint == A or pool.giving_b.fee_on_given
    # What liquidity's owners may claim is neither in the reserves nor owed to the protocol.
    claimable = kept - kept * before.compounding_bps // 10_000
    outside = (0, claimable) if mint == A else (claimable if on_b else 0, 0 if on_b else claimable)
    assert given_ + outside[0] == swap.amount_in - swap.fees.transfer_in
    assert -(got + outside[1]) == swap.amount_out + swap.fees.transfer_out


@given(pools())
def test_accounts_hold_the_pool(pool: DammV2Pool):
    laws.accounts_hold_the_pool(DAMM_V2, pool, Snapshot({}, NOW))


@given(pools(), st.integers(0, 2**16), st.integers(1, 255))
def test_any_bytes_are_decoded_or_refused(pool: DammV2Pool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(DAMM_V2, pool, at, byte)


@given(st.binary(min_size=1104, max_size=1104), mints, amounts)
def test_any_account_of_its_size_is_decoded_or_refused(body: bytes, mint: Address, amount: int):
    account = Account(KEYS[0], PROGRAM, LAYOUT.magic + body)
    seen = Snapshot({KEYS[0]: account}, NOW)
    with pytest.raises(PoolRejected):
        DAMM_V2.decode(KEYS[0], seen).amount_out(mint, amount)


@given(pools(), mints, st.integers(1, 2**62))
def test_a_closed_pool_gives_the_reason(pool: DammV2Pool, mint: Address, amount: int):
    both = (pool.a, pool.b)
    off = pool_at(pool.address, replace(pool.state, status=1), both, NOW)
    early = pool.at(replace(NOW, unix_s=pool.state.opens_at - 1))
    for one, refusal in ((off, RejectReason.DISABLED), (early, RejectReason.NOT_OPEN_YET)):
        assert one.amount_out(mint, amount) == one.amount_in(mint, amount) == 0
        with pytest.raises(PoolRejected) as refused:
            one.swap(mint, "exact_in", amount)
        assert refused.value.refusal is refusal


@given(pools(), mints)
def test_a_call_names_fourteen_accounts_and_one_more_under_a_limiter(
    pool: DammV2Pool, mint: Address
):
    call = DAMM_V2.instruction(pool, SwapParams(KEYS[0], KEYS[1], KEYS[2], mint, "exact_out", 5, 9))
    assert len(call.accounts) == 14 + (pool.state.mode == 2)
    assert call.data[8:] == (5).to_bytes(8, "little") + (9).to_bytes(8, "little") + b"\x02"


def test_a_pool_with_a_config_is_seen_when_it_opens():
    metas = tuple(AccountMeta(Address(f"account {n}")) for n in range(20))
    for magic, at in (("5fb40aac54aee828", 6), ("955248c5fdfc440f", 7), ("14a1f118bdddb402", 5)):
        told = DAMM_V2.parse_pool_created(
            Instruction(PROGRAM, metas, bytes.fromhex(magic) + bytes(200))
        )
        assert told is not None
        names = (f"account {at}", f"account {at + 2}", f"account {at + 3}")
        assert (told.pool, told.mint_a, told.mint_b, told.opens_s) == (*names, None)
    assert DAMM_V2.parse_pool_created(Instruction(PROGRAM, metas, bytes(200))) is None
    assert DAMM_V2.parse_pool_created(Instruction(KEYS[0], metas, bytes.fromhex(magic))) is None


def test_a_swap_of_an_old_release_is_read_but_not_taken_for_exact():
    tag, event = bytes.fromhex("e445a52e51cb9a1d"), bytes.fromhex("1b3c15d58aaabb93")
    body = bytes([1]) * 32 + struct.pack("<BBQQQ16x4QQQ", 0, 0, 900, 1, 777, 3, 2, 0, 0, 899, 5)
    (told,) = DAMM_V2.parse_swaps((), (Instruction(PROGRAM, (), tag + event + body),))
    assert (told.pool, told.amount_in, told.amount_out, told.exact) == (KEYS[0], 899, 777, False)
    cut = Instruction(PROGRAM, (), tag + event + body[:40])
    assert DAMM_V2.parse_swaps((), (cut, Instruction(KEYS[1], (), tag + event + body))) == ()
