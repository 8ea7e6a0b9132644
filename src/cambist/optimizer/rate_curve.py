"""Follows what a way brings as far as it is asked for: until a rate, or for an amount.

Floats, for they only propose: no amount comes of them without asking the pool. Only `+ - * /` and
square roots are used, which round alike on every machine.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, inf, sqrt
from typing import Any, Final

import msgspec

from cambist.curves.segments import Segment

Rate = float
"""What the next unit brings, in raw units for a raw unit, fees counted."""

Piece = tuple[float, float, float]
"""(a, b, length): a segment, its fractions divided."""

_PIECE: Final = 3
RATE_LEFT_MIN: Final = 0.5 + 1e-7
"""What the mean rate of a swap has to keep of the rate it begins at: the limit of price impact."""
_NOT_YET: Final[tuple[list[Any], ...]] = ([], [], [], [])
_NEARLY: Final = 1 - 1e-6
"""An amount that is so near a limit is not held to be beyond it: the pool itself is asked."""
_SHY: Final = 1 - 1e-9
"""Where a curve ends it ends a little early: rounding must not lead beyond the true end."""


def converted(amount: int, rate: Rate) -> int:
    """Return about what an amount is worth at a rate, rounded up; raw units."""
    return ceil(amount * rate)


def _reach(piece: Piece, ahead: float, least: float) -> float:
    """Return how far a piece goes until what is `ahead` of the mean rate `least` is used up."""
    a, b, _ = piece
    ahead = max(ahead, 0.0)
    if not b:
        return ahead / (least - a)
    slope = ahead * b + a - least
    return (slope + sqrt(slope * slope + 4 * least * b * ahead)) / (2 * least * b)


def chained(first: Iterator[Piece], second: Iterator[Piece], kept: Fraction) -> Iterator[Piece]:
    """Yield the pieces of two swaps one after another, of which the second gets the part `kept`."""
    near, far, share = next(first, None), next(second, None), float(kept)
    while near is not None and far is not None:
        (a, b, length), (c, d, room) = near, far
        a *= share
        brought = a * length / (1 + b * length)
        if brought <= room:
            yield a * c, b + a * d, length
            near = next(first, None)
            far = _beyond(far, brought) if brought < room else next(second, None)
        else:
            part = room / (a - b * room)
            yield a * c, b + a * d, part
            near, far = _beyond(near, part), next(second, None)


def _beyond(piece: Piece, by: float) -> Piece | None:
    a, b, length = piece
    if by >= length:
        return None
    fallen = 1 + b * by
    return a / (fallen * fallen), b / fallen, length - by


class RateCurve(msgspec.Struct, gc=False):
    """What a way brings for what is given to it, worked out as far as it was asked for.

    It ends where the pieces do, or where the mean rate has fallen by half. `rate` is the marginal
    rate at the start, fees counted.
    """

    rate: float
    _first: Piece
    _more: Iterator[Segment] | Iterator[Piece] | None
    _least: float
    _pieces: list[Piece]
    _falls: list[float]
    _given: list[float]
    _paid: list[float]

    def _grow(self) -> bool:
        """Add a piece; `_falls` has minus the least rate up to the end of each, rising."""
        if not self._given:
            self._pieces, self._falls, self._given, self._paid = [], [], [0.0], [0.0]
            piece: Piece | None = self._first
        else:
            piece = None if self._more is None else _divided(next(self._more, None))
        if piece is None:
            self._more = None
            return False
        a, b, length = piece
        given, paid, least, falls = self._given[-1], self._paid[-1], self._least, self._falls
        fallen = 1 + b * length
        brought = a * length / fallen
        if paid + brought < least * (given + length):
            self._more = None
            length = _reach(piece, paid - least * given, least)
            if length <= 0:
                return False
            fallen = 1 + b * length
            brought = a * length / fallen
        end = -a / (fallen * fallen)
        falls.append(max(end, falls[-1]) if falls else end)
        self._pieces.append((a, b, length))
        self._given.append(given + length)
        self._paid.append(paid + brought)
        return True

    def pieces(self) -> Iterator[Piece]:
        """Yield its pieces, up to where the mean rate has fallen by half."""
        at = 0
        while at < len(self._pieces) or self._grow():
            yield self._pieces[at]
            at += 1

    def until(self, rate: float) -> tuple[float, float]:
        """Return what goes in and comes out before the marginal rate is below `rate`.

        Where a fee falls on the way, and the rate rises again, it stops before that.
        """
        while not self._falls or self._falls[-1] <= -rate:
            if not self._grow():
                return self._given[-1] * _SHY, self._paid[-1] * _SHY
        at = bisect_right(self._falls, -rate)
        a, b, _ = self._pieces[at]
        given, paid = self._given[at], self._paid[at]
        if a > rate and b:
            root = sqrt(a / rate)
            more = (root - 1) / b
            given, paid = given + more, paid + a * more / root
        return given, paid

    @property
    def depth(self) -> float:
        """About how much there is to be had, by its first piece."""
        a, b, length = self._first
        return min(a / b, 1e3 * a * length) if b else 1e3 * a * length

    def paid(self, given: float, least: float = 0) -> float:
        """Return what an amount brings; 0 where it cannot, or brings less than `least`."""
        while not self._given or self._given[-1] < given:
            if (
                not self._grow()
                or self._paid[-1] - self._falls[-1] * (given - self._given[-1]) < least
            ):
                return 0.0
        at = bisect_left(self._given, given) - 1
        a, b, _ = self._pieces[at]
        more = given - self._given[at]
        paid = self._paid[at] + a * more / (1 + b * more)
        return paid if paid >= least * _NEARLY else 0.0

    def given(self, paid: float, most: float = inf) -> float:
        """Return what an amount costs; 0 where it cannot, or costs more than `most`."""
        while not self._paid or self._paid[-1] < paid:
            if (
                not self._grow()
                or self._given[-1] - (paid - self._paid[-1]) / self._falls[-1] > most
            ):
                return 0.0
        at = bisect_left(self._paid, paid) - 1
        a, b, _ = self._pieces[at]
        more = paid - self._paid[at]
        given = self._given[at] + more / (a - b * more)
        return given if given * _NEARLY <= most else 0.0

    def rate_after(self, given: float) -> float:
        """Return the marginal rate once so much was given; 0 where that is more than it takes."""
        if not self.paid(given):
            return 0.0
        return self._rate_at(given, bisect_left(self._given, given) - 1)

    def rate_after_paid(self, paid: float) -> float:
        """Return the marginal rate once so much was paid; 0 where that is more than it has."""
        given = self.given(paid)
        return self._rate_at(given, bisect_left(self._paid, paid) - 1) if given else 0.0

    def _rate_at(self, given: float, at: int) -> float:
        a, b, _ = self._pieces[at]
        fallen = 1 + b * (given - self._given[at])
        return a / (fallen * fallen)

    def most(self, given: int) -> int:
        """Return about what an amount brings, or as much of it as the way can take."""
        return int(self.paid(given) or self._paid[-1])

    def cost_at_first(self, then: RateCurve, paid: int) -> int:
        """Return about what so much costs at the rates at the start, over this way and another."""
        return int(paid / (self.rate * then.rate))

    def mean(self, given: float) -> float:
        """Return the mean rate for an amount, or for all that the way can take."""
        paid = self.paid(given)
        return paid / given if paid else self._paid[-1] / self._given[-1]


def curve(segments: Iterator[Segment] | Iterator[Piece]) -> RateCurve | None:
    """Return the curve of these segments or pieces, or None where there are none."""
    first = _divided(next(segments, None))
    if first is None:
        return None
    # Lists of its own are made when it is first followed: of many curves few are.
    return RateCurve(first[0], first, segments, first[0] * RATE_LEFT_MIN, *_NOT_YET)


def _divided(segment: Segment | Piece | None) -> Piece | None:
    if segment is None or len(segment) == _PIECE:
        return segment
    rate, rate_of, fall, fall_of, length = segment
    return rate / rate_of, fall / fall_of, float(length)
