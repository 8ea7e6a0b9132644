"""Shares one amount over several ways, so that the last unit is worth the same on each.

All of it begins on the best way alone. As long as it pays, a part moves from one way to another:
first a quarter of the amount, then half of that, and so on. Amounts are whole raw units and only
strict gains are taken, so the parts add up and the result is never worse than the best way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cambist.routing.paths import Carried, Path
from cambist.values.route import Mode

FIRST_PART: Final = 4
SMALLEST_PART: Final = 512
"""The first share that is moved is a fourth of the amount, the last one a 512th."""
MOVES_MAX: Final = 64


class Share(msgspec.Struct, frozen=True):
    """A way with its part: `amount` in the sized token, `other` in the other; raw units."""

    path: Path
    amount: int
    other: int


class Split(msgspec.Struct, frozen=True):
    """Shares that add up to the amount, and what they bring or cost together."""

    shares: tuple[Share, ...]

    @property
    def other(self) -> int:
        """What the shares bring (exact_in) or cost (exact_out) together."""
        return sum(one.other for one in self.shares)

    @property
    def legs(self) -> int:
        """How many swaps it takes."""
        return sum(len(one.path.pools) for one in self.shares)


class Wanted(msgspec.Struct, frozen=True):
    """What is to be shared: how much, over how many ways, and what a swap more has to earn.

    `leg_cost` is in raw units of the token that is not sized.
    """

    mode: Mode
    amount: int
    ways_max: int
    leg_cost: int = 0


def split(carried: Sequence[Carried], wanted: Wanted) -> Split:
    """Return the best sharing found, net of the cost of its swaps; `carried` is best first.

    Raises ValueError when there is nothing to share over.
    """
    if not carried:
        msg = "no way carries the amount"
        raise ValueError(msg)
    alone = min(
        (Split((Share(one.path, wanted.amount, one.amount),)) for one in carried),
        key=lambda one: _loss(one, wanted),
    )
    if wanted.ways_max == 1 or len(carried) == 1:
        return alone
    paths = [alone.shares[0].path]
    paths += [one.path for one in carried if not one.path.shares_a_pool(paths[0])]
    shared = _Sharing(paths, wanted, alone.shares[0].other).settle()
    return shared if _loss(shared, wanted) < _loss(alone, wanted) else alone


def _loss(one: Split, wanted: Wanted) -> int:
    """Return what is to be small: minus what comes in, or what goes out; plus the costs."""
    other = -one.other if wanted.mode == "exact_in" else one.other
    return other + (one.legs - 1) * wanted.leg_cost


class _Sharing:
    """The amounts while they are being shared."""

    def __init__(self, paths: Sequence[Path], wanted: Wanted, other: int) -> None:
        self._paths = paths
        self._wanted = wanted
        self._sign = 1 if wanted.mode == "exact_in" else -1
        self._amounts = [wanted.amount] + [0] * (len(paths) - 1)
        self._others = [other] + [0] * (len(paths) - 1)

    def settle(self) -> Split:
        """Move parts while it pays.

        Where the smallest part is not worth moving, a greater one is not: curves only get worse.
        """
        part, moves = self._wanted.amount // FIRST_PART, 0
        least = max(self._wanted.amount // SMALLEST_PART, 1)
        if not self._move(least):
            part = 0
        while part >= least and moves < MOVES_MAX:
            if self._move(part):
                moves += 1
            else:
                part //= 2
        self._drop_the_idle()
        return Split(
            tuple(
                Share(path, amount, other)
                for path, amount, other in zip(
                    self._paths, self._amounts, self._others, strict=True
                )
                if amount
            )
        )

    def _move(self, part: int) -> bool:
        """Move one part from where it brings least to where it brings most, if that gains."""
        taken = [
            (self._change(at, -part), at) for at, held in enumerate(self._amounts) if held >= part
        ]
        losses = [(loss, at) for loss, at in taken if loss is not None]
        if not losses:
            return False
        loss, source = max(losses)
        gains = [
            (gain, -at)
            for at in range(len(self._paths))
            if at != source and self._may_carry(at)
            if (gain := self._change(at, part)) is not None
        ]
        if not gains:
            return False
        gain, back = max(gains)
        target = -back
        cost = (
            0 if self._amounts[target] else len(self._paths[target].pools) * self._wanted.leg_cost
        )
        if gain + loss <= cost:
            return False
        for at, change in ((source, -part), (target, part)):
            self._amounts[at] += change
            self._others[at] = self._carried(at, self._amounts[at])
        return True

    def _may_carry(self, at: int) -> bool:
        """Whether a way has a part already, or may get one beside those that have."""
        if self._amounts[at]:
            return True
        used = [path for path, held in zip(self._paths, self._amounts, strict=True) if held]
        path = self._paths[at]
        return len(used) < self._wanted.ways_max and not any(map(path.shares_a_pool, used))

    def _change(self, at: int, by: int) -> int | None:
        """Return what a way brings more (a cost less) with so much more; None: it cannot."""
        amount = self._amounts[at] + by
        other = self._carried(at, amount)
        if amount and not other:
            return None
        return self._sign * (other - self._others[at])

    def _carried(self, at: int, amount: int) -> int:
        return self._paths[at].carries(self._wanted.mode, amount) if amount else 0

    def _drop_the_idle(self) -> None:
        """Give the part of a way that does not earn its swaps to the way that holds most."""
        most = max(range(len(self._amounts)), key=self._amounts.__getitem__)
        for at, held in enumerate(self._amounts):
            if at == most or not held:
                continue
            gained = self._change(most, held)
            cost = len(self._paths[at].pools) * self._wanted.leg_cost
            if gained is not None and gained - self._sign * self._others[at] + cost > 0:
                self._amounts[most] += held
                self._others[most] = self._carried(most, self._amounts[most])
                self._amounts[at] = self._others[at] = 0
