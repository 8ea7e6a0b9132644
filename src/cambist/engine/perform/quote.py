"""Asks every venue at once, quotes its pools, and chooses the route."""

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
from cambist.routing.choose import choose
from cambist.values.moment import Millis
from cambist.values.route import Absent, Quote, Route
from cambist.values.token import Pair
from cambist.venues.pool import Pool

QUOTE_TIMEOUT_MS: Final = Millis(1_000)

_Answer = Sequence[Pool] | Absent


async def find_route(
    market: Market, clock: Clock, order: Order, timeout_ms: Millis = QUOTE_TIMEOUT_MS
) -> RouteFound | Faulted:
    """Return the best route of all venues that answer in time, or the fault that all had."""
    # An amended order trades on its terms as they stand now.
    intent = replace(order.intent, terms=order.terms)
    answers = await _survey(market, clock, _Asking(intent.pair, draw_key(order), timeout_ms))
    route = _best(intent, answers)
    return Faulted(route) if isinstance(route, Fault) else RouteFound(route)


async def quote_now(
    market: Market, clock: Clock, intent: Intent, timeout_ms: Millis = QUOTE_TIMEOUT_MS
) -> Route | Fault:
    """Return the route an order with this intent would take now, for no order at all."""
    asking = _Asking(intent.pair, f"quote/{clock.now()}", timeout_ms)
    return _best(intent, await _survey(market, clock, asking))


async def survey(
    market: Market, clock: Clock, pair: Pair, timeout_ms: Millis = QUOTE_TIMEOUT_MS
) -> dict[str, Sequence[Pool] | Absent]:
    """Return each venue's pools of a pair, or why it did not name them."""
    return await _survey(market, clock, _Asking(pair, f"survey/{clock.now()}", timeout_ms))


class _Asking(NamedTuple):
    """What the venues are asked, under which name, and how long they may take."""

    pair: Pair
    asker: str
    timeout_ms: Millis


def _best(intent: Intent, answers: Mapping[str, _Answer]) -> Route | Fault:
    quotes: list[Quote] = []
    absent: list[Absent] = []
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
    return choose(intent, quotes, absent)


async def _survey(market: Market, clock: Clock, asking: _Asking) -> dict[str, _Answer]:
    """Ask the venues whose pools are not at hand, all at the same time."""
    pair, answers = asking.pair, dict[str, _Answer]()
    timeout_ms = asking.timeout_ms
    for venue in market.venues:
        at_hand = market.at_hand(venue, pair)
        if at_hand is not None:
            answers[venue] = at_hand
    asked = [venue for venue in market.venues if venue not in answers]
    if not asked:
        return answers
    async with asyncio.TaskGroup() as group:
        tasks = {venue: group.create_task(_ask(market, venue, asking)) for venue in asked}
        bell = group.create_task(clock.sleep(timeout_ms))
        bell.add_done_callback(lambda _: [task.cancel() for task in tasks.values()])
        await asyncio.wait(tasks.values())
        bell.cancel()
    late = f"it did not answer within {timeout_ms} ms"
    for venue, task in tasks.items():
        in_time = not task.cancelled()
        answers[venue] = task.result() if in_time else Absent(venue, Code.QUOTE_TIMED_OUT, late)
    return answers


async def _ask(market: Market, venue: str, asking: _Asking) -> _Answer:
    try:
        return await market.pools(venue, asking.pair, asking.asker)
    except PortDown as down:
        return Absent(venue, Code.VENUE_UNREACHABLE, str(down))


def draw_key(order: Order) -> str:
    """Return what a pretend world draws this try's mishaps from: the same for the same order."""
    return f"{order.intent.client_order_id or order.id}/{order.tries}"
