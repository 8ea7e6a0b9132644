"""Finds the best route over all pools: one pool, a way through a hub, or a split over several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from cambist.faults import Code, Fault
from cambist.orders.intent import Intent
from cambist.routing.bounds import trusted
from cambist.routing.choose import choose
from cambist.routing.fit import misfit
from cambist.routing.legs import Drawn, draw
from cambist.routing.paths import PATHS_MAX, Carried, Pools, ranked, straight, through_hubs
from cambist.routing.reasons import say_found
from cambist.routing.split import Split, Wanted, split
from cambist.values.amount import Raw
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.program_address import TOKEN_PROGRAM, associated_token
from cambist.values.route import Absent, Leg, Quote, Route
from cambist.venues.accounts import Unquotable
from cambist.venues.pool import Pool
from cambist.venues.program import Instruction, Program, Trade

QUOTES_MAX: Final = 8
"""Pools whose quotes are kept with the order; the others pay less than all of these."""
ABSENT_MAX: Final = 16
WAYS_MAX: Final = 3
"""Ways one order is split over at most."""
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

    It is never worse than the best single pool: a split or a way through a hub is only taken for
    a strict gain, net of its swaps' costs.
    """
    mints = (intent.pair.token_in.mint, intent.pair.token_out.mint)
    fresh, stale = _fresh(offered.pools)
    carried = straight(fresh, mints[0], intent.mode, intent.amount)
    carried, odd = trusted(carried, intent.mode, intent.amount)
    quotes, refused = _quotes(intent, carried, fresh)
    absent = (*offered.absent, *stale, *odd, *refused)[:ABSENT_MAX]
    single = choose(intent, quotes, absent)
    ways = _ways(offered, intent, mints, carried)
    if not ways or (len(ways) == 1 and not isinstance(single, Fault)):
        return single
    return _best(intent, offered, ways, single, (quotes, absent))


def worth_a_hub(route: Route | Fault) -> bool:
    """Whether a way through a hub might be better: there is no route, or it moves its pools."""
    if isinstance(route, Fault):
        return True
    used = {leg.pool for leg in route.legs}
    impacts = [one.impact_hundredths for one in route.quotes if one.pool in used]
    return max(impacts, default=0) >= HUB_FROM_BPS * 100


def _ways(
    offered: Offered, intent: Intent, mints: tuple[Address, Address], carried: Sequence[Carried]
) -> list[Carried]:
    hops = through_hubs(offered.hubs, mints, intent.mode, intent.amount)
    if carried and hops:
        # What a hub promises beyond all that was trusted is no more to be trusted.
        hops = [
            one
            for one in trusted([*carried, *hops], intent.mode, intent.amount)[0]
            if len(one.path.pools) > 1
        ]
    return ranked([*carried[:PATHS_MAX], *hops], intent.mode)[:PATHS_MAX]


def _best(
    intent: Intent,
    offered: Offered,
    ways: Sequence[Carried],
    single: Route | Fault,
    seen: tuple[Sequence[Quote], Sequence[Absent]],
) -> Route | Fault:
    """Return the best split that fits a transaction, where it beats the single pool."""
    for ways_max in range(offered.ways_max, 0, -1):
        wanted = Wanted(intent.mode, intent.amount, ways_max, offered.leg_cost)
        found = split(ways, wanted)
        if found.legs == 1 and not isinstance(single, Fault):
            return single
        drawn = draw(intent, found)
        if isinstance(drawn, Fault):
            return single
        if _misfit(offered.programs, found, drawn.legs) is None:
            return _route(intent, found, drawn, single, seen)
    return single


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
            stale.append(Absent(one.venue, Code.QUOTE_TIMED_OUT, why))
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
            absent.append(Absent(pool.venue, found.code, found.message))
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
                absent.append(Absent(pool.venue, refused.fault.code, str(refused)))
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
