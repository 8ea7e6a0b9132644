"""Finds the best route over all pools: one pool, a way through a hub, or a split over several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from cambist.faults import Code, Fault
from cambist.orders.intent import Intent
from cambist.routing.bounds import tried
from cambist.routing.choose import choose
from cambist.routing.fit import misfit
from cambist.routing.legs import Drawn, draw
from cambist.routing.paths import PATHS_MAX, Carried, Pools, ranked, straight, through_hubs
from cambist.routing.reasons import say_found
from cambist.routing.split import Split, Wanted, split
from cambist.values.amount import BPS_ONE, Raw
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.program_address import TOKEN_PROGRAM, associated_token
from cambist.values.route import Absent, Leg, Mode, Quote, Route
from cambist.venues.accounts import Unquotable
from cambist.venues.pool import Pool
from cambist.venues.program import Instruction, Program, Trade
from cambist.venues.quoting import worst

QUOTES_MAX: Final = 8
"""Pools whose quotes are kept with the order; the others pay less than all of these."""
ABSENT_MAX: Final = 16
WAYS_MAX: Final = 3
"""Ways one order is split over at most."""
SPLIT_GAIN_MIN_BPS: Final = 5
"""What several swaps have to gain over one, in basis points: each of them may revert them all."""
FRESH_SLOTS_MAX: Final = 150
"""How much older than the newest pool one may be; about a minute."""
_NOBODY: Final = Address("11111111111111111111111111111111")

HUB_FROM_BPS: Final = 25
"""From which price impact on, in basis points, ways through hubs are looked at. They pay a second
fee, so that little is to be gained where an order hardly moves its pool."""

Programs = Mapping[str, Program[Any]]
"""The programs by short name: what writes the swaps whose size is counted."""


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


def find(intent: Intent, offered: Offered) -> Route | Fault:
    """Return the route that pays most or costs least, or why there is none.

    It is never worse than the best single pool: a split or a way through a hub is only taken where
    it gains enough, net of its swaps' costs.
    """
    mints = (intent.pair.token_in.mint, intent.pair.token_out.mint)
    fresh, stale = _fresh(offered.pools)
    carried = straight(fresh, mints[0], intent.mode, intent.amount)
    seen = tried(carried, intent.mode, intent.amount)
    carried = list(seen.ways)
    quotes, refused = _quotes(intent, carried, fresh)
    absent = (*offered.absent, *stale, *seen.odd, *refused)[:ABSENT_MAX]
    single = _held_to_the_worst(intent, choose(intent, quotes, absent), carried)
    hops = _hops(offered, intent, mints, carried)
    if not hops and not isinstance(single, Fault):
        best = carried[0].amount
        if not seen.may_gain(intent.mode, intent.amount, best, SPLIT_GAIN_MIN_BPS):
            return single
    ways = ranked([*carried[:PATHS_MAX], *hops], intent.mode)[:PATHS_MAX]
    if not ways:
        return single
    # Ways through hubs take more room in a transaction: what fits may be worth less than a split
    # over the straight ones, which is why these compete on their own too.
    choices = [ways, carried[:PATHS_MAX]] if hops and carried else [ways]
    return _best(intent, offered, choices, single, (quotes, absent))


def _held_to_the_worst(
    intent: Intent, single: Route | Fault, carried: Sequence[Carried]
) -> Route | Fault:
    """Return the route bound to what it may bring when it lands, where the clock moves the fee."""
    if isinstance(single, Fault):
        return single
    chosen = next(one for one in carried if one.path.pools[0].address == single.legs[0].pool)
    pool = chosen.path.pools[0]
    if not pool.clocked:
        return single
    try:
        then = worst(pool, single.legs[0].mint_in, intent.mode, intent.amount)
    except Unquotable as refused:
        return refused.fault
    return replace(single, bound=intent.terms.bound(intent.mode, then.amount_in, then.amount_out))


def worth_a_hub(route: Route | Fault) -> bool:
    """Whether a way through a hub might be better: there is no route, or it moves its pools."""
    if isinstance(route, Fault):
        return True
    used = {leg.pool for leg in route.legs}
    impacts = [one.impact_hundredths for one in route.quotes if one.pool in used]
    return max(impacts, default=0) >= HUB_FROM_BPS * 100


def _hops(
    offered: Offered, intent: Intent, mints: tuple[Address, Address], carried: Sequence[Carried]
) -> list[Carried]:
    hops = through_hubs(offered.hubs, mints, intent.mode, intent.amount)
    if not carried or not hops:
        return hops
    # What a hub promises beyond all that was trusted is no more to be trusted.
    seen = tried([*carried, *hops], intent.mode, intent.amount)
    return [one for one in seen.ways if len(one.path.pools) > 1]


def _best(
    intent: Intent,
    offered: Offered,
    choices: Sequence[Sequence[Carried]],
    single: Route | Fault,
    seen: tuple[Sequence[Quote], Sequence[Absent]],
) -> Route | Fault:
    """Return the best split that fits a transaction, where it beats the single pool."""
    fitting = [
        one for ways in choices if (one := _fitting(intent, offered, ways, single)) is not None
    ]
    if not fitting:
        return single
    found, drawn = min(fitting, key=lambda one: _loss(intent.mode, one[0], offered.leg_cost))
    return _route(intent, found, drawn, single, seen)


def _loss(mode: Mode, found: Split, leg_cost: int) -> int:
    cost = (found.legs - 1) * leg_cost
    return cost - found.other if mode == "exact_in" else cost + found.other


def _fitting(
    intent: Intent, offered: Offered, ways: Sequence[Carried], single: Route | Fault
) -> tuple[Split, Drawn] | None:
    """Return the split over the most of these ways that fits; None when it is not worth it."""
    for ways_max in range(offered.ways_max, 0, -1):
        found = split(ways, Wanted(intent.mode, intent.amount, ways_max, offered.leg_cost))
        if not isinstance(single, Fault) and not _is_worth_it(intent, found, single, offered):
            return None
        drawn = draw(intent, found)
        if isinstance(drawn, Fault):
            return None
        if _misfit(offered.programs, found, drawn.legs) is None:
            return found, drawn
    return None


def _is_worth_it(intent: Intent, found: Split, single: Route, offered: Offered) -> bool:
    """Whether several swaps gain enough over the single pool, net of what they cost."""
    if found.legs == 1:
        return False
    cost = (found.legs - 1) * offered.leg_cost
    if intent.mode == "exact_in":
        least = single.amount_out * (BPS_ONE + SPLIT_GAIN_MIN_BPS)
        return (found.other - cost) * BPS_ONE >= least
    most = single.amount_in * (BPS_ONE - SPLIT_GAIN_MIN_BPS)
    return (found.other + cost) * BPS_ONE <= most


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


def _fresh(pools: Sequence[Pool]) -> tuple[list[Pool], list[Absent]]:
    newest = max((one.slot for one in pools), default=Slot(0))
    fresh, stale = [], []
    for one in pools:
        if newest - one.slot <= FRESH_SLOTS_MAX:
            fresh.append(one)
        else:
            why = f"{one.address} was last seen {newest - one.slot} slots ago"
            stale.append(Absent(one.venue, Code.QUOTE_TIMED_OUT, why, one.program))
    return fresh, stale


def _quotes(
    intent: Intent, carried: Sequence[Carried], pools: Sequence[Pool]
) -> tuple[list[Quote], list[Absent]]:
    """Return the best pools' quotes, the best of every venue among them, and who refused.

    A venue is not left out because one of its pools refuses: where others of it trade the amount,
    why one does not is not asked. To ask costs a whole swap, most of all where it goes furthest.
    """
    mint = intent.pair.token_in.mint
    kept = list(carried[:QUOTES_MAX])
    venues = {one.path.pools[0].venue for one in kept}
    for one in carried[QUOTES_MAX:]:
        if one.path.pools[0].venue not in venues:
            venues.add(one.path.pools[0].venue)
            kept.append(one)
    quotes: list[Quote] = []
    absent: list[Absent] = []
    for one in kept:
        pool = one.path.pools[0]
        found = pool.quote(mint, intent.mode, intent.amount)
        if isinstance(found, Fault):
            absent.append(Absent(pool.venue, found.code, found.message, pool.program))
        else:
            quotes.append(found)
    carrying = {one.path.pools[0].address for one in carried}
    for pool in pools:
        if len(absent) >= ABSENT_MAX:
            break
        if pool.venue not in venues and pool.address not in carrying:
            try:
                pool.swap(mint, intent.mode, intent.amount)
            except Unquotable as refused:
                why = refused.fault
                absent.append(Absent(pool.venue, why.code, why.message, pool.program))
    return quotes, absent


def _misfit(programs: Programs, found: Split, legs: Sequence[Leg]) -> str | None:
    """Return why these legs do not fit a transaction; None where nobody can tell."""
    calls: list[Instruction] = []
    pools = [pool for share in found.shares for pool in share.path.pools]
    for pool, leg in zip(pools, legs, strict=True):
        program = programs.get(pool.program)
        if program is None:
            return None
        amount = leg.amount_in if leg.mode == "exact_in" else leg.amount_out
        try:
            arrays = pool.swap(leg.mint_in, leg.mode, amount).touched
            source, target = (
                associated_token(_NOBODY, one, TOKEN_PROGRAM) for one in (leg.mint_in, leg.mint_out)
            )
            trade = Trade(_NOBODY, source, target, leg.mint_in, leg.mode, amount, 0, arrays)
            calls.append(program.instruction(pool, trade))
        except Unquotable as refused:
            return str(refused)
    return misfit(calls, [pool.program for pool in pools], _NOBODY)
