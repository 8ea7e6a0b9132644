"""Remembers the marginal rate of each pair, to decide when hub routes are worth a look."""

# The marginal rate is what the next unit of one token brings in another. One rate for each half of
# a hub route is enough to rule most hubs out (`routing.hubs.should_try_hubs`) without asking any
# venue. A market with a cache of pools gives the rate at once; for others the last answer counts.

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cambist.optimizer.rate_curve import Rate
from cambist.ports.clock import Clock
from cambist.routing.hub_rules import best_rate
from cambist.values.ids import Address
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

    def note(self, pair: Pair, pools: Sequence[Pool]) -> None:
        """Remember the rate of the venues' answer; 0 where they have no such pool."""
        key = _key(pair)
        self._seen.pop(key, None)
        if len(self._seen) >= PAIRS_MAX:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = (best_rate(pools, pair.token_in.mint) or 0, self._clock.monotonic_ms())

    def rate(self, pair: Pair, cached: Sequence[Pool] | None) -> Rate | None:
        """Return the rate of a pair; 0 where there are no pools, None where it is unknown.

        It is that of the pools which the market has cached, or of the venues' last answer.
        """
        return self._noted(pair) if cached is None else best_rate(cached, pair.token_in.mint) or 0

    def is_unknown(self, pair: Pair) -> bool:
        """Whether no answer is remembered that is new enough."""
        return self._noted(pair) is None

    def _noted(self, pair: Pair) -> Rate | None:
        rate, at = self._seen.get(_key(pair), (None, 0))
        return rate if self._clock.monotonic_ms() - at < KEPT_MS else None


def _key(pair: Pair) -> tuple[Address, Address]:
    return pair.token_in.mint, pair.token_out.mint
