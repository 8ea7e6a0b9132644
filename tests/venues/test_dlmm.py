"""Hold DLMM pairs to the laws of every pool, and their programs' tells to what they say."""

from __future__ import annotations

import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.curves.bins import price_at
from cambist.faults import Code
from cambist.values.ids import Address
from cambist.values.program_address import key_bytes
from cambist.values.token import RAY
from cambist.venues.logs import ProgramLogLine
from cambist.venues.meteora.dlmm import DLMM, Dlmm, DlmmPool
from cambist.venues.meteora.dlmm.accounts import Bin
from cambist.venues.meteora.dlmm.bin_arrays import (
    ARRAY_UNITS,
    BIN_UNITS,
    UNITS_MAX,
    array_address,
    extension_address,
)
from cambist.venues.program import Instruction, KnownError, SwapParams
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected, Snapshot
from tests.venues import laws
from tests.venues.dlmm_pools import KEYS, NOW, X, Y, plain_pool, pools

amounts = st.one_of(st.integers(0, 50), st.integers(0, 10**7), st.integers(1, 2**64))
mints = st.sampled_from([X, Y])
ME = KEYS[7]
LATER_S = NOW.unix_s + 1


@given(pools(), mints, amounts)
def test_the_fast_path_is_the_whole_swap(pool: DlmmPool, mint_in: Address, amount: int):
    laws.fast_is_full(pool, mint_in, amount)


@given(pools(), mints, st.lists(amounts, min_size=2, max_size=6))
def test_asking_before_changes_no_answer(pool: DlmmPool, mint_in: Address, asked: list[int]):
    fresh = [replace(pool).amount_out(mint_in, request) for request in asked]
    assert [pool.amount_out(mint_in, question) for question in asked] == fresh
    fresh = [replace(pool).amount_in(mint_in, question) for question in asked]
    assert [pool.amount_in(mint_in, question) for question in asked] == fresh


@given(pools(), mints, amounts, st.integers(1, 10**9))
def test_more_in_is_no_less_out(pool: DlmmPool, mint_in: Address, amount: int, more: int):
    laws.more_in_is_no_less_out(pool, mint_in, amount, more)


@given(pools(), mints, amounts)
def test_there_and_back_never_gains(pool: DlmmPool, mint_in: Address, amount: int):
    laws.there_and_back_never_gains(pool, mint_in, amount)


@given(pools(fixed_fee=True), mints, st.tuples(amounts, amounts))
def test_two_parts_bring_no_more_than_the_whole(
    pool: DlmmPool, mint_in: Address, parts: tuple[int, int]
):
    # Only with a fee that does not move: one that does may fade between the two.
    laws.in_two_parts_never_gains(pool, mint_in, parts)


@given(pools(), mints, amounts)
def test_what_was_asked_for_comes(pool: DlmmPool, mint_in: Address, amount: int):
    laws.what_was_asked_for_comes(pool, mint_in, amount)


@given(pools(fees=False), mints, amounts)
def test_no_bin_pays_above_its_price(pool: DlmmPool, mint_in: Address, amount: int):
    swap = laws.tried(pool, mint_in, "exact_in", amount)
    assume(swap is not None)
    assert swap is not None
    prices = [bin_.price for _, bins in pool.arrays for bin_ in bins]
    if mint_in == X:
        assert swap.amount_out << 64 <= swap.amount_in * max(prices)
    else:
        assert swap.amount_out * min(prices) <= swap.amount_in << 64


@given(pools(), mints, amounts)
def test_what_leaves_the_bins_and_what_comes_in_adds_up(
    pool: DlmmPool, mint_in: Address, amount: int
):
    swap = laws.tried(pool, mint_in, "exact_in", amount)
    assume(swap is not None)
    assert swap is not None
    end, fees, down = swap.end, swap.fees, mint_in == X
    assert isinstance(end, DlmmPool)
    before, after = _held(pool, down=down), _held(end, down=down)
    gone = before - after
    assert gone == swap.amount_out + fees.transfer_out + (fees.trade if fees.on_output else 0)
    kept = end.pair.protocol_fee_x + end.pair.protocol_fee_y
    assert kept - pool.pair.protocol_fee_x - pool.pair.protocol_fee_y == fees.protocol
    assert fees.protocol <= fees.trade


def _held(pool: DlmmPool, *, down: bool) -> int:
    """Return all that bins hold of the token taken, limit orders counted."""
    bins = [bin_ for _, bins in pool.arrays for bin_ in bins]
    makers = sum(bin_.y if down else bin_.x for bin_ in bins)
    return makers + sum(bin_.begun_orders + bin_.open_orders for bin_ in bins if bin_.asks != down)


@given(pools())
def test_accounts_hold_the_pair(pool: DlmmPool):
    laws.accounts_hold_the_pool(DLMM, pool, Snapshot({}, NOW))


@given(pools(), mints, amounts)
def test_accounts_hold_the_pair_after_a_swap(pool: DlmmPool, mint_in: Address, amount: int):
    swap = laws.tried(pool, mint_in, "exact_in", amount)
    assume(swap is not None)
    assert swap is not None
    assert isinstance(swap.end, DlmmPool)
    # Arrays follow the active bin: all of them lie near here.
    laws.accounts_hold_the_pool(DLMM, swap.end, Snapshot({}, NOW))


@given(pools(), st.integers(0, 20_000), st.integers(1, 255))
def test_any_bytes_are_decoded_or_refused(pool: DlmmPool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(DLMM, pool, at, byte)


@given(pools(), st.integers(0, 10**6), mints)
def test_time_moves_the_fee_and_nothing_else(pool: DlmmPool, wait: int, mint_in: Address):
    later = pool.at(NOW.later(wait))
    assert (later.pair, later.arrays, later.slot) == (pool.pair, pool.arrays, pool.slot)
    assert later.at(NOW) == pool
    still = replace(pool, pair=replace(pool.pair, variable_fee_control=0))
    assert still.at(later.time).amount_out(mint_in, 10**6) == still.amount_out(mint_in, 10**6)


def _pool(**changes: int) -> DlmmPool:
    bins = [Bin(n, price_at(n, 10), 10**9 if n >= 0 else 0, 10**9 if n <= 0 else 0) for n in STAND]
    return plain_pool(*bins, **changes)


STAND = range(-80, 81)


def test_the_fee_grows_with_the_bins_crossed_and_fades_with_time():
    tired = _pool(volatility=100_000, updated_s=NOW.unix_s - 30)
    outs = [tired.at(NOW.later(wait)).amount_out(X, 10**6) for wait in (0, 569, 570)]
    # Half of the volatility until the window closes at 600 seconds, then none.
    assert outs[0] == outs[1] < outs[2] == 10**6 - 1_000
    busy = _pool(volatility=100_000, volatility_reference=100_000, updated_s=NOW.unix_s - 29)
    assert busy.amount_out(X, 10**6) < outs[0]
    far = _pool().swap(X, "exact_in", 4_500_000_000)
    assert isinstance(far.end, DlmmPool)
    assert (far.end.pair.volatility, far.end.pair.active_id) == (40_000, -4)
    assert far.fees.trade > 4 * 10**6


@pytest.mark.parametrize("apart", [1, 10, 30])
def test_bins_and_arrays_are_gone_through_as_far_as_a_transaction_pays(apart: int):
    numbers = range(0, -400 * apart, -apart)
    pool = plain_pool(*(Bin(n, price_at(n, 10), 0, 1_000) for n in numbers))
    units, seen, most = 0, set[int](), 0
    for number in numbers:
        units += BIN_UNITS + (0 if number // 70 in seen else ARRAY_UNITS)
        seen.add(number // 70)
        if units > UNITS_MAX:
            break
        most += 1
    assert 0 < pool.amount_in(X, 1_000 * most) == pool.swap(X, "exact_out", 1_000 * most).amount_in
    assert pool.amount_in(X, 1_000 * most + 1) == 0
    with pytest.raises(PoolRejected) as refused:
        pool.swap(X, "exact_out", 1_000 * most + 1)
    assert refused.value.refusal is RejectReason.TOO_FAR


@pytest.mark.parametrize(
    ("pool", "refusal"),
    [
        (_pool(status=1), RejectReason.DISABLED),
        (
            _pool(pair_type=2, activation_type=1, activation_point=LATER_S),
            RejectReason.NOT_OPEN_YET,
        ),
        (_pool(pair_type=1, activation_point=NOW.slot + 1), RejectReason.NOT_OPEN_YET),
        (_pool(updated_s=-(2**63)), RejectReason.OUT_OF_BOUNDS),
        (replace(_pool(), arrays=()), RejectReason.ACCOUNT_MISSING),
        (replace(_pool(), arrays=(), marked=()), RejectReason.NOT_ENOUGH_LIQUIDITY),
    ],
)
def test_a_pair_is_refused_for_its_reason(pool: DlmmPool, refusal: RejectReason):
    with pytest.raises(PoolRejected) as refused:
        pool.swap(X, "exact_in", 10**6)
    assert refused.value.refusal is refusal
    assert pool.amount_out(X, 10**6) == pool.amount_in(X, 10**6) == 0


@pytest.mark.parametrize(
    ("mint_in", "amount", "refusal"),
    [
        (RAY.mint, 5, RejectReason.WRONG_TOKEN),
        (X, 0, RejectReason.AMOUNT_ZERO),
        (X, 1, RejectReason.PAYS_NOTHING),
        (X, 2**64, RejectReason.AMOUNT_OVERFLOWS),
        (X, 10**12, RejectReason.NOT_ENOUGH_LIQUIDITY),
    ],
)
def test_an_amount_is_refused_for_its_reason(mint_in: Address, amount: int, refusal: RejectReason):
    with pytest.raises(PoolRejected) as refused:
        _pool().swap(mint_in, "exact_in", amount)
    assert refused.value.refusal is refusal


def test_bytes_of_another_release_are_refused():
    accounts = {account.address: account for account in DLMM.encode(_pool(collect_fee_mode=1))}
    with pytest.raises(PoolRejected) as refused:
        Dlmm(orders=False).decode(KEYS[0], Snapshot(accounts, NOW))
    assert refused.value.refusal is RejectReason.RELEASE_NOT_CHECKED
    at = array_address(KEYS[0], 0)
    counted = bytearray(accounts[at].data)
    struct.pack_into("<QQQ", counted, 56 + 112, 7, 0, 9)  # what went in, as 0.11 counted it
    accounts[at] = replace(accounts[at], data=bytes(counted))
    with pytest.raises(PoolRejected) as refused:
        DLMM.decode(KEYS[0], Snapshot(accounts, NOW))
    assert refused.value.refusal is RejectReason.RELEASE_NOT_CHECKED


def test_a_swap_names_its_accounts_in_order():
    pool = _pool()
    swap = pool.swap(X, "exact_in", 75 * 10**9)
    arrays = [array_address(KEYS[0], index) for index in (0, -1, -2)]
    assert list(swap.touched) == arrays
    trade = SwapParams(
        ME, KEYS[4], KEYS[5], X, "exact_in", 75 * 10**9, swap.amount_out, swap.touched
    )
    call = DLMM.instruction(pool, trade)
    named = [account.address for account in call.accounts]
    assert named[:10] == [
        KEYS[0], DLMM.id, KEYS[1], KEYS[2], KEYS[4], KEYS[5], X, Y, KEYS[3], DLMM.id,
    ]  # fmt: skip
    assert named[-3:] == arrays
    assert [account.address for account in call.accounts if account.signer] == [ME]
    assert call.data[8:] == struct.pack("<QQ", 75 * 10**9, swap.amount_out)
    wide = DLMM.instruction(replace(pool, extended=True), replace(trade, arrays=()))
    assert wide.accounts[1].address == extension_address(KEYS[0])
    assert [account.address for account in wide.accounts][-3:] == arrays


def test_what_a_swap_tells_is_read_from_its_inner_instructions():
    head = bytes.fromhex("e445a52e51cb9a1d516ce3becdd00ac4")
    body = key_bytes(KEYS[0]) + key_bytes(ME) + struct.pack("<iiQQ", 0, -3, 1_000, 998)
    told = Instruction(DLMM.id, (), head + body + bytes(57))
    (swap,) = DLMM.parse_swaps((), [told, Instruction(KEYS[5], (), head + body)])
    assert (swap.pool, swap.amount_in, swap.amount_out, swap.exact) == (KEYS[0], 1_000, 998, True)
    assert DLMM.parse_swaps((), [Instruction(DLMM.id, (), head + body[:70])]) == ()


def test_an_error_is_known_by_name_and_by_number():
    logged = ProgramLogLine(
        DLMM.id, "AnchorError occurred. Error Code: PoolDisabled. Error Number: 6042."
    )
    assert DLMM.error([logged], 6042) == KnownError("PoolDisabled", Code.POOL_REFUSED)
    assert DLMM.error([], 6042) == KnownError("PoolDisabled", Code.POOL_REFUSED)
    assert DLMM.error([], 6003) == KnownError(
        "ExceededAmountSlippageTolerance", Code.SLIPPAGE_EXCEEDED
    )
    assert DLMM.error([], 12_345) is None


def test_what_a_pair_wants_is_asked_for_once():
    whole = {account.address: account for account in DLMM.encode(_pool())}
    seen = Snapshot({}, NOW)
    assert DLMM.required_accounts(KEYS[0], seen) == (KEYS[0],)
    seen = Snapshot({KEYS[0]: whole[KEYS[0]]}, NOW)
    arrays = {array_address(KEYS[0], index) for index in (-2, -1, 0, 1)}
    assert set(DLMM.required_accounts(KEYS[0], seen)) == {X, Y, extension_address(KEYS[0])} | arrays
    # The second half of the bitmap does not exist, and is not asked for again.
    assert DLMM.required_accounts(KEYS[0], Snapshot(whole, NOW)) == ()
