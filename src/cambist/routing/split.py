"""Shares one amount over several ways, so that the last unit is worth the same on each.

What the search proposes is made whole here: parts in raw units that add up to the amount, and what
the pools themselves say that these bring or cost.
"""

# The search (optimizer/subsets.py) works with curves and floats. It returns subsets of ways with a
# size for each, the best first, and those sizes neither are whole nor count every rounding of a
# pool. This module turns a few of them into sharings that can be traded:
#
# 1. The sizes are cut to whole raw units. What is left of the amount goes to the greatest part
#    whose pool still has room for it: the greatest part of a capped pool may be at its very end.
# 2. The pools are asked what each part brings or costs. From here on only their answers count.
# 3. A pool may refuse its part, most often as dust. Then the amount is shared again over the other
#    ways of the subset. Where they cannot carry it, the sharing is given up.
# 4. Where a token has few units, single units are moved between the parts (routing/rounding.py): a
#    unit may be worth more than all the search has gained.
#
# FINISHED_MAX sharings are finished, since rounding may change the order of the best few. Only
# sharings that trade count towards it. A refused one would take a slot, and there are orders whose
# best subsets all contain the same pool that refuses; they would get no route although others could
# carry them.
#
# A refused sharing does a second kind of harm. The search follows no subset whose bound is below
# the value of the best subset so far. If that best one cannot be traded, it has hidden others that
# can. So where one was refused, the search is repeated and asks the pools about each subset it
# solves. That costs swaps of every solved subset, and is not done otherwise.

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cambist.optimizer.clearing import Found, SplitRequest, solve
from cambist.optimizer.subsets import Fits, best_subsets
from cambist.routing.paths import Way
from cambist.routing.rounding import FEW_UNITS, PathShare, reclaim_rounding, trade_units
from cambist.values.ids import Address

FINISHED_MAX: Final = 3
"""Sharings that are worked out to the unit."""


class Split(msgspec.Struct, frozen=True):
    """Shares that add up to the amount, and what they bring or cost together.

    The greatest comes first. The route and its reason have them in this order.
    """

    shares: tuple[PathShare, ...]

    @property
    def other(self) -> int:
        """What the shares bring (exact_in) or cost (exact_out) together."""
        return sum(share.other for share in self.shares)

    @property
    def legs(self) -> int:
        """How many swaps it takes."""
        return sum(len(share.path.pools) for share in self.shares)

    @property
    def cost(self) -> int:
        """What the swaps cost together, in raw units of the token that is not sized."""
        return sum(share.path.cost for share in self.shares)


def split(ways: Sequence[Way], request: SplitRequest, fits: Fits[Way] | None = None) -> list[Split]:
    """Return sharings whose swaps fit, the best first; none where these ways cannot carry it all.

    `ways` is sorted by the rate at the start, the best first.
    """
    finished, has_refused = _finish_best(best_subsets(ways, request, fits), request)
    if has_refused:
        # The bound of a sharing that cannot be traded has hidden others that can. Asking the pools
        # during the search costs swaps of every subset, so it is done only when one was refused.
        found = best_subsets(ways, request, fits, lambda each: _finish(each, request) is not None)
        finished, _ = _finish_best(found, request)
    return sorted(finished, key=lambda sharing: loss(sharing, request))


def _finish_best(likely: Sequence[Found[Way]], request: SplitRequest) -> tuple[list[Split], bool]:
    """Return the first few sharings that can be traded, and whether one before them cannot.

    A sharing that a pool refuses, as dust for instance, takes no slot of those that trade.
    """
    finished: list[Split] = []
    has_refused = False
    for found in likely:
        sharing = _finish(found, request)
        if sharing is None:
            has_refused = True
            continue
        finished.append(sharing)
        if len(finished) == FINISHED_MAX:
            break
    return finished, has_refused


def loss(found: Split, request: SplitRequest) -> int:
    """Return what is to be small: what goes out, or minus what comes in; plus the swaps' costs."""
    return found.cost - found.other if request.mode == "exact_in" else found.cost + found.other


def _finish(found: Found[Way], request: SplitRequest) -> Split | None:
    """Return whole raw units that add up, and what the pools themselves say they bring or cost."""
    mode, amount = request.mode, request.amount
    parts = [int(size) for size in found.sizes]
    paths, rest = [path.path for path in found.ways], amount - sum(parts)
    # What is left goes to the greatest part that has room for it: one may be at its pool's end.
    order = sorted(range(len(parts)), key=lambda number: -parts[number])
    at = next(
        (number for number in order if paths[number].swap_amount(mode, parts[number] + rest)),
        order[0],
    )
    parts[at] += rest
    shares = [
        PathShare(path, part, path.swap_amount(mode, part))
        for path, part in zip(paths, parts, strict=True)
        if part > 0
    ]
    if any(not share.other for share in shares):
        # A part that is too small for its pool, most of all: without it, then.
        able = [share.path for share in shares if share.other]
        ways = [way for way in found.ways if way.path in able]
        again = solve(ways, request) if able else None
        return None if again is None else _finish(again, request)
    if len(shares) > 1:
        if amount < FEW_UNITS:
            shares = trade_units(shares, mode, amount)
        if sum(share.other for share in shares) < FEW_UNITS:
            shares = reclaim_rounding(shares, mode)
    return Split(tuple(sorted(shares, key=greatest_first)))


def greatest_first(share: PathShare) -> tuple[int, list[tuple[str, str, Address]]]:
    """Sort shares: the greatest part first, equal ones by venue and program."""
    return -share.amount, [(pool.venue, pool.program, pool.address) for pool in share.path.pools]
