"""Asks all venues concurrently for their pools, and finds the best route over them."""

# A quote asks venues at most twice. The first round asks for the pair, and for the halves of hub
# routes whose marginal rate is unknown; it costs no more time than the pair alone. Only if the
# known rates say that a hub may be better does a second round ask for the remaining halves.
#
# A venue that is late or unavailable is left out of the route, and named in it (`absent`). One slow
# venue must not fail an order that the others can fill.

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from cambist.engine.hub_rates import MarginalRates
from cambist.engine.quote_budget import QuotePermit
from cambist.faults import Code, Fault, fault
from cambist.optimizer.rate_curve import Rate
from cambist.orders.intent import Intent
from cambist.orders.order import Order
from cambist.orders.steps import RouteFound, StepFailed
from cambist.orders.terms import Terms
from cambist.orders.trigger import Exchange, PriceObservation, touch_amount
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.market import Market
from cambist.routing.hub_rules import should_try_hubs
from cambist.routing.leg_costs import LegPrice, leg_costs
from cambist.routing.router import GAIN_MIN_HUNDREDTHS, MarketSnapshot, find_route
from cambist.routing.transaction_limits import V1, Envelope
from cambist.values.amount import RawAmount, write_amount
from cambist.values.ids import LOCAL, Address
from cambist.values.route import QuoteFailure, Route, SwapMode
from cambist.values.time_units import Millis, Slot
from cambist.values.token import SOL, Pair
from cambist.venues.pool import Pool
from cambist.venues.registry import PROGRAMS

QUOTE_TIMEOUT_MS: Final = Millis(1_000)

_Answer = Sequence[Pool] | QuoteFailure
_Answers = Mapping[tuple[str, Pair], _Answer]


class RoutingOptions(msgspec.Struct, frozen=True):
    """Settings of routes: the format of transactions, the least gain, the price of a leg."""

    envelope: Envelope = V1
    gain_min_hundredths: int = GAIN_MIN_HUNDREDTHS
    leg_price: LegPrice = LegPrice()


class PricedAmount(NamedTuple):
    """An amount whose price is asked: raw units of the token that the mode sizes."""

    pair: Pair
    mode: SwapMode
    amount: RawAmount


class Quoter:
    """Finds routes over one market, and remembers the marginal rates of hub halves."""

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
        """Return the best route over all venues that answer in time, or the fault of all."""
        # The terms may have been amended since the order was accepted.
        terms = order.terms
        if terms.slippage_ladder_bps:
            terms = replace(terms, slippage_bps=order.slippage_bps)
        intent = replace(order.intent, terms=terms)
        route = await self._best(intent, _FetchOptions(try_reference(order), timeout_ms))
        return StepFailed(route) if isinstance(route, Fault) else RouteFound(route)

    async def observe(self, asked: PricedAmount, reference: str, slot: Slot) -> PriceObservation:
        """Return what an amount would bring now in full, and what a small part of it would.

        `slot` is the chain's newest. Tolerance and limit price do not count: they bound what is
        signed, not what is seen.
        """
        intent = Intent("market", LOCAL, asked.pair, asked.mode, asked.amount, Terms())
        options = _FetchOptions(f"watch/{reference}/{slot}", QUOTE_TIMEOUT_MS)
        small = whole = await self._best(intent, options)
        part = touch_amount(intent.amount)
        if part != intent.amount:
            small = await self._best(replace(intent, amount=RawAmount(part)), options)
        routes = [route for route in (whole, small) if isinstance(route, Route)]
        # A venue that did not answer has no program in its failure: a part of the depth is missing.
        is_incomplete = any(not failure.program for route in routes for failure in route.absent)
        return PriceObservation(
            slot, _exchange(whole), _exchange(small), is_incomplete=is_incomplete or not routes
        )

    async def watched_pools(self, pair: Pair) -> list[Pool]:
        """Return the pools of a pair for a tick of the price watcher; of all venues that answer."""
        options = _FetchOptions(f"tick/{self._clock.now()}", QUOTE_TIMEOUT_MS)
        answers = await _fetch_all(_CachedPools(self._market), self._clock, options, (pair,))
        pools = _pools(answers, pair)
        self._rates.note(pair, pools)
        return pools

    def best_rate(self, pair: Pair, pools: Sequence[Pool]) -> float:
        """Return the best rate of the next unit, paths through hubs counted as far as known."""
        cached = _CachedPools(self._market)
        direct = self._rates.rate(pair, pools) or 0.0
        hubs = (self._both_rates(both, cached) for both in _halves(self._market, pair).values())
        return max(direct, *(near * far for near, far in filter(None, hubs)), 0.0)

    async def quote_intent(self, intent: Intent, permit: QuotePermit) -> Route | Fault:
        """Return the route an order with this intent would take now.

        Raises RequestRejected when too many quotes wait for venues.
        """
        options = _FetchOptions(f"quote/{self._clock.now()}", QUOTE_TIMEOUT_MS, permit)
        return await self._best(intent, options)

    async def fetch_pools(
        self, pair: Pair, permit: QuotePermit
    ) -> dict[str, Sequence[Pool] | QuoteFailure]:
        """Return each venue's pools of a pair, or the reason why there are none.

        Raises RequestRejected when too many quotes wait for venues.
        """
        options = _FetchOptions(f"survey/{self._clock.now()}", QUOTE_TIMEOUT_MS, permit)
        answers = await _fetch_all(_CachedPools(self._market), self._clock, options, (pair,))
        return {venue: answers[venue, pair] for venue in self._market.venues}

    async def _best(self, intent: Intent, options: _FetchOptions) -> Route | Fault:
        """Return the best route over the pools of the pair and through hubs, or the fault."""
        pair, market = intent.pair, self._market
        cached, halves = _CachedPools(market), _halves(market, pair)
        every = [half for both in halves.values() for half in both]
        first = (pair, *(half for half in every if self._is_unknown(half, cached)))
        answers = await _fetch_all(cached, self._clock, options, first)
        self._note(first, cached, answers)
        own_answers = (answers[venue, pair] for venue in market.venues)
        absent = [found for found in own_answers if isinstance(found, QuoteFailure)]
        pools = _pools(answers, pair)
        offered = MarketSnapshot(
            pools,
            {},
            absent,
            leg_costs(self._options.leg_price, self._units_per_lamport(intent, cached)),
            self._options.gain_min_hundredths,
            PROGRAMS,
            self._options.envelope,
        )
        is_carried = options.permit is None or could_carry(pools, intent)
        route = find_route(intent, offered) if is_carried or not pools else _too_much(intent)
        rates = [self._both_rates(both, cached) for both in halves.values()]
        if not halves or not should_try_hubs(route, rates, offered.gain_min):
            return route
        rest = [half for half in every if half not in first]
        answers |= await _fetch_all(cached, self._clock, options, rest)
        self._note(rest, cached, answers)
        hubs = {
            hub: (_pools(answers, near), _pools(answers, far))
            for hub, (near, far) in halves.items()
        }
        if not is_carried:
            side = 0 if intent.mode == "exact_in" else 1
            if not any(could_carry(both[side], intent) for both in hubs.values()):
                return route
        return find_route(intent, replace(offered, hubs=hubs))

    def _is_unknown(self, half: Pair, cached: _CachedPools) -> bool:
        return cached.of_all(half) is None and self._rates.is_unknown(half)

    def _note(self, pairs: Iterable[Pair], cached: _CachedPools, answers: _Answers) -> None:
        """Remember the rates of what venues were asked for; those of cached pools are at hand."""
        for pair in pairs:
            if cached.of_all(pair) is None:
                self._rates.note(pair, _pools(answers, pair))

    def _both_rates(
        self, both: tuple[Pair, Pair], cached: _CachedPools
    ) -> tuple[Rate, Rate] | None:
        near, far = (self._rates.rate(half, cached.of_all(half)) for half in both)
        return None if near is None or far is None else (near, far)

    def _units_per_lamport(self, intent: Intent, cached: _CachedPools) -> Rate | None:
        """Return the value of a lamport in the token whose amount is open; None if unknown."""
        sells = intent.mode == "exact_in"
        token = intent.pair.token_out if sells else intent.pair.token_in
        if token == SOL:
            return 1
        pair = Pair(SOL, token) if sells else Pair(token, SOL)
        rate = self._rates.rate(pair, cached.of_all(pair))
        if not rate:
            return None
        return rate if sells else 1 / rate


class _CachedPools:
    """The pools that a market knows without asking, each looked up once for one route."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._of_venue: dict[tuple[str, Pair], Sequence[Pool] | None] = {}
        self._of_all: dict[Pair, Sequence[Pool] | None] = {}

    def of_venue(self, venue: str, pair: Pair) -> Sequence[Pool] | None:
        """Return a venue's pools of a pair; None when one must ask."""
        key = venue, pair
        try:
            return self._of_venue[key]
        except KeyError:
            pools = self._of_venue[key] = self.market.cached_pools(venue, pair)
            return pools

    def of_all(self, pair: Pair) -> Sequence[Pool] | None:
        """Return all venues' pools of a pair; None when one of them must be asked."""
        try:
            return self._of_all[pair]
        except KeyError:
            found = [self.of_venue(venue, pair) for venue in self.market.venues]
            known = [pools for pools in found if pools is not None]
            is_whole = len(known) == len(found)
            pools = self._of_all[pair] = [*chain(*known)] if is_whole else None
            return pools


def _exchange(route: Route | Fault) -> Exchange | None:
    return None if isinstance(route, Fault) else Exchange(route.amount_in, route.amount_out)


def _halves(market: Market, pair: Pair) -> dict[Address, tuple[Pair, Pair]]:
    """Return both halves of the route through each hub, by the hub's mint."""
    return {
        hub.mint: (Pair(pair.token_in, hub), Pair(hub, pair.token_out))
        for hub in market.hubs
        if hub.mint not in {pair.token_in.mint, pair.token_out.mint}
    }


class _FetchOptions(NamedTuple):
    """How venues are asked: a reference for the paper network, a timeout, and a quote's permit.

    An order's own quote needs no permit: quotes of callers must not delay it.
    """

    reference: str
    timeout_ms: Millis
    permit: QuotePermit | None = None


def could_carry(pools: Sequence[Pool], intent: Intent) -> bool:
    """Whether pools together may be able to trade an amount, without computing a split.

    If all pools together can trade the amount, at least one can trade an equal part of it.
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


def _pools(answers: _Answers, pair: Pair) -> list[Pool]:
    return [
        pool
        for (_, asked), found in answers.items()
        if asked == pair and not isinstance(found, QuoteFailure)
        for pool in found
    ]


async def _fetch_all(
    cached: _CachedPools, clock: Clock, options: _FetchOptions, pairs: Sequence[Pair]
) -> dict[tuple[str, Pair], _Answer]:
    """Return the cached pools, and ask the other venues concurrently."""
    answers: dict[tuple[str, Pair], _Answer] = {}
    asked: list[tuple[str, Pair]] = []
    for venue in cached.market.venues:
        for pair in pairs:
            known = cached.of_venue(venue, pair)
            if known is not None:
                answers[venue, pair] = known
            else:
                asked.append((venue, pair))
            if options.permit is not None:
                await options.permit.rest()
    if not asked:
        return answers
    async with nullcontext() if options.permit is None else options.permit.waiting_for_venues():
        return answers | await _ask_all(cached.market, clock, options, asked)


async def _ask_all(
    market: Market, clock: Clock, options: _FetchOptions, asked: Sequence[tuple[str, Pair]]
) -> dict[tuple[str, Pair], _Answer]:
    answers: dict[tuple[str, Pair], _Answer] = {}
    async with asyncio.TaskGroup() as group:
        tasks = {
            request: group.create_task(_ask(market, *request, options.reference))
            for request in asked
        }
        timeout = group.create_task(clock.sleep(options.timeout_ms))
        timeout.add_done_callback(lambda _: [task.cancel() for task in tasks.values()])
        await asyncio.wait(tasks.values())
        timeout.cancel()
    late = f"it did not answer within {options.timeout_ms} ms"
    for request, task in tasks.items():
        in_time = not task.cancelled()
        answers[request] = (
            task.result() if in_time else QuoteFailure(request[0], Code.QUOTE_TIMED_OUT, late)
        )
    return answers


async def _ask(market: Market, venue: str, pair: Pair, reference: str) -> _Answer:
    try:
        return await market.pools(venue, pair, reference)
    except PortUnavailable as error:
        return QuoteFailure(venue, Code.VENUE_UNREACHABLE, str(error))


def try_reference(order: Order) -> str:
    """Return the name of this try of an order: the same seed and name give the same paper run."""
    return f"{order.intent.client_order_id or order.id}/{order.try_number}"
