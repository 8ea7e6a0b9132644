"""Asks every venue at once for its pools, and finds the best route over them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from cambist.engine.marginal_rates import MarginalRates
from cambist.engine.quote_budget import QuotePermit
from cambist.faults import Code, Fault, fault
from cambist.optimizer.rate_curve import Rate
from cambist.orders.intent import Intent
from cambist.orders.order import Order
from cambist.orders.steps import RouteFound, StepFailed
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.market import Market
from cambist.routing.hubs import should_try_hubs
from cambist.routing.leg_costs import LegPrice, leg_costs
from cambist.routing.router import GAIN_MIN_HUNDREDTHS, MarketSnapshot, find_route
from cambist.routing.transaction_limits import V1, Envelope
from cambist.values.amount import write_amount
from cambist.values.ids import Address
from cambist.values.route import QuoteFailure, Route
from cambist.values.time_units import Millis
from cambist.values.token import SOL, Pair
from cambist.venues.pool import Pool
from cambist.venues.registry import PROGRAMS

QUOTE_TIMEOUT_MS: Final = Millis(1_000)

_Answer = Sequence[Pool] | QuoteFailure


class RoutingOptions(msgspec.Struct, frozen=True):
    """What a user may set about routes: the format of transactions, the least gain, the price."""

    envelope: Envelope = V1
    gain_min_hundredths: int = GAIN_MIN_HUNDREDTHS
    leg_price: LegPrice = LegPrice()


class Quoter:
    """Finds routes over one market, and remembers marginal rates of the hubs' halves meanwhile."""

    def __init__(
        self,
        market: Market,
        clock: Clock,
        options: RoutingOptions = RoutingOptions(),  # noqa: B008 -- frozen
    ) -> None:
        self._market = market
        self._clock = clock
        self._options = options
        self._rates = MarginalRates(clock)

    async def route_order(
        self, order: Order, timeout_ms: Millis = QUOTE_TIMEOUT_MS
    ) -> RouteFound | StepFailed:
        """Return the best route of all venues that answer in time, or the fault that all had."""
        # An amended order trades on its terms as they stand now.
        intent = replace(order.intent, terms=order.terms)
        route = await self._best(intent, _FetchOptions(try_reference(order), timeout_ms))
        return StepFailed(route) if isinstance(route, Fault) else RouteFound(route)

    async def quote_intent(self, intent: Intent, turn: QuotePermit) -> Route | Fault:
        """Return the route an order with this intent would take now, for no order at all.

        Raises Refused when too many wait for venues already.
        """
        asking = _FetchOptions(f"quote/{self._clock.now()}", QUOTE_TIMEOUT_MS, turn)
        return await self._best(intent, asking)

    async def fetch_pools(
        self, pair: Pair, turn: QuotePermit
    ) -> dict[str, Sequence[Pool] | QuoteFailure]:
        """Return each venue's pools of a pair, or why it did not name them.

        Raises Refused when too many wait for venues already.
        """
        asking = _FetchOptions(f"survey/{self._clock.now()}", QUOTE_TIMEOUT_MS, turn)
        answers = await _fetch_all(self._market, self._clock, asking, (pair,))
        return {venue: answers[venue, pair] for venue in self._market.venues}

    async def _best(self, intent: Intent, asking: _FetchOptions) -> Route | Fault:
        """Find the best route over the pools of the pair, and through hubs that may be better.

        Halves whose marginal rates nobody knows are asked together with the pair, so that they
        cost no second round.
        """
        pair, market = intent.pair, self._market
        halves = _halves(market, pair)
        every = [half for both in halves.values() for half in both]
        first = (pair, *(half for half in every if self._rates.is_unknown(market, half)))
        answers = await _fetch_all(market, self._clock, asking, first)
        for half in first:
            self._rates.note(market, half, _pools(answers, half))
        told = (answers[venue, pair] for venue in market.venues)
        absent = [event for event in told if isinstance(event, QuoteFailure)]
        pools = _pools(answers, pair)
        offered = MarketSnapshot(
            pools,
            {},
            absent,
            leg_costs(self._options.leg_price, self._units_per_lamport(intent)),
            self._options.gain_min_hundredths,
            PROGRAMS,
            self._options.envelope,
        )
        is_carried = asking.turn is None or could_carry(pools, intent)
        route = find_route(intent, offered) if is_carried or not pools else _too_much(intent)
        rates = [self._both_rates(both) for both in halves.values()]
        if not halves or not should_try_hubs(route, rates, offered.gain_min):
            return route
        rest = [half for half in every if half not in first]
        answers |= await _fetch_all(market, self._clock, asking, rest)
        for half in rest:
            self._rates.note(market, half, _pools(answers, half))
        hubs = {
            hub: (_pools(answers, near), _pools(answers, far))
            for hub, (near, far) in halves.items()
        }
        if not is_carried:
            side = 0 if intent.mode == "exact_in" else 1
            if not any(could_carry(both[side], intent) for both in hubs.values()):
                return route
        return find_route(intent, replace(offered, hubs=hubs))

    def _both_rates(self, both: tuple[Pair, Pair]) -> tuple[Rate, Rate] | None:
        near, far = (self._rates.rate(self._market, half) for half in both)
        return None if near is None or far is None else (near, far)

    def _units_per_lamport(self, intent: Intent) -> Rate | None:
        """Return what a lamport is worth in the token that is not sized; None: nobody knows."""
        sells = intent.mode == "exact_in"
        token = intent.pair.token_out if sells else intent.pair.token_in
        if token == SOL:
            return 1
        rate = self._rates.rate(self._market, Pair(SOL, token) if sells else Pair(token, SOL))
        if not rate:
            return None
        return rate if sells else 1 / rate


def _halves(market: Market, pair: Pair) -> dict[Address, tuple[Pair, Pair]]:
    """Return both halves of the way through each hub, by the hub's mint."""
    return {
        hub.mint: (Pair(pair.token_in, hub), Pair(hub, pair.token_out))
        for hub in market.hubs
        if hub.mint not in {pair.token_in.mint, pair.token_out.mint}
    }


class _FetchOptions(NamedTuple):
    """Under which name the venues are asked, how long they may take, and for which quote.

    An order's own quote has no turn: it is not held up by those who only ask.
    """

    reference: str
    timeout_ms: Millis
    turn: QuotePermit | None = None


def could_carry(pools: Sequence[Pool], intent: Intent) -> bool:
    """Whether pools together may be able to trade an amount; no sharing of it is computed.

    The pools take or pay the token whose amount is fixed. If they can do it together, one of them
    does at least its equal part.
    """
    if not pools:
        return False
    part = -(-intent.amount // len(pools))
    given, taken = intent.pair.token_in.mint, intent.pair.token_out.mint
    if intent.mode == "exact_in":
        return any(pool.amount_out(given, part) for pool in pools)
    return any(pool.amount_in(_other(pool, taken), part) for pool in pools)


def _other(pool: Pool, mint: Address) -> Address:
    return pool.mint_a if mint == pool.mint_b else pool.mint_b


def _too_much(intent: Intent) -> Fault:
    token = intent.sized_token
    amount = write_amount(intent.amount, token.decimals)
    message = f"The pools of this pair cannot trade {amount} {token.symbol}; ask for less."
    return fault(Code.NO_ROUTE, message)


def _pools(answers: Mapping[tuple[str, Pair], _Answer], pair: Pair) -> list[Pool]:
    return [
        pool
        for (_, asked), found in answers.items()
        if asked == pair and not isinstance(found, QuoteFailure)
        for pool in found
    ]


async def _fetch_all(
    market: Market, clock: Clock, asking: _FetchOptions, pairs: Sequence[Pair]
) -> dict[tuple[str, Pair], _Answer]:
    """Ask the venues whose pools are not at hand, all at the same time."""
    answers: dict[tuple[str, Pair], _Answer] = {}
    asked: list[tuple[str, Pair]] = []
    for venue in market.venues:
        for pair in pairs:
            at_hand = market.cached_pools(venue, pair)
            if at_hand is not None:
                answers[venue, pair] = at_hand
            else:
                asked.append((venue, pair))
            if asking.turn is not None:
                await asking.turn.rest()
    if not asked:
        return answers
    async with nullcontext() if asking.turn is None else asking.turn.waiting_for_venues():
        return answers | await _ask_all(market, clock, asking, asked)


async def _ask_all(
    market: Market, clock: Clock, asking: _FetchOptions, asked: Sequence[tuple[str, Pair]]
) -> dict[tuple[str, Pair], _Answer]:
    answers: dict[tuple[str, Pair], _Answer] = {}
    async with asyncio.TaskGroup() as group:
        tasks = {
            request: group.create_task(_ask(market, *request, asking.reference))
            for request in asked
        }
        bell = group.create_task(clock.sleep(asking.timeout_ms))
        bell.add_done_callback(lambda _: [task.cancel() for task in tasks.values()])
        await asyncio.wait(tasks.values())
        bell.cancel()
    late = f"it did not answer within {asking.timeout_ms} ms"
    for one, task in tasks.items():
        in_time = not task.cancelled()
        answers[one] = (
            task.result() if in_time else QuoteFailure(one[0], Code.QUOTE_TIMED_OUT, late)
        )
    return answers


async def _ask(market: Market, venue: str, pair: Pair, reference: str) -> _Answer:
    try:
        return await market.pools(venue, pair, reference)
    except PortUnavailable as down:
        return QuoteFailure(venue, Code.VENUE_UNREACHABLE, str(down))


def try_reference(order: Order) -> str:
    """Return the name of this try, the same whenever the same order is run again."""
    return f"{order.intent.client_order_id or order.id}/{order.try_number}"
