"""Hold routes over many pools to the best single pool, to their parts, and to one transaction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from solders.hash import Hash
from solders.instruction import AccountMeta
from solders.instruction import Instruction as SvmInstruction
from solders.message import MessageV0, MessageV1, TransactionConfig
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from cambist.faults import Code, Fault
from cambist.optimizer.clearing import SplitRequest
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.routing.hub_rules import FRESH_SLOTS_MAX
from cambist.routing.paths import HOP_ALLOWANCE_BPS, Way, straight
from cambist.routing.router import MarketSnapshot, find_route
from cambist.routing.split import Split, split
from cambist.routing.transaction_limits import (
    V0,
    V1,
    Envelope,
    Load,
    combine,
    limit_exceeded,
    load,
    transaction_bytes,
)
from cambist.values.amount import Bps, RawAmount
from cambist.values.base58 import encode
from cambist.values.ids import LOCAL, Address
from cambist.values.program_address import TOKEN_PROGRAM
from cambist.values.route import Route, SwapMode
from cambist.values.time_units import Slot
from cambist.values.token import RAY, SOL, USDC, Pair
from cambist.venues.program import AccountMeta as Meta
from cambist.venues.program import Instruction
from cambist.venues.raydium.amm_v4 import AMM_V4
from cambist.venues.raydium.cpmm import CPMM, CpmmFeeRates, CpmmPool
from cambist.venues.snapshot import ChainTime
from cambist.venues.tokens import Mint

NOW = ChainTime(Slot(1_000), 1_790_000_000, 900)
PROGRAMS = {program.name: program for program in (CPMM, AMM_V4)}
ROUNDING_UNITS = 4
modes = st.sampled_from(["exact_in", "exact_out"])


def key(text: str) -> Address:
    """Return an address that follows from a text."""
    return Address(encode(text.encode().ljust(32, b".")[:32]))


def pool(
    name: str,
    x: int,
    y: int,
    mints: tuple[Address, Address] = (SOL.mint, USDC.mint),
    trade: int = 2_500,
) -> CpmmPool:
    """Return a pool of two reserves."""
    a, b = (Mint(mint, TOKEN_PROGRAM, 6) for mint in mints)
    keys = [key(f"{name} {n}") for n in range(5)]
    return CpmmPool(
        keys[0], a, b, keys[1], keys[2], x, y, (0, 0), CpmmFeeRates(trade, 120_000, 40_000),
        keys[3], keys[4], 0, 0, NOW,
    )  # fmt: skip


def wish(amount: int, mode: SwapMode = "exact_in") -> Intent:
    """Return the intent to give SOL for USDC."""
    return Intent("market", LOCAL, Pair(SOL, USDC), mode, RawAmount(amount), Terms(Bps(50)))


def found(answer: Route | Fault) -> Route:
    """Return a route that has to be one."""
    assert isinstance(answer, Route), answer
    return answer


reserves = st.integers(10**9, 10**13)
crowds = st.lists(st.tuples(reserves, reserves), min_size=1, max_size=6).map(
    lambda sizes: [pool(f"p{n}", x, y) for n, (x, y) in enumerate(sizes)]
)


@given(crowds, modes, st.integers(10**3, 10**9), st.integers(0, 10**4))
def test_a_split_adds_up_and_is_never_worse_than_the_best_pool(
    pools: list[CpmmPool], mode: SwapMode, amount: int, leg_cost: int
):
    whole = [one.amount_out if mode == "exact_in" else one.amount_in for one in pools]
    alone = [brought for ask in whole if (brought := ask(SOL.mint, amount))]
    costs = {"cpmm": leg_cost}
    found = split(straight(pools, SOL.mint, mode, costs), SplitRequest(mode, amount, 3))
    if not found:
        return
    shared = found[0]
    assert sum(share.amount for share in shared.shares) == amount
    assert all(share.amount > 0 for share in shared.shares)
    assert [share.other for share in shared.shares] == [
        share.path.swap_amount(mode, share.amount) for share in shared.shares
    ]
    within = [way for way in straight(pools, SOL.mint, mode) if _carries(way, mode, amount)]
    if not within or not alone:
        return
    cost = (shared.legs - 1) * leg_cost
    best = (max if mode == "exact_in" else min)(
        one.path.swap_amount(mode, amount) for one in within
    )
    off = ROUNDING_UNITS + best // 10**6
    if mode == "exact_in":
        assert shared.other - cost >= best - off
    else:
        assert shared.other + cost <= best + off


def _carries(way: Way, mode: SwapMode, amount: int) -> bool:
    """Whether a way carries the amount without moving its pool by half."""
    return bool(way.curve.paid(amount) if mode == "exact_in" else way.curve.given(amount))


def test_two_equal_pools_share_a_great_amount_evenly():
    pools = [pool("one", 10**12, 10**12), pool("two", 10**12, 10**12)]
    [shared, *_] = split(straight(pools, SOL.mint, "exact_in"), SplitRequest("exact_in", 10**11, 3))
    parts = sorted(share.amount for share in shared.shares)
    assert len(parts) == 2
    assert parts[1] - parts[0] <= 10**11 // 10**6
    assert shared.other > pools[0].amount_out(SOL.mint, 10**11) * 104 // 100


def test_a_small_amount_is_not_split_for_less_than_its_swaps_cost():
    pools = [pool("one", 10**12, 10**12), pool("two", 10**12, 10**12)]

    def ways(amount: int, leg_cost: int) -> Split:
        ways = straight(pools, SOL.mint, "exact_in", {"cpmm": leg_cost})
        return split(ways, SplitRequest("exact_in", amount, 3))[0]

    assert len(ways(10**10, 0).shares) == 2
    gained = ways(10**10, 0).other - pools[0].amount_out(SOL.mint, 10**10)
    assert len(ways(10**10, gained + 1).shares) == 1


def test_a_route_through_a_hub_leaves_nothing_there_and_says_what_it_gains():
    direct = pool("direct", 10**12, 10**12, trade=50_000)
    first = pool("first", 10**13, 10**13, (SOL.mint, RAY.mint), trade=100)
    second = pool("second", 10**13, 10**13, (RAY.mint, USDC.mint), trade=100)
    offered = MarketSnapshot([direct], {RAY.mint: ([first], [second])}, programs=PROGRAMS)
    route = found(find_route(wish(10**9), offered))
    one, two = route.legs
    assert (one.mode, two.mode) == ("exact_out", "exact_in")
    assert one.amount_out == two.amount_in
    assert one.bound == 10**9
    assert 10**9 - one.amount_in <= 10**9 * (HOP_ALLOWANCE_BPS + 1) // 10_000
    assert two.bound == route.bound < two.amount_out
    assert route.amount_out > direct.amount_out(SOL.mint, 10**9)
    assert route.reason.startswith("Raydium CPMM, then Raydium CPMM pays 999.100366 USDC, 526.8")
    assert "bps more than Raydium CPMM alone" in route.reason
    out = found(find_route(wish(10**9, "exact_out"), offered))
    assert [leg.mode for leg in out.legs] == ["exact_out", "exact_in"]
    assert out.legs[0].amount_out == out.legs[1].amount_in
    assert out.legs[1].bound == 10**9
    assert out.legs[0].bound == out.bound >= out.amount_in


def test_where_no_pool_has_the_pair_the_hub_has_it():
    first = pool("first", 10**13, 10**13, (SOL.mint, RAY.mint))
    second = pool("second", 10**13, 10**13, (RAY.mint, USDC.mint))
    route = found(find_route(wish(10**9), MarketSnapshot([], {RAY.mint: ([first], [second])})))
    assert route.reason.endswith("no single pool trades the amount.")
    assert isinstance(find_route(wish(10**9), MarketSnapshot([])), Fault)


@given(crowds, modes, st.integers(10**6, 10**9))
def test_a_routes_legs_add_up_to_it(pools: list[CpmmPool], mode: SwapMode, amount: int):
    answer = find_route(wish(amount, mode), MarketSnapshot(pools, programs=PROGRAMS))
    if isinstance(answer, Fault):
        return
    if len(answer.legs) > 1:
        assert sum(leg.amount_in for leg in answer.legs) == answer.amount_in
        assert sum(leg.amount_out for leg in answer.legs) == answer.amount_out
        assert sum(leg.bound for leg in answer.legs) == answer.bound
    sized = answer.amount_in if mode == "exact_in" else answer.amount_out
    assert sized == amount


def test_a_pool_that_is_too_good_to_be_true_is_not_believed():
    honest = [pool(f"honest {n}", 10**12, 10**12 + n) for n in range(3)]
    bait = pool("bait", 10**12, 2 * 10**12)
    route = found(find_route(wish(10**9), MarketSnapshot([*honest, bait])))
    assert bait.address not in {leg.pool for leg in route.legs}
    assert any(
        "too far from what the other pools pay" in failure.reason for failure in route.absent
    )
    deep, shallow = pool("deep", 10**15, 10**15), [pool(f"s{n}", 10**9, 10**9) for n in range(4)]
    assert (
        found(find_route(wish(10**10), MarketSnapshot([deep, *shallow]))).legs[0].pool
        == deep.address
    )


def test_a_venue_that_trades_is_not_asked_why_another_pool_of_its_refuses():
    deep, shallow = pool("deep", 10**12, 10**12), pool("shallow", 10**12, 1)
    route = found(find_route(wish(10**6), MarketSnapshot([shallow, deep])))
    assert [leg.pool for leg in route.legs] == [deep.address]
    assert route.absent == ()
    refused = find_route(wish(10**6), MarketSnapshot([shallow]))
    assert isinstance(refused, Fault)
    assert "pay nothing for so small an amount" in refused.message


def test_a_pool_that_was_not_seen_for_long_is_not_believed():
    then = replace(NOW, slot=Slot(NOW.slot - FRESH_SLOTS_MAX - 1))
    old = pool("old", 10**12, 10**12).at(then)
    new = pool("new", 10**12, 9 * 10**11)
    route = found(find_route(wish(10**9), MarketSnapshot([old, new])))
    assert [leg.pool for leg in route.legs] == [new.address]
    assert any("slots ago" in failure.reason for failure in route.absent)


def test_what_does_not_fit_one_transaction_is_split_over_fewer_ways():
    pools = [pool(f"p{n}", 10**12, 10**12) for n in range(6)]
    small = replace(V0, paths_max=6)
    narrow = found(
        find_route(wish(5 * 10**11), MarketSnapshot(pools, programs=PROGRAMS, envelope=small))
    )
    wide = found(
        find_route(wish(5 * 10**11), MarketSnapshot(pools, programs=PROGRAMS, envelope=V1))
    )
    assert 1 < len(narrow.legs) < len(wide.legs) == 6
    assert wide.amount_out > narrow.amount_out
    assert "6 swaps would be" in narrow.reason
    assert "do not fit one v0 transaction of 1232 bytes" in narrow.reason
    assert "do not fit" not in wide.reason
    refused = find_route(wish(5 * 10**12), MarketSnapshot(pools[:1]))
    assert isinstance(refused, Fault)
    assert refused.code is Code.NO_ROUTE


addresses = st.integers(0, 60).map(lambda n: key(f"account {n}"))
calls = st.lists(
    st.builds(
        Instruction,
        st.integers(0, 3).map(lambda n: key(f"program {n}")),
        st.lists(st.builds(Meta, addresses), max_size=30).map(tuple),
        st.binary(max_size=200),
    ),
    max_size=5,
)


def _svm(call: Instruction) -> SvmInstruction:
    metas = [AccountMeta(Pubkey.from_string(m.address), False, False) for m in call.accounts]
    return SvmInstruction(Pubkey.from_string(call.program), call.data, metas)


def _compiled(calls_: list[Instruction], envelope: Envelope) -> MessageV0 | MessageV1:
    payer, blockhash = Pubkey.from_string(key("payer")), Hash.default()
    if envelope is V1:
        config = TransactionConfig(priority_fee=1, compute_unit_limit=1)
        return MessageV1.try_compile(payer, [_svm(call) for call in calls_], blockhash, config)
    budget = [Instruction(key("budget"), (), bytes(size)) for size in (5, 9)]
    return MessageV0.try_compile(payer, [_svm(one) for one in (*budget, *calls_)], [], blockhash)


@pytest.mark.parametrize("envelope", [V0, V1], ids=["v0", "v1"])
@given(calls_=calls)
def test_a_transaction_is_as_long_as_it_is_counted(
    envelope: Envelope, calls_: list[Instruction]
) -> None:
    signed = VersionedTransaction.populate(_compiled(calls_, envelope), [Signature.default()])
    size = len(bytes(signed))
    payer = Load(frozenset((key("payer"),)), 0, 0, 0)
    loads = [load([call], [], envelope) for call in calls_]
    assert transaction_bytes(combine((*loads, payer)), envelope) == size
    said = limit_exceeded(loads, key("payer"), envelope)
    if size > envelope.bytes_max:
        assert said == f"it takes {size} bytes of {envelope.bytes_max}"
    else:
        assert said is None or "accounts" in said


class Dearer:
    """A pool whose fee is higher by the time a swap lands."""

    is_time_dependent = True

    def __init__(self, now: CpmmPool, then: CpmmPool) -> None:
        self._now, self._then = now, then

    def __getattr__(self, name: str) -> object:
        return getattr(self._now, name)

    def at(self, time: ChainTime) -> CpmmPool:
        """Return the pool as it will be."""
        return self._then.at(time)


@given(modes)
def test_the_bound_rests_on_the_worse_of_now_and_when_the_swap_lands(mode: SwapMode):
    now, then = pool("now", 10**12, 10**12), pool("now", 10**12, 10**12, trade=20_000)
    intent = wish(10**9, mode)
    route = found(find_route(intent, MarketSnapshot([Dearer(now, then)])))
    swap = then.swap(SOL.mint, mode, 10**9)
    assert route.bound == intent.terms.bound(mode, swap.amount_in, swap.amount_out)
    assert route.amount_out == now.swap(SOL.mint, mode, 10**9).amount_out
