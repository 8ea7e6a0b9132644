"""Finds the marginal rate at which ways together take an amount, and what each of them takes.

At a rate p each way takes what it can until its own rate has fallen to p, and its surplus is what
that brings beyond p for each unit. For any p at all,

    p * amount + the surpluses of the ways used - what their swaps cost

is no less than what any sharing over these ways brings: a bound, and a proof where it is reached.
For exact amounts out the same holds of what is saved.
"""

# The problem: give the amount Q to n concave curves f_i so that the sum of f_i(q_i) is greatest. By
# convex duality, at any rate p > 0
#
#     max sum f_i(q_i)  <=  p * Q + sum max_q (f_i(q) - p * q)
#
# The terms of the last sum are the surpluses. The right side is a bound for every p, and equality
# holds at the clearing rate, at which the q_i that maximise the surpluses add up to Q. The same
# idea routes over many pools in Angeris, Evans, Chitra and Boyd, "Optimal Routing for Constant
# Function Market Makers" (2022); here one market has one pair, so p is a single number and a search
# along a line is enough.
#
# What follows from it:
#
# - One number describes a whole split. `find_clearing_rate` looks for it by regula falsi with the
#   Illinois weights (a side that is kept twice has its weight halved), and halves the interval when
#   one side is kept too often.
# - Over 1 / sqrt(p) the amount taken by a constant-product curve is a straight line, so the first
#   guesses are close. Over p itself they would not be.
# - The bound is also a proof. The search for a rate ends when parts are within _PROVEN of it, not
#   only when the rate stops moving.
# - Curves have jumps where a bin of one price is reached: all amounts within the bin have one rate.
#   Then no rate gives exactly Q. The parts just before and just after are mixed, which is exact
#   because each unit in between has the same rate.
#
# Fixed costs make the problem non-convex: a way costs its swaps as soon as it takes one unit. They
# are counted in the surplus of a way, and optimizer/subsets.py decides which ways are used at all.
#
# Floats only propose here, and the pools answer in integers. Only + - * / and sqrt are used, which
# IEEE 754 defines to the last bit, so every machine proposes the same split for the same pools.

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf, sqrt
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from cambist.optimizer.rate_curve import RateCurve
from cambist.values.ids import Address
from cambist.values.route import SwapMode

LIKELY_MAX: Final = 24
"""Ways among which the best few are sought, once the rate is known from one side."""
_FEWEST: Final = 2
"""Ways that a sharing has at least, unless its only way has two swaps."""
_FIRST_FALL: Final = 0.002
_PROVEN: Final = 1e-7
"""What parts may be short of the bound."""
_FLAT, _FLAT_ENOUGH = 1e-11, 1e-4
"""How well a rate is to be known at the most: when a subset is solved, when ways are chosen."""
_ROUNDS_MAX: Final = 60
_AHEAD, _AHEAD_OF_MANY = 1.05, 0.5
"""Which part of the way to the amount a step goes, by the line so far: a little more than all.
Among many ways half of it, since each of them is followed down to the rate that is asked."""
_STUCK: Final = 3
"""So often on one side, the next guess is in the middle."""


class Candidate(Protocol):
    """A way as the search sees it."""

    @property
    def curve(self) -> RateCurve:
        """What it brings."""

    @property
    def name(self) -> str:
        """What distinguishes it from another of the same rate."""

    @property
    def swaps(self) -> int:
        """How many swaps it takes."""

    @property
    def cost(self) -> int:
        """What its swaps cost, in raw units of the token that is not sized."""

    @property
    def pools(self) -> tuple[Address, ...]:
        """Which pools it moves: two ways over one pool are not quoted alone."""


L = TypeVar("L", bound=Candidate)


def by_rate(ways: Iterable[L]) -> list[L]:
    """Sort ways: the best rate at the start first, then by name."""
    return sorted(ways, key=_rank)


def _rank(way: Candidate) -> tuple[float, str]:
    return -way.curve.rate, way.name


class SplitRequest(msgspec.Struct, frozen=True):
    """What is to be shared: how much, and over how many ways.

    `rounding` is what each swap loses to whole units, in raw units of the token that is not sized.
    """

    mode: SwapMode
    amount: int
    ways_max: int
    rounding: float = 0


class Allocation(NamedTuple, Generic[L]):
    """What a way takes at a marginal rate: its surplus net of its swaps, and both amounts."""

    surplus: float
    given: float
    paid: float
    way: L


class Found(NamedTuple, Generic[L]):
    """A subset, what it brings net (or costs, as a minus), and the part of each way."""

    value: float
    ways: tuple[L, ...]
    sizes: list[float]


def bound(
    ways: Sequence[L], request: SplitRequest, rate: float, cost_min: int = 0
) -> tuple[float, list[L]]:
    """Return what no sharing of two swaps or more can beat, and the ways to look at, by rate.

    Brought at most, or cost at least (then as a minus), net of what the swaps cost, but of
    `cost_min` at the least. It holds at every rate and is near where the rate is that of the last
    unit. Where few ways have a surplus, the next by rate are named as well: the last unit may be
    worth less than this rate.
    """
    taken = allocations_at(ways, request, rate)
    gross = sum(sorted(-_gross(record, request) for record in taken)[: request.ways_max])
    most = base(request, rate) + min(_net(ways, taken, request), -gross - cost_min)
    likely = [record.way for record in taken[:LIKELY_MAX]]
    likely += ways[len(taken) :][: LIKELY_MAX - len(likely)]
    return most, by_rate(likely)


def _gross(allocation: Allocation[L], request: SplitRequest) -> float:
    return allocation.surplus + _cost_of(allocation.way, request)


def _net(ways: Sequence[L], taken: Sequence[Allocation[L]], request: SplitRequest) -> float:
    """Return the greatest sum of surpluses of a sharing of two swaps or more, its costs counted.

    It has two ways, of which each costs its swaps even where it has no surplus, or one way of two
    swaps. Further ways are used only where they have a surplus.
    """
    surpluses = [record.surplus for record in taken]
    chained = [record.surplus for record in taken if record.way.swaps > 1]
    if len(surpluses) < _FEWEST or surpluses[_FEWEST - 1] < 0:
        # A way whose rate is lower from the start has no surplus, and costs its swaps all the same.
        idle = ways[len(taken) :]
        surpluses = sorted((*surpluses, *(-_cost_of(way, request) for way in idle)), reverse=True)
        chained += [-_cost_of(way, request) for way in idle if way.swaps > 1]
    if len(surpluses) >= _FEWEST:
        more = sum(surpluse for surpluse in surpluses[_FEWEST : request.ways_max] if surpluse > 0)
        chained.append(sum(surpluses[:_FEWEST]) + more)
    return max(chained, default=-inf)


def solve(ways: Sequence[L], request: SplitRequest) -> Found[L] | None:
    """Share the amount over all these ways; None where they cannot carry it."""
    curves = [path.curve for path in ways]

    def all_of(rate: float) -> list[tuple[float, float]]:
        return [curve.until(rate) for curve in curves]

    best = max(each.rate for each in curves)
    found = find_clearing_rate(all_of, best, request, _FLAT)
    if found is None:
        return None
    parts = found[0]
    given, paid = [size for size, _ in parts], [size for _, size in parts]
    cost = sum(_cost_of(way, request) for way in ways)
    if request.mode == "exact_in":
        return Found(sum(paid) - cost, tuple(ways), given)
    return Found(-sum(given) - cost, tuple(ways), paid)


def _cost_of(way: Candidate, request: SplitRequest) -> float:
    """Return what the swaps of a way take from what it brings: their cost, and rounding."""
    return way.cost + way.swaps * request.rounding


def rate_of(ways: Sequence[L], request: SplitRequest) -> float:
    """Return about the marginal rate at which the best few ways together take the amount."""
    some, exact_in = ways, request.mode == "exact_in"

    def best_of(rate: float) -> list[tuple[float, float]]:
        nonlocal some
        taken = allocations_at(some, request, rate)
        best = disjoint(taken, request.ways_max)
        if (
            len(some) > LIKELY_MAX
            and sum(sized(allocation, exact_in) for allocation in best) >= request.amount
        ):
            # From here on the rate only rises: who is far behind now will not come in.
            some = by_rate(record.way for record in taken[:LIKELY_MAX])
        return [
            (allocation.given, allocation.paid) for allocation in best if allocation.surplus > 0
        ]

    ahead = _AHEAD if len(ways) <= LIKELY_MAX else _AHEAD_OF_MANY
    found = find_clearing_rate(best_of, ways[0].curve.rate, request, _FLAT_ENOUGH, ahead)
    return 0.0 if found is None else found[1]


def allocations_at(ways: Sequence[L], request: SplitRequest, rate: float) -> list[Allocation[L]]:
    """Return what the ways take whose rate at the start is better, the greatest surplus first."""
    exact_in = request.mode == "exact_in"
    found = []
    for way in ways:
        curve = way.curve
        if curve.rate <= rate:
            break
        given, paid = curve.until(rate)
        surplus = paid - rate * given if exact_in else (paid / rate if rate else 0.0) - given
        surplus -= _cost_of(way, request)
        found.append(Allocation(surplus, given, paid, way))
    found.sort(key=by_surplus)
    return found


def by_surplus(taken: Allocation[Any]) -> float:
    """Sort by the surplus, the greatest first."""
    return -taken.surplus


def disjoint(taken: Sequence[Allocation[L]], count: int) -> list[Allocation[L]]:
    """Return the first few of those taken that share no pool."""
    found: list[Allocation[L]] = []
    used: set[Address] = set()
    for record in taken:
        if used.isdisjoint(record.way.pools):
            found.append(record)
            used.update(record.way.pools)
            if len(found) == count:
                break
    return found


def sized(taken: Allocation[Any], exact_in: bool) -> float:  # noqa: FBT001
    """Return what is taken of the token whose amount is exact."""
    return taken.given if exact_in else taken.paid


def base(request: SplitRequest, rate: float) -> float:
    """Return the bound without surpluses: what the amount is worth at a rate."""
    if request.mode == "exact_in":
        return rate * request.amount
    return -request.amount / rate if rate else -float("inf")


class _Point(NamedTuple):
    """What is taken at one marginal rate: where it is on the line, the sums, and by whom."""

    at: float
    rate: float
    size: float
    other: float
    parts: list[tuple[float, float]]


def find_clearing_rate(
    allocations_at: Callable[[float], list[tuple[float, float]]],
    best: float,
    request: SplitRequest,
    flat: float,
    ahead: float = _AHEAD,
) -> tuple[list[tuple[float, float]], float] | None:
    """Find the marginal rate at which all that is taken is the amount: who takes what, and it.

    None where no rate gives so much. What is taken grows with 1 / sqrt(rate), or for amounts out
    with -sqrt(rate), in straight lines as long as no way comes or goes: so the next guess is on
    the line between two. Where it jumps, since a bin of one price is reached, the amount lies
    between what is taken before and after, and so do the parts: each unit is worth the same.

    It ends when the bound at the rate proves that the parts are as good as any, or when the rate
    is known to the part `flat`. `ahead` is how far beyond what is known the line is trusted.
    """
    exact_in, amount = request.mode == "exact_in", float(request.amount)

    def point(at: float) -> _Point:
        rate = 1 / (at * at) if exact_in else at * at
        parts = allocations_at(rate)
        given, paid = sum(size for size, _ in parts), sum(size for _, size in parts)
        return (
            _Point(at, rate, given, paid, parts)
            if exact_in
            else _Point(at, rate, paid, given, parts)
        )

    root = sqrt(best)
    low = _Point(1 / root if exact_in else -root, best, 0.0, 0.0, [])
    last = 1e6 / root if exact_in else -1e-6 * root
    step = _FIRST_FALL * abs(low.at)
    for _ in range(_ROUNDS_MAX):
        high = point(min(low.at + step, last))
        if high.size >= amount:
            break
        if high.at >= last:
            return None
        # On as the line goes, as far as one dares.
        grown = high.size - low.size
        step *= min(max(ahead * (amount - high.size) / grown, 0.1), 64.0) if grown > 0 else 8.0
        low = high
    else:
        return None
    heavy_low = heavy_high = 1.0
    side = slow = 0
    for _ in range(_ROUNDS_MAX):
        if high.at - low.at <= flat * abs(high.at) or _proven(low, high, amount, exact_in):
            break
        under, over = (amount - low.size) * heavy_low, (high.size - amount) * heavy_high
        share = under / (under + over) if slow < _STUCK and under + over > 0 else 0.5
        middle = low.at + share * (high.at - low.at)
        if not low.at < middle < high.at:
            middle = (low.at + high.at) / 2
        now = point(middle)
        below = now.size < amount
        slow = slow + 1 if side == (-1 if below else 1) else 0
        if below:
            low, heavy_low, heavy_high = now, 1.0, heavy_high / 2 if side < 0 else 1.0
        else:
            high, heavy_high, heavy_low = now, 1.0, heavy_low / 2 if side > 0 else 1.0
        side = -1 if below else 1
    return _between(low, high, amount), high.rate


def _proven(low: _Point, high: _Point, amount: float, exact_in: bool) -> bool:  # noqa: FBT001
    """Whether what lies between both is as good as the bound at the higher one's rate."""
    if high.size <= low.size or (low.parts and len(low.parts) != len(high.parts)):
        return False
    share = (amount - low.size) / (high.size - low.size)
    other = low.other + share * (high.other - low.other)
    if exact_in:
        return high.rate * (amount - high.size) + high.other - other <= _PROVEN * other
    return other - high.other - (amount - high.size) / high.rate <= _PROVEN * other


def _between(low: _Point, high: _Point, amount: float) -> list[tuple[float, float]]:
    share = (amount - low.size) / (high.size - low.size) if high.size > low.size else 1.0
    if len(low.parts) != len(high.parts):
        return [(share * given, share * paid) for given, paid in high.parts]
    return [
        (part[0] + share * (two[0] - part[0]), part[1] + share * (two[1] - part[1]))
        for part, two in zip(low.parts, high.parts, strict=True)
    ]
