"""Moves single raw units between the parts of a split, where a token has few of them."""

from __future__ import annotations

from itertools import permutations
from typing import Final

import msgspec

from cambist.routing.paths import PoolPath
from cambist.values.route import SwapMode

FEW_UNITS: Final = 1 << 20
"""Below so many raw units of a token single units are worth moving: a millionth each."""
_FIRST_STEP: Final = 64
_STEPS_MAX: Final = 24


class PathShare(msgspec.Struct, frozen=True):
    """A way with its part: `amount` in the sized token, `other` in the other; raw units."""

    path: PoolPath
    amount: int
    other: int


def trade_units(shares: list[PathShare], mode: SwapMode, amount: int) -> list[PathShare]:
    """Move whole units of the sized token from share to share, as long as that gains."""
    sign = 1 if mode == "exact_in" else -1
    parts, others = [share.amount for share in shares], [share.other for share in shares]
    asks = [share.path.swap_amount for share in shares]
    step = max(amount // _FIRST_STEP, 1)
    for _ in range(_STEPS_MAX):
        moves = []
        for source, target in permutations(range(len(shares)), 2):
            left, more = parts[source] - step, parts[target] + step
            if left <= 0:
                continue
            less, much = asks[source](mode, left), asks[target](mode, more)
            if less and much:
                gain = sign * (less + much - others[source] - others[target])
                moves.append((gain, source, target, less, much))
        gain, source, target, less, much = max(moves, default=(0, 0, 0, 0, 0))
        if gain > 0:
            parts[source], parts[target] = parts[source] - step, parts[target] + step
            others[source], others[target] = less, much
        elif step == 1:
            break
        else:
            step //= 4
            step = max(step, 1)
    return [
        PathShare(share.path, part, other)
        for share, part, other in zip(shares, parts, others, strict=True)
    ]


def reclaim_rounding(shares: list[PathShare], mode: SwapMode) -> list[PathShare]:
    """Lose nothing to rounding where the other token has few units.

    Each share gives back what its whole units do not need; together that pays for a unit more
    where it costs least, or units change places as long as that leaves more. For exact amounts out
    the same is done with the units that are to be paid.
    """
    sign = 1 if mode == "exact_in" else -1
    others, tight = [share.other for share in shares], [share.amount for share in shares]
    for at, share in enumerate(shares):
        least = _needed(share.path, mode, share.other)
        if least is not None and sign * (share.amount - least) > 0:
            tight[at] = least
    slack = sign * (sum(share.amount for share in shares) - sum(tight))
    for _ in range(_STEPS_MAX):
        ups, downs = [], [(0, -1, 0)]
        for at, share in enumerate(shares):
            up = _needed(share.path, mode, others[at] + sign)
            down = _needed(share.path, mode, others[at] - sign)
            ups += [] if up is None else [(sign * (up - tight[at]), at, up)]
            downs += [] if down is None else [(sign * (tight[at] - down), at, down)]
        (cost, to, up_to), (spared, source, down_to) = min(ups, default=(0, -1, 0)), max(downs)
        if to < 0 or (cost > slack and (source in {-1, to} or spared <= cost)):
            break
        if cost > slack:
            tight[source], others[source] = down_to, others[source] - sign
            slack += spared
        tight[to], others[to] = up_to, others[to] + sign
        slack -= cost
    return _with_the_rest(shares, mode, (tight, others), slack)


def _needed(path: PoolPath, mode: SwapMode, other: int) -> int | None:
    """Return the least in for so much out, or the most out for so much in; None: none is known."""
    back: SwapMode = "exact_out" if mode == "exact_in" else "exact_in"
    if len(path.pools) > 1 or other <= 0:
        return None
    found, sign = path.swap_amount(back, other), 1 if mode == "exact_in" else -1
    return found if found and sign * (path.swap_amount(mode, found) - other) >= 0 else None


def _with_the_rest(
    shares: list[PathShare], mode: SwapMode, now: tuple[list[int], list[int]], slack: int
) -> list[PathShare]:
    """Put what is left over where nothing is lost by it; keep the shares if they were better."""
    sign, (tight, others) = 1 if mode == "exact_in" else -1, now
    for at in sorted(range(len(shares)), key=lambda number: -tight[number]):
        amount = tight[at] + sign * slack
        if amount <= 0 or sign * (shares[at].path.swap_amount(mode, amount) - others[at]) < 0:
            continue
        tight[at] = amount
        moved = [
            PathShare(share.path, part, share.path.swap_amount(mode, part))
            for share, part in zip(shares, tight, strict=True)
        ]
        gained = sign * sum(
            after.other - before.other for after, before in zip(moved, shares, strict=True)
        )
        return moved if gained > 0 and all(share.other for share in moved) else shares
    return shares
