"""Hold Raydium's CLMM to the laws of every pool, and its accounts to their layouts."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.curves.tick_walk import TickWalk
from cambist.curves.tick_walk_state import STEPS_MAX, FeeRates, TickState, TooFar
from cambist.curves.ticks import SQRT_MAX, SQRT_MIN, sqrt_at_tick
from cambist.faults import Code
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM
from cambist.values.route import Quote
from cambist.venues.logs import ProgramLogLine
from cambist.venues.program import AccountMeta, Instruction, SwapParams
from cambist.venues.raydium.clmm import CLMM, ClmmPool, clmm_program, tick_array_bitmap
from cambist.venues.raydium.clmm.accounts import ARRAYS_EACH_WAY
from cambist.venues.raydium.clmm.events import EVENT, ClmmSwapEvent
from cambist.venues.raydium.clmm.tick_arrays import array_address, extension_address
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot
from tests.venues import laws
from tests.venues.clmm_pools import KEYS, NOW, amounts, clmm_pools, pool_of

POOL = pool_of(
    10,
    {-600: 10**9, -20: 10**9, 40: -(10**9), 1_200: -(10**9)},
    TickState(sqrt_at_tick(3) + 5, 3, 2 * 10**9),
    FeeRates(2_500, 120_000, 40_000),
)
ways = st.booleans()


def snapshot_of(pool: ClmmPool, *without: Address) -> Snapshot:
    """Return a pool's accounts, but for some."""
    accounts = {
        account.address: account for account in CLMM.encode(pool) if account.address not in without
    }
    return Snapshot(accounts, pool.time)


def with_bytes(pool: ClmmPool, address: Address, at: int, data: bytes) -> Snapshot:
    """Return a pool's accounts with some bytes of one changed."""
    accounts = {account.address: account for account in CLMM.encode(pool)}
    old = accounts[address]
    changed = old.data[:at] + data + old.data[at + len(data) :]
    accounts[address] = Account(address, old.owner, changed)
    return Snapshot(accounts, pool.time)


def refused(snapshot: Snapshot) -> RejectReason:
    """Return why the pool is not decoded."""
    with pytest.raises(PoolRejected) as found:
        CLMM.decode(POOL.address, snapshot)
    return found.value.refusal


@given(clmm_pools(), ways, amounts)
def test_the_bare_amounts_are_those_of_the_swap(pool: ClmmPool, a: bool, amount: int):
    laws.fast_is_full(pool, pool.mint_a if a else pool.mint_b, amount)


@given(clmm_pools(), ways, amounts, st.integers(1, 10**9))
def test_who_gives_more_gets_no_less(pool: ClmmPool, a: bool, amount: int, more: int):
    laws.more_in_is_no_less_out(pool, pool.mint_a if a else pool.mint_b, amount, more)


@given(clmm_pools(), ways, amounts)
def test_there_and_back_never_gains(pool: ClmmPool, a: bool, amount: int):
    laws.there_and_back_never_gains(pool, pool.mint_a if a else pool.mint_b, amount)


@given(clmm_pools(fees=False), ways, amounts, amounts)
def test_two_parts_bring_no_more_than_the_whole(pool: ClmmPool, a: bool, one: int, two: int):
    laws.in_two_parts_never_gains(pool, pool.mint_a if a else pool.mint_b, (one, two))


@given(clmm_pools(fees=False), ways, amounts)
def test_what_was_asked_for_comes(pool: ClmmPool, a: bool, amount: int):
    laws.what_was_asked_for_comes(pool, pool.mint_a if a else pool.mint_b, amount)


@given(clmm_pools(), ways, amounts)
def test_a_swap_moves_the_vaults_by_what_it_says(pool: ClmmPool, a: bool, amount: int):
    mint = pool.mint_a if a else pool.mint_b
    swap = laws.tried(pool, mint, "exact_in", amount)
    if swap is None:
        return
    end, fees = swap.end, swap.fees
    assert isinstance(end, ClmmPool)
    into, out = swap.amount_in - fees.transfer_in, swap.amount_out + fees.transfer_out
    moved = (end.reserve_a - pool.reserve_a, end.reserve_b - pool.reserve_b)
    assert moved == ((into, -out) if a else (-out, into))
    assert (end.tick_state.price < pool.tick_state.price) == a
    assert fees.protocol <= fees.trade <= into
    assert set(swap.touched) <= set(pool.ahead(mint))


@given(clmm_pools(), ways, amounts, st.integers(1, 40))
def test_a_price_limit_is_never_passed(pool: ClmmPool, a: bool, amount: int, shift: int):
    mint, price = (pool.mint_a if a else pool.mint_b), pool.tick_state.price
    limit = price - max(price >> shift, 1) if a else price + max(price >> shift, 1)
    whole = laws.tried(pool, mint, "exact_in", amount)
    try:
        swap = pool.swap_until(mint, "exact_in", amount, limit)
    except PoolRejected:
        return
    assert isinstance(swap.end, ClmmPool)
    assert limit <= swap.end.tick_state.price < price or price < swap.end.tick_state.price <= limit
    if whole is not None and swap.amount_in == amount:
        assert swap.amount_out == whole.amount_out


@given(clmm_pools())
def test_accounts_hold_the_pool(pool: ClmmPool):
    laws.accounts_hold_the_pool(CLMM, pool, Snapshot({}, NOW))


@settings(max_examples=200)
@given(clmm_pools(), st.integers(0, 10_239), st.integers(1, 255))
def test_any_bytes_are_decoded_or_refused(pool: ClmmPool, at: int, byte: int):
    laws.any_bytes_are_decoded_or_refused(CLMM, pool, at, byte)


@given(st.binary(max_size=2_000), st.integers(0, 5))
def test_foreign_bytes_are_refused(data: bytes, which: int):
    accounts = {account.address: account for account in CLMM.encode(POOL)}
    address = list(accounts)[which]
    accounts[address] = Account(address, accounts[address].owner, data)
    with pytest.raises(PoolRejected):
        CLMM.decode(POOL.address, Snapshot(accounts, NOW))


@given(
    st.sets(st.integers(-7_000, 7_000), max_size=9), st.integers(-7_200, 7_200), ways,
    st.sampled_from([1, 10]),
)  # fmt: skip
def test_the_next_set_array_is_the_nearest(indices: set[int], here: int, down: bool, spacing: int):
    wide = tick_array_bitmap.width(spacing)
    bits = tick_array_bitmap.join(tick_array_bitmap.NO_BITS, tick_array_bitmap.NO_EXTENSION)
    for index in indices:
        bits = tick_array_bitmap.with_bit(bits, index * wide, spacing)
    inline, beyond = tick_array_bitmap.split(bits)
    assert tick_array_bitmap.join(inline, beyond) == bits
    assert len(inline) == 128
    assert len(beyond) == 1_792
    ahead = [index for index in indices if (index < here if down else index > here)]
    nearest = (max(ahead) if down else min(ahead)) * wide if ahead else None
    assert tick_array_bitmap.next_set(bits, here * wide, spacing, down=down) == nearest
    assert tick_array_bitmap.is_set(bits, here * wide, spacing) == (here in indices)
    assert int.from_bytes(inline, "little").bit_count() == sum(
        tick_array_bitmap.is_inline(index * wide, spacing) for index in indices
    )


def test_a_pool_wants_its_accounts_one_after_the_other():
    accounts = {account.address: account for account in CLMM.encode(POOL)}
    seen: dict[Address, Account] = {}
    asked = []
    while missing := CLMM.required_accounts(POOL.address, Snapshot(seen, NOW)):
        asked.append(missing)
        seen |= {transaction: accounts[transaction] for transaction in missing}
    assert [len(request) for request in asked] == [1, 9]
    assert CLMM.decode(POOL.address, Snapshot(seen, NOW)) == POOL


def test_at_most_so_many_arrays_are_asked_for_each_way():
    wide = {n * 600: 10**6 for n in range(-30, 30)}
    pool = pool_of(10, wide, TickState(sqrt_at_tick(3) + 5, 3, 31 * 10**6), FeeRates(2_500, 0, 0))
    arrays = {array_address(pool.address, start) for start in pool.shelf.starts}
    asked = CLMM.required_accounts(pool.address, snapshot_of(pool, *arrays))
    most = ARRAYS_EACH_WAY
    near = [n * 600 for n in (0, *range(-1, -most - 1, -1), *range(1, most + 1))]
    assert asked == tuple(array_address(pool.address, address) for address in near)


def test_more_steps_than_a_transaction_pays_for_are_too_far():
    ladder = {0: 10**9} | {n * 10: -(10**3) for n in range(1, 100)}
    pool = pool_of(10, ladder, TickState(sqrt_at_tick(3) + 5, 3, 10**9), FeeRates(2_500, 0, 0))
    walk = pool.ways[pool.mint_b].walk
    with pytest.raises(TooFar):
        walk.amount_out(2**62)
    assert isinstance(walk, TickWalk)
    assert len(walk.given) == STEPS_MAX + 1
    assert pool.amount_out(pool.mint_b, walk.given[-1]) == walk.paid[-1]
    assert pool.amount_out(pool.mint_b, walk.given[-1] + 1) == 0
    with pytest.raises(PoolRejected) as refused:
        pool.swap(pool.mint_b, "exact_in", walk.given[-1] + 1)
    assert refused.value.refusal is RejectReason.TOO_FAR


def test_an_extension_that_the_chain_has_not_may_be_given_as_empty():
    beyond = extension_address(POOL.address)
    seen = snapshot_of(POOL, beyond)
    assert CLMM.required_accounts(POOL.address, seen) == (beyond,)
    empty = Account(beyond, Address("11111111111111111111111111111111"), b"")
    seen = Snapshot({**seen.accounts, beyond: empty}, NOW)
    assert CLMM.required_accounts(POOL.address, seen) == ()
    assert CLMM.decode(POOL.address, seen) == POOL


def test_what_cannot_be_is_refused():
    pool, config = POOL.address, POOL.config
    array = array_address(pool, 0)
    bounds, kind = RejectReason.OUT_OF_BOUNDS, RejectReason.WRONG_KIND
    cases = [
        (pool, 0, b"\0", kind),
        (pool, 235, bytes(2), RejectReason.NOT_INITIALISED),
        (pool, 253, struct.pack("<QQ", 0, 0), bounds),
        (pool, 253, (SQRT_MAX).to_bytes(16, "little"), bounds),
        (pool, 269, struct.pack("<i", 5), bounds),
        (pool, 277, b"\xff" * 16, bounds),
        (config, 47, struct.pack("<I", 1_000_000), bounds),
        (config, 43, struct.pack("<I", 970_000), bounds),
        (array, 8, b"\0", kind),
        (array, 40, struct.pack("<i", 600), bounds),
        (array, 44 + 4 * 168, struct.pack("<i", 41), bounds),
        (extension_address(pool), 8, b"\0", kind),
    ]
    for address, at, data, refusal in cases:
        assert refused(with_bytes(POOL, address, at, data)) is refusal, (address, at)


def test_an_array_that_is_marked_and_holds_no_tick_is_refused():
    array = array_address(POOL.address, 0)
    assert refused(with_bytes(POOL, array, 44, bytes(60 * 168))) is RejectReason.OUT_OF_BOUNDS


@pytest.mark.parametrize(
    ("at", "data"), [(390, b"\1"), (390, b"\2"), (1_096, struct.pack("<HHHII", 1, 2, 3, 4, 5))]
)
def test_a_pool_of_the_newer_release_is_refused_until_it_was_checked(at: int, data: bytes):
    snapshot = with_bytes(POOL, POOL.address, at, data)
    assert refused(snapshot) is RejectReason.RELEASE_NOT_CHECKED
    assert clmm_program(checked=True).decode(POOL.address, snapshot).renewal is not None


def test_a_limit_order_is_seen_and_refused_until_it_was_checked():
    array = array_address(POOL.address, 0)
    at = 44 + 4 * 168
    for field in (124, 132):
        snapshot = with_bytes(POOL, array, at + field, struct.pack("<Q", 9))
        assert refused(snapshot) is RejectReason.RELEASE_NOT_CHECKED


def test_a_swap_is_one_call_with_its_arrays_in_order():
    swap = POOL.swap(POOL.mint_b, "exact_in", 10**7)
    assert len(swap.touched) == 2
    trade = SwapParams(
        KEYS[5], KEYS[6], KEYS[7], POOL.mint_b, "exact_in", 10**7, swap.amount_out, swap.touched
    )
    call = CLMM.instruction(POOL, trade)
    assert call.program == CLMM.id
    assert call.accounts[0] == AccountMeta(KEYS[5], signer=True)
    assert [account.address for account in call.accounts[3:7]] == [
        KEYS[6],
        KEYS[7],
        KEYS[2],
        KEYS[1],
    ]
    assert call.accounts[8] == AccountMeta(TOKEN_PROGRAM)
    assert call.accounts[-2:] == tuple(
        AccountMeta(address, writable=True) for address in swap.touched
    )
    assert call.data.hex() == (
        "2b04ed0b1ac91e62" + struct.pack("<QQ", 10**7, swap.amount_out).hex() + "00" * 16 + "01"
    )
    with pytest.raises(PoolRejected):
        CLMM.instruction(POOL, replace(trade, mint_in=KEYS[0]))


def test_events_tell_what_left_and_what_arrived():
    event = EVENT.write(ClmmSwapEvent(POOL.address, 1_000, 7, 990, 3, a_given=True))
    (told,) = CLMM.parse_swaps([ProgramLogLine(CLMM.id, data=event)], ())
    assert (told.pool, told.amount_in, told.amount_out) == (POOL.address, 1_007, 990)
    event = EVENT.write(ClmmSwapEvent(POOL.address, 1_000, 7, 990, 3, a_given=False)) + bytes(16)
    (told,) = CLMM.parse_swaps([ProgramLogLine(CLMM.id, data=event)], ())
    assert (told.amount_in, told.amount_out) == (993, 1_000)
    assert (
        CLMM.parse_swaps([ProgramLogLine(KEYS[0], data=event), ProgramLogLine(CLMM.id, "text")], ())
        == ()
    )


def test_errors_are_known_by_name_and_their_numbers_by_release():
    line = ProgramLogLine(
        CLMM.id, "AnchorError thrown. Error Code: TooMuchInputPaid. Error Number: 6023."
    )
    known = CLMM.error([line], 6_023)
    assert known is not None
    assert (known.name, known.code) == ("TooMuchInputPaid", Code.SLIPPAGE_EXCEEDED)
    numbers = [6_018, 6_022, 6_023]
    classic = [CLMM.error((), number) for number in numbers]
    renewed = [clmm_program(renewed=True).error((), number) for number in numbers]
    assert [named and named.name for named in classic] == [
        None, "TooLittleOutputReceived", "TooMuchInputPaid",
    ]  # fmt: skip
    assert [named and named.name for named in renewed] == [
        "TooLittleOutputReceived", "TooSmallInputOrOutputAmount", "NotEnoughTickArrayAccount",
    ]  # fmt: skip


def test_pools_are_seen_to_be_made():
    metas = tuple(
        AccountMeta(one) for one in (KEYS[0], KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5])
    )
    data = bytes.fromhex("e992d18ecf6840bc") + bytes(16) + struct.pack("<Q", 77)
    told = CLMM.parse_pool_created(Instruction(CLMM.id, metas, data))
    assert told is not None
    assert (told.pool, told.mint_a, told.mint_b, told.opens_s) == (*KEYS[2:5], 77)
    custom = Instruction(CLMM.id, metas, bytes.fromhex("2b44d4a7592fa401") + bytes(18))
    told = CLMM.parse_pool_created(custom)
    assert told is not None
    assert told.opens_s is None
    assert CLMM.parse_pool_created(Instruction(KEYS[0], metas, data)) is None
    assert CLMM.parse_pool_created(Instruction(CLMM.id, metas[:4], data)) is None
    assert CLMM.parse_pool_created(Instruction(CLMM.id, metas, b"")) is None


def test_a_quote_says_which_program_gave_it():
    quote = POOL.quote(POOL.mint_a, "exact_in", 10**6)
    assert isinstance(quote, Quote)
    assert (quote.venue, quote.program, quote.fee, quote.fee_bps) == ("raydium", "clmm", 2_500, 25)
    assert POOL.swap(POOL.mint_a, "exact_in", 10**6).impact_hundredths > 0
    with pytest.raises(PoolRejected):
        POOL.swap_until(POOL.mint_a, "exact_in", 10**6, SQRT_MIN)
