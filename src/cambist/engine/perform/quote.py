"""Asks every venue at once, quotes its pools, and chooses the route."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from cambist.faults import Code, Fault
from cambist.orders.order import Order
from cambist.orders.steps import Faulted, RouteFound
from cambist.ports.clock import Clock
from cambist.ports.failures import PortDown
from cambist.ports.market import Market
from cambist.routing.choose import choose
from cambist.values.moment import Millis
from cambist.values.route import Absent, Quote
from cambist.venues.pool import Pool

QUOTE_TIMEOUT_MS: Final = Millis(1_000)

_Answer = Sequence[Pool] | Absent


async def find_route(
    market: Market, clock: Clock, order: Order, timeout_ms: Millis = QUOTE_TIMEOUT_MS
) -> RouteFound | Faulted:
    """Return the best route of all venues that answer in time, or the fault that all had."""
    answers = await _survey(market, clock, order, timeout_ms)
    quotes: list[Quote] = []
    absent: list[Absent] = []
    # An amended order trades on its terms as they stand now.
    intent = replace(order.intent, terms=order.terms)
    for venue, answer in answers.items():
        if isinstance(answer, Absent):
            absent.append(answer)
            continue
        for pool in answer:
            found = pool.quote(intent.pair.token_in.mint, intent.mode, intent.amount)
            if isinstance(found, Fault):
                absent.append(Absent(venue, found.code, found.message))
            else:
                quotes.append(found)
    route = choose(intent, quotes, absent)
    return Faulted(route) if isinstance(route, Fault) else RouteFound(route)


async def _survey(
    market: Market, clock: Clock, order: Order, timeout_ms: Millis
) -> dict[str, _Answer]:
    """Ask the venues whose pools are not at hand, all at the same time."""
    pair, answers = order.intent.pair, dict[str, _Answer]()
    for venue in market.venues:
        at_hand = market.at_hand(venue, pair)
        if at_hand is not None:
            answers[venue] = at_hand
    asked = [venue for venue in market.venues if venue not in answers]
    if not asked:
        return answers
    async with asyncio.TaskGroup() as asking:
        tasks = {venue: asking.create_task(_ask(market, venue, order)) for venue in asked}
        bell = asking.create_task(clock.sleep(timeout_ms))
        bell.add_done_callback(lambda _: [task.cancel() for task in tasks.values()])
        await asyncio.wait(tasks.values())
        bell.cancel()
    late = f"it did not answer within {timeout_ms} ms"
    for venue, task in tasks.items():
        in_time = not task.cancelled()
        answers[venue] = task.result() if in_time else Absent(venue, Code.QUOTE_TIMED_OUT, late)
    return answers


async def _ask(market: Market, venue: str, order: Order) -> _Answer:
    try:
        return await market.pools(venue, order.intent.pair, draw_key(order))
    except PortDown as down:
        return Absent(venue, Code.VENUE_UNREACHABLE, str(down))


def draw_key(order: Order) -> str:
    """Return what a pretend world draws this try's mishaps from: the same for the same order."""
    return f"{order.intent.client_order_id or order.id}/{order.tries}"
