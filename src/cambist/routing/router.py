"""Finds the best route over all pools: one pool, a path through a hub, or a split over several."""

# How a route is found, and why in this order:
#
# 1. Stale pools are left out (routing/hub_rules.py, `newest`), then outliers
#    (routing/quote_checks.py). A pool that promises far more than the pool in the middle is broken,
#    frozen or bait. With fewer than three pools there is no middle, and nothing is left out.
# 2. `_alone` asks the pools for the whole amount, to the unit, and `_quotes` the best of each venue
#    for fee and impact too. The best pool that may be traded is `single`, the route to beat. It
#    comes first because it is the floor: whatever the search below finds is used only where it
#    gains enough over this route. Nobody gets less than the best pool alone pays.
# 3. Paths through hubs join the direct ones. A path of two swaps has a curve as well, so the search
#    does not distinguish them.
# 4. `promising` compares a bound with `single`. The bound says what no split over these ways can
#    beat, so most small orders end here without a search.
# 5. `split` searches with floats and proposes parts. The parts are rounded to whole raw units, and
#    the pools themselves say what they bring. No amount of a route comes from a float.
# 6. `_signable` counts the instructions of a split to the byte. All swaps of a route are in one
#    transaction, so a route that does not fit one is worth nothing. Sizing inside the search costs
#    a swap of every way, so the search runs without it first, and again with it only where the best
#    split did not fit.
#
# Costs: a further swap costs network fees, and its own chance to revert all of them. `LegCosts` has
# that in raw units of the token that is not sized, and `GAIN_MIN_HUNDREDTHS` comes on top.
# Otherwise an order would be split for a gain below what the extra instructions cost.
#
# A fault is a value here, not an exception: a pool that may not be traded is passed over, and the
# route says so in `absent`. The caller writes the whole route into the order's journal, with the
# quotes that were compared, so that a choice can be explained later.

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from cambist.faults import Code, Fault, fault
from cambist.optimizer.clearing import SplitRequest
from cambist.optimizer.outliers import promising
from cambist.orders.intent import Intent
from cambist.routing.best_quote import choose, may_be_traded
from cambist.routing.exclusion_codes import refused, with_exclusion_codes
from cambist.routing.hub_rules import newest, with_hubs
from cambist.routing.legs import RouteLegs, build_legs
from cambist.routing.paths import LegCosts, PathQuote, Pools, Way, straight
from cambist.routing.quote_checks import screen_outliers
from cambist.routing.route_sentences import describe_route, say_did_not_fit, say_too_large_together
from cambist.routing.split import Split, loss, split
from cambist.routing.transaction_fit import Programs, RouteSizer
from cambist.routing.transaction_limits import V1, Envelope
from cambist.values.amount import BPS_ONE, RawAmount
from cambist.values.ids import Address
from cambist.values.route import Quote, QuoteFailure, Route, SwapMode
from cambist.venues.pool import Pool
from cambist.venues.quoting import amounts_alone, worst_case
from cambist.venues.snapshot import PoolRejected

QUOTES_MAX: Final = 8
"""Pools whose quotes are kept with the order; the others pay less than all of these."""
ABSENT_MAX: Final = 16
WIDEST: Final = 6
"""How many paths are looked at to say what did not fit one transaction."""

GAIN_MIN_HUNDREDTHS: Final = 50
"""What several swaps have to gain over one pool beyond their costs: half a basis point, in
hundredths of one."""
_HUNDREDTHS_OF_BPS_ONE: Final = 100 * BPS_ONE


class MarketSnapshot(msgspec.Struct, frozen=True):
    """What the venues offer: pools of the pair, pools by hub, and who gave none.

    `leg_costs` has what a swap costs, by program. `gain_min_hundredths` is what several swaps have
    to gain beyond that over one pool, in hundredths of a basis point.
    """

    pools: Sequence[Pool]
    hubs: Pools = {}
    absent: Sequence[QuoteFailure] = ()
    leg_costs: LegCosts = {}
    gain_min_hundredths: int = GAIN_MIN_HUNDREDTHS
    programs: Programs = {}
    envelope: Envelope = V1

    @property
    def gain_min(self) -> Fraction:
        """The least gain as a fraction."""
        return _gain_min(self.gain_min_hundredths)


@lru_cache(maxsize=16)
def _gain_min(hundredths: int) -> Fraction:
    return Fraction(hundredths, _HUNDREDTHS_OF_BPS_ONE)


def find_route(intent: Intent, offered: MarketSnapshot) -> Route | Fault:
    """Return the route that pays most or costs least, or why there is none.

    It says how many of the pair's pools it looked at and does not name.
    """
    route = _find(intent, offered)
    if isinstance(route, Fault) or len(route.quotes) == len(offered.pools):
        return route
    named = {quote.pool for quote in route.quotes} | {leg.pool for leg in route.legs}
    listed = sum(1 for failure in route.absent if failure.program)
    unlisted = sum(1 for pool in offered.pools if pool.address not in named) - listed
    return replace(route, unlisted=unlisted) if unlisted > 0 else route


def _find(intent: Intent, offered: MarketSnapshot) -> Route | Fault:
    """Return the route that pays most or costs least, or why there is none.

    It is never worse than the best single pool: a split or a way through a hub is only taken where
    it gains enough, net of its swaps' costs.
    """
    mints = (intent.pair.token_in.mint, intent.pair.token_out.mint)
    mode, amount = intent.mode, intent.amount
    request = SplitRequest(mode, amount, offered.envelope.paths_max)
    fresh, stale = newest(offered.pools)
    ways, odd = screen_outliers(straight(fresh, mints[0], mode, offered.leg_costs), request)
    alone = _alone(ways, mode, amount)
    quotes, unwilling = _quotes(intent, alone, fresh)
    absent = with_exclusion_codes((*offered.absent, *stale, *odd, *unwilling)[:ABSENT_MAX])
    single = _held_to_the_worst(intent, choose(intent, quotes, absent), alone)
    if offered.hubs:
        ways = with_hubs(ways, offered.hubs, mints, request, offered.leg_costs)
    likely: Sequence[Way] = ways
    if ways and not isinstance(single, Fault):
        pool = next(
            path_quote.way for path_quote in alone if path_quote.way.name == single.legs[0].pool
        )
        likely = promising(ways, request, (pool, *_net(single, offered)), offered.gain_min)
    if not likely:
        return single
    sizer = RouteSizer(offered.programs, request, offered.envelope)
    for found, drawn in _signable(intent, offered, single, (likely, request, sizer)):
        route = _route(intent, found, drawn, single, (quotes, absent))
        if isinstance(route, Fault) or not sizer.has_refused:
            return route
        return _with_what_did_not_fit(route, found, offered.envelope, (likely, request))
    if isinstance(single, Fault) and single.code is Code.NO_ROUTE:
        return _too_large_together(intent, sizer, (likely, request)) or single
    return single


def _signable(
    intent: Intent,
    offered: MarketSnapshot,
    single: Route | Fault,
    searched: tuple[Sequence[Way], SplitRequest, RouteSizer],
) -> Iterator[tuple[Split, RouteLegs]]:
    """Yield sharings that gain enough and fit one transaction, with their legs, the best first.

    The best sharing mostly fits. So swaps are first counted when their legs are known, and sized
    within the search, which costs a swap of each way more, only where these do not fit.
    """
    likely, request, sizer = searched
    for fits in (None, sizer.fits):
        for found in split(likely, request, fits):
            if not isinstance(single, Fault) and not _is_worth_it(intent, found, single, offered):
                return
            drawn = build_legs(intent, found)
            if isinstance(drawn, Fault):
                continue
            if sizer.limit_exceeded(found, drawn) is None:
                yield found, drawn
            elif fits is None:
                break
        else:
            return


def _net(single: Route, offered: MarketSnapshot) -> tuple[int, int]:
    """Return what one pool takes and brings, what its swap costs counted where it is not sized."""
    cost = offered.leg_costs.get(single.legs[0].program, 0)
    if single.mode == "exact_in":
        return single.amount_in, max(single.amount_out - cost, 1)
    return single.amount_in + cost, single.amount_out


def _with_what_did_not_fit(
    route: Route, found: Split, envelope: Envelope, searched: tuple[Sequence[Way], SplitRequest]
) -> Route:
    """Return the route with a word on what the transaction's size costs, where it binds."""
    likely, request = searched
    wider = split(likely, replace(request, ways_max=WIDEST))
    better = loss(found, request) - loss(wider[0], request) if wider else 0
    said = say_did_not_fit(found, wider[0], better, envelope) if better > 0 else ""
    return replace(route, reason=f"{route.reason} {said}") if said else route


def _too_large_together(
    intent: Intent, sizer: RouteSizer, searched: tuple[Sequence[Way], SplitRequest]
) -> Fault | None:
    """Return why nothing trades the amount, where swaps would that do not fit a transaction."""
    likely, request = searched
    for wider in split(likely, replace(request, ways_max=WIDEST)):
        drawn = build_legs(intent, wider)
        if isinstance(drawn, Fault):
            continue
        why = sizer.limit_exceeded(wider, drawn)
        if why is None and len(wider.shares) > request.ways_max:
            why = f"it takes at most {request.ways_max} paths"
        if why is not None:
            return fault(Code.NO_ROUTE, say_too_large_together(wider, why, sizer.envelope))
    return None


def _alone(ways: Sequence[Way], mode: SwapMode, amount: int) -> list[PathQuote]:
    """Return the pools that do most with the whole amount, the best of each venue among them.

    Few pools are all asked. Of many, a curve is followed only as long as it may still be better.
    """
    if len(ways) <= QUOTES_MAX:
        asked = [PathQuote(way, way.path.swap_amount(mode, amount)) for way in ways]
        sign = -1 if mode == "exact_in" else 1
        able = [path_quote for path_quote in asked if path_quote.amount]
        return sorted(able, key=lambda quote: (sign * quote.amount, quote.way.name))
    return _best_of_many(ways, mode, amount)


def _best_of_many(ways: Sequence[Way], mode: SwapMode, amount: int) -> list[PathQuote]:
    sign = -1 if mode == "exact_in" else 1
    found: list[tuple[int, Address, Way]] = []
    best: dict[str, tuple[int, Address, Way]] = {}
    limit = 0
    if len(ways) > 2 * QUOTES_MAX:
        ways = sorted(ways, key=lambda path: -path.curve.depth)  # a high limit soon
    for way in ways:
        pool, curve = way.path.pools[0], way.curve
        if limit and pool.venue in best:
            if (limit > curve.rate * amount) if sign < 0 else (limit * curve.rate < amount):
                continue
            if pool.most_out(way.path.mints[0]) < (limit if sign < 0 else amount):
                continue
            if not (curve.paid(amount, limit) if sign < 0 else curve.given(amount, limit)):
                continue
        other = way.path.swap_amount(mode, amount)
        if not other:
            continue
        candidate = (sign * other, pool.address, way)
        insort(found, candidate, key=_rank)
        del found[QUOTES_MAX:]
        if pool.venue not in best or candidate[:2] < best[pool.venue][:2]:
            best[pool.venue] = candidate
        if len(found) == QUOTES_MAX:
            limit = abs(found[-1][0])
    found += [candidate for candidate in best.values() if candidate not in found]
    return [PathQuote(way, abs(other)) for other, _, way in sorted(found, key=_rank)]


def _rank(candidate: tuple[int, Address, Way]) -> tuple[int, Address]:
    return candidate[:2]


def _held_to_the_worst(
    intent: Intent, single: Route | Fault, alone: Sequence[PathQuote]
) -> Route | Fault:
    """Return the route bound to what it may bring when it lands, where the clock moves the fee."""
    if isinstance(single, Fault):
        return single
    pools = (path_quote.way.path.pools[0] for path_quote in alone)
    pool = next(pool for pool in pools if pool.address == single.legs[0].pool)
    if not pool.is_time_dependent:
        return single
    try:
        then = worst_case(pool, single.legs[0].mint_in, intent.mode, intent.amount)
    except PoolRejected as why:
        return why.fault
    return replace(single, bound=intent.terms.bound(intent.mode, then.amount_in, then.amount_out))


def _is_worth_it(intent: Intent, found: Split, single: Route, offered: MarketSnapshot) -> bool:
    """Whether several swaps gain enough over the single pool, net of what they cost more.

    That they cost less is no gain: nobody gets less than the best pool alone pays.
    """
    if found.legs == 1:
        return False
    more = max(found.cost - offered.leg_costs.get(single.legs[0].program, 0), 0)
    if intent.mode == "exact_in":
        return found.other - more >= single.amount_out * (1 + offered.gain_min)
    return found.other + more <= single.amount_in * (1 - offered.gain_min)


def _route(
    intent: Intent,
    found: Split,
    drawn: RouteLegs,
    single: Route | Fault,
    seen: tuple[Sequence[Quote], Sequence[QuoteFailure]],
) -> Route | Fault:
    quotes, absent = seen
    alone = None if isinstance(single, Fault) else single
    return Route(
        intent.mode,
        drawn.legs,
        RawAmount(drawn.amount_in),
        RawAmount(drawn.amount_out),
        RawAmount(drawn.bound),
        describe_route(intent, found, drawn, alone),
        tuple(_with_used_whole(intent, found, quotes)),
        tuple(absent),
    )


def _with_used_whole(intent: Intent, found: Split, quotes: Sequence[Quote]) -> list[Quote]:
    """Return the quotes, those of the pools that a split uses whole."""
    used = {share.path.pools[0].address: share.path.pools[0] for share in found.shares}
    mint, whole = intent.pair.token_in.mint, list(quotes)
    for at, quote in enumerate(quotes):
        if not quote.is_whole and quote.pool in used:
            asked = used[quote.pool].quote(mint, intent.mode, intent.amount)
            whole[at] = quote if isinstance(asked, Fault) else asked
    return whole


def _quotes(
    intent: Intent, alone: Sequence[PathQuote], pools: Sequence[Pool]
) -> tuple[list[Quote], list[QuoteFailure]]:
    """Return the quotes of the pools that do most, and who refused.

    A whole quote costs a whole swap. It is asked of a venue's pools in the order of what they do,
    until one may be traded; pools that do the same as that one are asked too, since the lower fee
    decides between them. Of the others the amounts are known, which is what they lost by.

    A venue is not left out because one of its pools refuses: where others of it trade the amount,
    why one does not is not asked. To ask costs a whole swap, most of all where it goes furthest.
    """
    mint, mode, amount = intent.pair.token_in.mint, intent.mode, intent.amount
    quotes: list[Quote] = []
    unwilling: list[Pool] = []
    best: dict[str, int] = {}  # by venue, what its best pool brings or costs that may be traded
    for way, other in alone:
        pool = way.path.pools[0]
        if best.get(pool.venue, other) != other:
            amounts = (amount, other) if mode == "exact_in" else (other, amount)
            quotes.append(amounts_alone(pool, *amounts))
            continue
        found = pool.quote(mint, mode, amount)
        if isinstance(found, Fault):
            unwilling.append(pool)
            continue
        quotes.append(found)
        if may_be_traded(intent, found):
            best[pool.venue] = other
    venues = {path_quote.way.path.pools[0].venue for path_quote in alone}
    unwilling += [pool for pool in pools if pool.venue not in venues]
    absent: list[QuoteFailure] = []
    for pool in unwilling:
        if len(absent) >= ABSENT_MAX:
            break
        try:
            pool.swap(mint, intent.mode, intent.amount)
        except PoolRejected as why:
            absent.append(refused(pool, why))
    return quotes, absent
