"""Remembers the marginal rate of each pair, to decide when hub routes are worth a look."""

# The marginal rate is what the next unit of one token brings in another. One rate for each half of
# a hub route is enough to rule most hubs out (`routing.hubs.should_try_hubs`) without asking any
# venue. A market with a cache of pools gives the rate at once; for others the last answer counts.

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cambist.optimizer.rate_curve import Rate
from cambist.ports.clock import Clock
from cambist.ports.market import Market
from cambist.routing.hubs import best_rate
from cambist.values.ids import Address
from cambist.values.route import QuoteFailure
from cambist.values.token import Pair
from cambist.venues.pool import Pool

KEPT_MS: Final = 2_000
"""How long a rate is used. A stale rate costs at most a look at hubs, never a wrong route."""

PAIRS_MAX: Final = 4_096


class MarginalRates:
    """The best marginal rates of pairs, after fees and without outliers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[tuple[Address, Address], tuple[Rate, int]] = {}

    def note(self, market: Market, pair: Pair, pools: Sequence[Pool]) -> None:
        """Remember the rate of the venues' answer; 0 where they have no such pool.

        Cached pools are read when the rate is asked for, and need no note.
        """
        if _cached(market, pair) is not None:
            return
        key = _key(pair)
        self._seen.pop(key, None)
        if len(self._seen) >= PAIRS_MAX:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = (best_rate(pools, pair.token_in.mint) or 0, self._clock.monotonic_ms())

    def rate(self, market: Market, pair: Pair) -> Rate | None:
        """Return the rate of a pair; 0 where there are no pools, None where it is unknown."""
        pools = _cached(market, pair)
        return self._noted(pair) if pools is None else best_rate(pools, pair.token_in.mint) or 0

    def is_unknown(self, market: Market, pair: Pair) -> bool:
        """Whether the rate is unknown until the venues are asked."""
        return _cached(market, pair) is None and self._noted(pair) is None

    def _noted(self, pair: Pair) -> Rate | None:
        rate, at = self._seen.get(_key(pair), (None, 0))
        return rate if self._clock.monotonic_ms() - at < KEPT_MS else None


def _key(pair: Pair) -> tuple[Address, Address]:
    return pair.token_in.mint, pair.token_out.mint


def _cached(market: Market, pair: Pair) -> list[Pool] | None:
    found: list[Pool] = []
    for venue in market.venues:
        pools = market.cached_pools(venue, pair)
        if pools is None:
            return None
        if not isinstance(pools, QuoteFailure):
            found += pools
    return found
