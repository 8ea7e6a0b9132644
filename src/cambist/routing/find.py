"""Finds the best route over all pools: one pool, a way through a hub, or a split over several."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from cambist.faults import Fault
from cambist.optimizer.clearing import SplitRequest
from cambist.optimizer.outliers import promising
from cambist.orders.intent import Intent
from cambist.routing.bounds import screen_outliers
from cambist.routing.choose import choose
from cambist.routing.fit import TRANSACTION_BYTES_MAX
from cambist.routing.hubs import SPLIT_GAIN_MIN, newest, with_hubs
from cambist.routing.legs import Drawn, draw
from cambist.routing.paths import Carried, Pools, Way, straight
from cambist.routing.reasons import say_found
from cambist.routing.route_sizer import Programs, RouteSizer
from cambist.routing.split import Split, split
from cambist.values.amount import Raw
from cambist.values.ids import Address
from cambist.values.route import Absent, Mode, Quote, Route
from cambist.venues.accounts import Unquotable
from cambist.venues.pool import Pool
from cambist.venues.quoting import worst

QUOTES_MAX: Final = 8
"""Pools whose quotes are kept with the order; the others pay less than all of these."""
ABSENT_MAX: Final = 16
WAYS_MAX: Final = 3
"""Ways one order is split over at most."""


class Offered(msgspec.Struct, frozen=True):
    """What the venues offer: pools of the pair, pools by hub, and who gave none.

    `leg_cost` is what one swap more has to earn, in raw units of the token that is not sized.
    """

    pools: Sequence[Pool]
    hubs: Pools = {}
    absent: Sequence[Absent] = ()
    leg_cost: int = 0
    ways_max: int = WAYS_MAX
    programs: Programs = {}
    bytes_max: int = TRANSACTION_BYTES_MAX


def find(intent: Intent, offered: Offered) -> Route | Fault:
    """Return the route that pays most or costs least, or why there is none.

    It is never worse than the best single pool: a split or a way through a hub is only taken where
    it gains enough, net of its swaps' costs.
    """
    mints = (intent.pair.token_in.mint, intent.pair.token_out.mint)
    mode, amount = intent.mode, intent.amount
    request = SplitRequest(mode, amount, offered.ways_max, offered.leg_cost)
    fresh, stale = newest(offered.pools)
    ways, odd = screen_outliers(straight(fresh, mints[0], mode), request)
    alone = _alone(ways, mode, amount)
    quotes, refused = _quotes(intent, alone, fresh)
    absent = (*offered.absent, *stale, *odd, *refused)[:ABSENT_MAX]
    single = _held_to_the_worst(intent, choose(intent, quotes, absent), alone)
    if offered.hubs:
        ways = with_hubs(ways, offered.hubs, mints, request)
    likely: Sequence[Way] = ways
    if ways and not isinstance(single, Fault):
        likely = promising(ways, request, (single.amount_in, single.amount_out), SPLIT_GAIN_MIN)
    if not likely:
        return single
    sizer = RouteSizer(offered.programs, request, offered.bytes_max)
    for found in split(likely, request, sizer.fits):
        if not isinstance(single, Fault) and not _is_worth_it(intent, found, single, offered):
            return single
        drawn = draw(intent, found)
        if not isinstance(drawn, Fault) and sizer.misfit(found, drawn) is None:
            return _route(intent, found, drawn, single, (quotes, absent))
    return single


def _alone(ways: Sequence[Way], mode: Mode, amount: int) -> list[Carried]:
    """Return the pools that do most with the whole amount, the best of each venue among them.

    Few pools are all asked. Of many, a curve is followed only as long as it may still be better.
    """
    sign = -1 if mode == "exact_in" else 1
    found: list[tuple[int, Address, Way]] = []
    best: dict[str, tuple[int, Address, Way]] = {}
    limit = 0
    if len(ways) > 2 * QUOTES_MAX:
        ways = sorted(ways, key=lambda one: -one.curve.depth)  # a high limit soon
    for way in ways:
        pool, curve = way.path.pools[0], way.curve
        if limit and pool.venue in best:
            if (limit > curve.rate * amount) if sign < 0 else (limit * curve.rate < amount):
                continue
            if not (curve.paid(amount, limit) if sign < 0 else curve.given(amount, limit)):
                continue
        other = way.path.carries(mode, amount)
        if not other:
            continue
        one = (sign * other, pool.address, way)
        insort(found, one, key=_rank)
        del found[QUOTES_MAX:]
        if pool.venue not in best or one[:2] < best[pool.venue][:2]:
            best[pool.venue] = one
        if len(found) == QUOTES_MAX:
            limit = abs(found[-1][0])
    found += [one for one in best.values() if one not in found]
    return [Carried(way, abs(other)) for other, _, way in sorted(found, key=_rank)]


def _rank(one: tuple[int, Address, Way]) -> tuple[int, Address]:
    return one[:2]


def _held_to_the_worst(
    intent: Intent, single: Route | Fault, alone: Sequence[Carried]
) -> Route | Fault:
    """Return the route bound to what it may bring when it lands, where the clock moves the fee."""
    if isinstance(single, Fault):
        return single
    pools = (one.way.path.pools[0] for one in alone)
    pool = next(one for one in pools if one.address == single.legs[0].pool)
    if not pool.clocked:
        return single
    try:
        then = worst(pool, single.legs[0].mint_in, intent.mode, intent.amount)
    except Unquotable as refused:
        return refused.fault
    return replace(single, bound=intent.terms.bound(intent.mode, then.amount_in, then.amount_out))


def _is_worth_it(intent: Intent, found: Split, single: Route, offered: Offered) -> bool:
    """Whether several swaps gain enough over the single pool, net of what they cost."""
    if found.legs == 1:
        return False
    cost = (found.legs - 1) * offered.leg_cost
    if intent.mode == "exact_in":
        return found.other - cost >= single.amount_out * (1 + SPLIT_GAIN_MIN)
    return found.other + cost <= single.amount_in * (1 - SPLIT_GAIN_MIN)


def _route(
    intent: Intent,
    found: Split,
    drawn: Drawn,
    single: Route | Fault,
    seen: tuple[Sequence[Quote], Sequence[Absent]],
) -> Route | Fault:
    quotes, absent = seen
    alone = None if isinstance(single, Fault) else single
    return Route(
        intent.mode,
        drawn.legs,
        Raw(drawn.amount_in),
        Raw(drawn.amount_out),
        Raw(drawn.bound),
        say_found(intent, found, drawn, alone),
        tuple(quotes),
        tuple(absent),
    )


def _quotes(
    intent: Intent, alone: Sequence[Carried], pools: Sequence[Pool]
) -> tuple[list[Quote], list[Absent]]:
    """Return the quotes of the pools that do most, and who refused.

    A venue is not left out because one of its pools refuses: where others of it trade the amount,
    why one does not is not asked. To ask costs a whole swap, most of all where it goes furthest.
    """
    mint = intent.pair.token_in.mint
    quotes: list[Quote] = []
    absent: list[Absent] = []
    venues: set[str] = set()
    for one in alone:
        pool = one.way.path.pools[0]
        venues.add(pool.venue)
        found = pool.quote(mint, intent.mode, intent.amount)
        if isinstance(found, Fault):
            absent.append(Absent(pool.venue, found.code, found.message, pool.program))
        else:
            quotes.append(found)
    for pool in pools:
        if len(absent) >= ABSENT_MAX:
            break
        if pool.venue not in venues:
            try:
                pool.swap(mint, intent.mode, intent.amount)
            except Unquotable as refused:
                why = refused.fault
                absent.append(Absent(pool.venue, why.code, why.message, pool.program))
    return quotes, absent
