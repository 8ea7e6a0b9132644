"""Asks every venue at once for its pools, and finds the best route over them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from cambist.faults import Code, Fault
from cambist.orders.intent import Intent
from cambist.orders.order import Order
from cambist.orders.steps import Faulted, RouteFound
from cambist.ports.clock import Clock
from cambist.ports.failures import PortDown
from cambist.ports.market import Market
from cambist.routing.find import Offered, find
from cambist.routing.hubs import best_rate, should_try_hubs
from cambist.values.moment import Millis
from cambist.values.route import Absent, Route
from cambist.values.token import Pair
from cambist.venues.pool import Pool
from cambist.venues.programs import PROGRAMS

QUOTE_TIMEOUT_MS: Final = Millis(1_000)

_Answer = Sequence[Pool] | Absent


async def find_route(
    market: Market, clock: Clock, order: Order, timeout_ms: Millis = QUOTE_TIMEOUT_MS
) -> RouteFound | Faulted:
    """Return the best route of all venues that answer in time, or the fault that all had."""
    # An amended order trades on its terms as they stand now.
    intent = replace(order.intent, terms=order.terms)
    route = await _best(market, clock, intent, _Asking(draw_key(order), timeout_ms))
    return Faulted(route) if isinstance(route, Fault) else RouteFound(route)


async def quote_now(
    market: Market, clock: Clock, intent: Intent, timeout_ms: Millis = QUOTE_TIMEOUT_MS
) -> Route | Fault:
    """Return the route an order with this intent would take now, for no order at all."""
    return await _best(market, clock, intent, _Asking(f"quote/{clock.now()}", timeout_ms))


async def survey(
    market: Market, clock: Clock, pair: Pair, timeout_ms: Millis = QUOTE_TIMEOUT_MS
) -> dict[str, Sequence[Pool] | Absent]:
    """Return each venue's pools of a pair, or why it did not name them."""
    asking = _Asking(f"survey/{clock.now()}", timeout_ms)
    answers = await _survey(market, clock, asking, (pair,))
    return {venue: answers[venue, pair] for venue in market.venues}


class _Asking(NamedTuple):
    """Under which name the venues are asked, and how long they may take."""

    asker: str
    timeout_ms: Millis


async def _best(market: Market, clock: Clock, intent: Intent, asking: _Asking) -> Route | Fault:
    """Find the best route over the pools of the pair, and by way of hubs where those may help."""
    pair = intent.pair
    answers = await _survey(market, clock, asking, (pair,))
    told = (answers[venue, pair] for venue in market.venues)
    absent = [one for one in told if isinstance(one, Absent)]
    offered = Offered(_pools(answers, pair), {}, absent, programs=PROGRAMS)
    route = find(intent, offered)
    halves = {
        hub.mint: (Pair(pair.token_in, hub), Pair(hub, pair.token_out))
        for hub in market.hubs
        if hub.mint not in {pair.token_in.mint, pair.token_out.mint}
    }
    if not halves or not should_try_hubs(
        route, (_rates(market, both) for both in halves.values()), offered.gain_min
    ):
        return route
    more = await _survey(market, clock, asking, [half for both in halves.values() for half in both])
    hubs = {
        hub: (_pools(more, first), _pools(more, second)) for hub, (first, second) in halves.items()
    }
    return find(intent, replace(offered, hubs=hubs))


def _rates(market: Market, halves: tuple[Pair, Pair]) -> tuple[float, float] | None:
    """Return the best rates of both halves of a way; None where their pools are not at hand."""
    rates = []
    for half in halves:
        at_hand = [market.at_hand(venue, half) for venue in market.venues]
        if None in at_hand:
            return None
        pools = [one for some in at_hand if some and not isinstance(some, Absent) for one in some]
        rates.append(best_rate(pools, half.token_in.mint))
    return rates[0] or 0, rates[1] or 0


def _pools(answers: Mapping[tuple[str, Pair], _Answer], pair: Pair) -> list[Pool]:
    return [
        pool
        for (_, asked), found in answers.items()
        if asked == pair and not isinstance(found, Absent)
        for pool in found
    ]


async def _survey(
    market: Market, clock: Clock, asking: _Asking, pairs: Sequence[Pair]
) -> dict[tuple[str, Pair], _Answer]:
    """Ask the venues whose pools are not at hand, all at the same time."""
    answers: dict[tuple[str, Pair], _Answer] = {}
    asked: list[tuple[str, Pair]] = []
    for venue in market.venues:
        for pair in pairs:
            at_hand = market.at_hand(venue, pair)
            if at_hand is not None:
                answers[venue, pair] = at_hand
            else:
                asked.append((venue, pair))
    if not asked:
        return answers
    async with asyncio.TaskGroup() as group:
        tasks = {one: group.create_task(_ask(market, *one, asking.asker)) for one in asked}
        bell = group.create_task(clock.sleep(asking.timeout_ms))
        bell.add_done_callback(lambda _: [task.cancel() for task in tasks.values()])
        await asyncio.wait(tasks.values())
        bell.cancel()
    late = f"it did not answer within {asking.timeout_ms} ms"
    for one, task in tasks.items():
        in_time = not task.cancelled()
        answers[one] = task.result() if in_time else Absent(one[0], Code.QUOTE_TIMED_OUT, late)
    return answers


async def _ask(market: Market, venue: str, pair: Pair, asker: str) -> _Answer:
    try:
        return await market.pools(venue, pair, asker)
    except PortDown as down:
        return Absent(venue, Code.VENUE_UNREACHABLE, str(down))


def draw_key(order: Order) -> str:
    """Return what a pretend world draws this try's mishaps from: the same for the same order."""
    return f"{order.intent.client_order_id or order.id}/{order.tries}"
