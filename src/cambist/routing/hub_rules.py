"""Says when a way through a hub may be better, and which of those ways are believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

from cambist.faults import Code, Fault
from cambist.optimizer.clearing import SplitRequest, by_rate
from cambist.optimizer.outliers import ENOUGH_TO_COMPARE, beats
from cambist.optimizer.rate_curve import Rate
from cambist.routing.exclusion_codes import STALE
from cambist.routing.paths import (
    HOP_ALLOWANCE_BPS,
    KNOWN_MAX,
    LegCosts,
    Pools,
    Way,
    same_pools,
    straight,
    through,
)
from cambist.routing.quote_checks import screen_outliers
from cambist.values.amount import BPS_ONE
from cambist.values.ids import Address
from cambist.values.route import QuoteFailure, Route
from cambist.values.time_units import Slot
from cambist.venues.pool import Pool

FRESH_SLOTS_MAX: Final = 150
"""How much older than the newest pool one may be; about a minute."""
_HUNDREDTHS: Final = 100
_WHOLE: Final = _HUNDREDTHS * BPS_ONE
_rates: dict[tuple[Address, Address], tuple[tuple[Pool, ...], Rate | None]] = {}
_INVERSE_ALLOWANCE: Final = Fraction(BPS_ONE, BPS_ONE - HOP_ALLOWANCE_BPS)
_GAINS_REMEMBERED_MAX: Final = 16


def should_try_hubs(
    route: Route | Fault, rates: Iterable[tuple[Rate, Rate] | None], gain_min: Fraction
) -> bool:
    """Whether a way through a hub might be better than a route.

    `rates` has, for each hub, the best rates at the start of both halves, and None where nobody
    knows them: then the hub has to be looked up. A hub may be better where both rates together
    beat what the last unit of the route brings, the allowance for the hub counted: be it that the
    order moves its pools, or that they stand off the market. The size of the order does not decide.
    """
    if isinstance(route, Fault):
        return True
    used = {leg.pool for leg in route.legs}
    impacts = [quote.impact_hundredths or 0 for quote in route.quotes if quote.pool in used]
    moved = max(impacts, default=0)
    # The last unit brings less than the average, by about as much as that is below the first.
    last = (route.amount_in * _WHOLE, route.amount_out * (_WHOLE - moved))
    gain = _gain_with_allowance(gain_min)
    return any(rate is None or beats(rate, last, gain) for rate in rates)


@lru_cache(maxsize=_GAINS_REMEMBERED_MAX)
def _gain_with_allowance(gain_min: Fraction) -> Fraction:
    return (1 + gain_min) * _INVERSE_ALLOWANCE - 1


def best_rate(pools: Sequence[Pool], mint_in: Address) -> Rate | None:
    """Return the best rate at the start that is no outlier, fees counted; None: there is none.

    Orders of one slot ask it of the same pools, so it is remembered.
    """
    if not pools:
        return None
    key = pools[0].address, mint_in
    known = _rates.get(key)
    if known is not None and same_pools(known[0], pools):
        return known[1]
    fresh, _ = newest(pools)
    ways, _ = screen_outliers(straight(fresh, mint_in, "exact_in"), SplitRequest("exact_in", 1, 1))
    rate = ways[0].curve.rate if ways else None
    if len(_rates) >= KNOWN_MAX:
        _rates.clear()
    _rates[key] = tuple(pools), rate
    return rate


def with_hubs(
    ways: Sequence[Way],
    hubs: Pools,
    mints: tuple[Address, Address],
    request: SplitRequest,
    costs: LegCosts,
) -> list[Way]:
    """Return the ways with those through hubs, as far as these are no outliers.

    A half is held against the other pools of its own two tokens. Where those are too few, the way
    is held against all other ways: what it promises beyond them is no more to be trusted.
    """
    sure: list[Way] = []
    unsure: list[Way] = []
    for hub, (firsts, seconds) in hubs.items():
        if hub in mints:
            continue
        halves = (
            straight(firsts, mints[0], "exact_in", costs),
            straight(seconds, hub, request.mode, costs),
        )
        near, far = (screen_outliers(half, request)[0] for half in halves)
        hops = through((near, far), (mints[0], hub), request.mode, request.amount)
        if min(len(near), len(far)) >= ENOUGH_TO_COMPARE:
            sure += hops
        else:
            unsure += hops
    kept, _ = screen_outliers(by_rate([*ways, *sure, *unsure]), request)
    known = {id(path) for path in (*ways, *sure)}
    return by_rate([*ways, *sure, *(path for path in kept if id(path) not in known)])


def newest(pools: Sequence[Pool]) -> tuple[list[Pool], list[QuoteFailure]]:
    """Return the pools that were seen not long before the newest one, and the others."""
    slots = [pool.slot for pool in pools]
    latest = max(slots, default=Slot(0))
    if latest - min(slots, default=Slot(0)) <= FRESH_SLOTS_MAX:
        return list(pools), []
    fresh, stale = [], []
    for found, slot in zip(pools, slots, strict=True):
        if latest - slot <= FRESH_SLOTS_MAX:
            fresh.append(found)
        else:
            why = f"{found.address} was last seen {latest - slot} slots ago"
            stale.append(QuoteFailure(found.venue, Code.QUOTE_TIMED_OUT, why, found.program, STALE))
    return fresh, stale
