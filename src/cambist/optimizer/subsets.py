"""Looks for the few ways to share an amount over: subsets in the order of their bounds."""

# A route may use few ways (`ways_max`), each way has a fixed cost, and no two ways of a route may
# move the same pool. So the best subset is not simply the ways with the best rates. Trying all
# subsets of 16 ways up to 6 at a time would mean more than 14,000 solutions.
#
# The search is branch and bound over the bound of optimizer/clearing.py. At the rate p at which the
# best few ways together take the amount, every way has a surplus s_i net of its costs, and
#
#     p * Q + sum of s_i over the subset
#
# is no less than what the subset brings. This holds at any p, so one rate serves for all subsets
# and is computed once. Ways are sorted by surplus. Subsets are built depth first, and a branch is
# dropped as soon as its own surpluses and the best ones that may still follow do not beat the best
# solution so far. The first branch takes the best ways, so the first solution is usually the best
# one and nearly everything else is dropped.
#
# A bound must beat the best by _TELLING to be followed: differences of a millionth are within the
# rounding of the pools. SOLVED_MAX caps the work where many subsets are alike. Rounding to whole
# units is part of a way's cost here (`lost`): else ten equal pools would always look better than
# one.
#
# Where no rate carries the amount (`scarce`), price decides nothing and the ways with most room
# come first.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic

from msgspec.structs import replace

from cambist.optimizer.clearing import (
    Allocation,
    Found,
    L,
    SplitRequest,
    allocations_at,
    base,
    by_surplus,
    rate_of,
    sized,
    solve,
)

CANDIDATES_MAX: Final = 16
"""Ways that are combined; the others have less of a surplus at the price of all."""
SOLVED_MAX: Final = 40
"""Subsets whose price is found, at most."""
_TELLING: Final = 1 + 1e-6
"""A bound that promises less than this over the best so far is not followed."""
_WORTHLESS: Final = 1e-9
"""Such a part of the best rate: at it every way takes all it can."""

Fits = Callable[[Sequence[L], Sequence[float]], bool]
"""Whether swaps of these ways, of about these amounts, fit one transaction."""
Trades = Callable[[Found[L]], bool]
"""Whether the pools themselves trade the parts of a sharing."""


def best_subsets(
    ways: Sequence[L],
    request: SplitRequest,
    fits: Fits[L] | None = None,
    trades: Trades[L] | None = None,
) -> list[Found[L]]:
    """Return sharings whose swaps fit, the best first; none where these ways cannot carry it all.

    `ways` is sorted by the rate at the start, the best first. A sharing that `trades` refuses is
    left out, and sets no bound for the others.
    """
    rate, exact_in = rate_of(ways, request), request.mode == "exact_in"
    scarce = not rate
    rate = rate or ways[0].curve.rate * _WORTHLESS
    # To rounding, each swap loses about a unit of what is given and one of what is taken.
    lost = 1 + (rate if exact_in else 1 / rate if not scarce else 0)
    request = replace(request, rounding=request.rounding + lost)
    taken = allocations_at(ways, request, rate)
    if scarce:
        # Hardly any few can carry all of it: what a way has room for counts, not its price.
        taken.sort(key=lambda record: -sized(record, exact_in))
    search = _Search(sorted(taken[:CANDIDATES_MAX], key=by_surplus), request, rate, fits, trades)
    search.over((), 0, 0.0)
    return sorted(search.found, key=lambda found: -found.value)


class _Search(Generic[L]):
    """Looks through the subsets of ways in the order of their bounds."""

    def __init__(
        self,
        taken: Sequence[Allocation[L]],
        request: SplitRequest,
        rate: float,
        fits: Fits[L] | None,
        trades: Trades[L] | None,
    ) -> None:
        self._taken, self._wanted, self._fits, self._trades = taken, request, fits, trades
        self._exact_in = request.mode == "exact_in"
        self._base = base(request, rate)
        self._best = -float("inf")
        self._solved = 0
        self.found: list[Found[L]] = []

    def over(self, chosen: tuple[int, ...], first: int, surplus: float) -> None:
        """Solve all subsets that begin with those chosen and may beat the best so far."""
        left, taken = self._wanted.ways_max - len(chosen), self._taken
        for at in range(first, len(taken)):
            ahead = sum(record.surplus for record in taken[at : at + left] if record.surplus > 0)
            if not self._promises(surplus + max(ahead, taken[at].surplus)):
                return
            way = taken[at].way
            if any(not set(way.pools).isdisjoint(taken[index].way.pools) for index in chosen):
                continue
            more, total = (*chosen, at), surplus + taken[at].surplus
            ways = [taken[index].way for index in more]
            sizes = [sized(taken[index], self._exact_in) for index in more]
            if self._fits is not None and not self._fits(ways, sizes):
                continue  # nor does anything with more swaps
            if left > 1:
                self.over(more, at + 1, total)
            if self._promises(total):
                self._solve(ways)

    def _promises(self, surplus: float) -> bool:
        if self._solved >= SOLVED_MAX:
            return False
        bound = self._base + surplus
        return bound > self._best * (_TELLING if self._best > 0 else 2 - _TELLING)

    def _solve(self, ways: Sequence[L]) -> None:
        self._solved += 1
        found = solve(ways, self._wanted)
        if found is not None and (self._trades is None or self._trades(found)):
            self._best = max(self._best, found.value)
            self.found.append(found)
