"""Remembers what the next unit of a token brings in another, to tell when a hub may be better.

Two numbers a pair are enough for that (`routing.hubs.should_try_hubs`). Where a market has its
pools at hand the rate is read from them; elsewhere it is the one the venues' last answer showed.
"""

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
"""How long a rate that was seen is taken for known. It only decides whether hubs are looked up."""

PAIRS_MAX: Final = 4_096


class MarginalRates:
    """The best marginal rates of pairs, as last seen; fees counted, no outliers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[tuple[Address, Address], tuple[Rate, int]] = {}

    def note(self, market: Market, pair: Pair, pools: Sequence[Pool]) -> None:
        """Take note of what the venues answered: the rate is 0 where they have no such pool.

        Pools at hand are read when they are asked for, and need no note.
        """
        if _at_hand(market, pair) is not None:
            return
        key = _key(pair)
        self._seen.pop(key, None)
        if len(self._seen) >= PAIRS_MAX:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = (best_rate(pools, pair.token_in.mint) or 0, self._clock.monotonic_ms())

    def rate(self, market: Market, pair: Pair) -> Rate | None:
        """Return the rate of a pair; 0 where there are no pools, None where nobody knows."""
        pools = _at_hand(market, pair)
        return self._noted(pair) if pools is None else best_rate(pools, pair.token_in.mint) or 0

    def is_unknown(self, market: Market, pair: Pair) -> bool:
        """Whether venues have to be asked before anything is known of the pair."""
        return _at_hand(market, pair) is None and self._noted(pair) is None

    def _noted(self, pair: Pair) -> Rate | None:
        rate, at = self._seen.get(_key(pair), (None, 0))
        return rate if self._clock.monotonic_ms() - at < KEPT_MS else None


def _key(pair: Pair) -> tuple[Address, Address]:
    return pair.token_in.mint, pair.token_out.mint


def _at_hand(market: Market, pair: Pair) -> list[Pool] | None:
    found: list[Pool] = []
    for venue in market.venues:
        pools = market.cached_pools(venue, pair)
        if pools is None:
            return None
        if not isinstance(pools, QuoteFailure):
            found += pools
    return found
