"""Shares one amount over several ways, so that the last unit is worth the same on each.

What the search proposes is made whole here: parts in raw units that add up to the amount, and what
the pools themselves say that these bring or cost.
"""

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

    The greatest comes first: in this order they are written into the route, and told.
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
    parts = [int(siz) for siz in found.sizes]
    paths, rest = [path.path for path in found.ways], amount - sum(parts)
    # What is left goes to the greatest part that has room for it: one may be at its pool's end.
    order = sorted(range(len(parts)), key=lambda number: -parts[number])
    at = next((one for one in order if paths[one].swap_amount(mode, parts[one] + rest)), order[0])
    parts[at] += rest
    shares = [
        PathShare(path, part, path.swap_amount(mode, part))
        for path, part in zip(paths, parts, strict=True)
        if part > 0
    ]
    if any(not share.other for share in shares):
        # A part that is too small for its pool, most of all: without it, then.
        able = [one.path for one in shares if one.other]
        ways = [one for one in found.ways if one.path in able]
        again = solve(ways, request) if able else None
        return None if again is None else _finish(again, request)
    if len(shares) > 1:
        if amount < FEW_UNITS:
            shares = trade_units(shares, mode, amount)
        if sum(one.other for one in shares) < FEW_UNITS:
            shares = reclaim_rounding(shares, mode)
    return Split(tuple(sorted(shares, key=greatest_first)))


def greatest_first(share: PathShare) -> tuple[int, list[tuple[str, str, Address]]]:
    """Sort shares: the greatest part first, equal ones by venue and program."""
    return -share.amount, [(pool.venue, pool.program, pool.address) for pool in share.path.pools]
