"""Computes swaps on a curve that is flat where both reserves are alike, and steep at its ends.

With A the amplification, x and y the reserves in one common unit, D their sum at balance

    2A(x + y) + D = 2AD + D^3 / (4xy)

D and y are found by Newton's method, in the steps and roundings of Saber's stable swap, which
Meteora's DAMM v1 uses: numbers of 192 bits, and a swap whose numbers do not fit is no swap.
"""

from __future__ import annotations

from typing import Final

_ROUNDS_MAX: Final = 256
_U192: Final = (1 << 192) - 1
_U128: Final = (1 << 128) - 1
_U64: Final = (1 << 64) - 1


class NoSwap(ValueError):
    """The program's arithmetic has no answer: a number does not fit, or nothing would be paid."""


def paid(amp: int, given: int, x: int, y: int) -> int:
    """Return what so much given pays, out of reserves, all in the common unit. Raises NoSwap."""
    # One unit less than the curve says: the program keeps it against its own rounding.
    left = _other(amp, _fit(x + given, _U128), invariant(amp, x, y))
    brought = y - left - 1
    if brought < 0:
        raise NoSwap
    return brought


def invariant(amp: int, x: int, y: int) -> int:
    """Return D of these reserves. Raises NoSwap."""
    # `compute_d`. Newton's method from the sum; it ends when two rounds differ by at most one.
    total, ann = _fit(x + y, _U128), _fit(2 * amp, _U64)
    if x <= 0 or y <= 0 or ann <= 0:
        raise NoSwap
    twice_x, twice_y, leverage = _fit(2 * x, _U128), _fit(2 * y, _U128), _fit(total * ann, _U128)
    d = total
    for _ in range(_ROUNDS_MAX):
        product = _fit(d * d, _U192) // twice_x
        product = _fit(product * d, _U192) // twice_y
        before = d
        above = _fit(d * _fit(2 * product + leverage, _U192), _U192)
        below = _fit(_fit(d * (ann - 1), _U192) + _fit(3 * product, _U192), _U192)
        if not below:
            raise NoSwap
        d = above // below
        if abs(d - before) <= 1:
            break
    return d


def first_rate(amp: int, x: int, y: int) -> tuple[int, int]:
    """Return what the first unit given pays, as a fraction. Raises NoSwap."""
    d = invariant(amp, x, y)
    flat, cube = 8 * amp * x * x * y * y, d * d * d
    return flat + cube * y, flat + cube * x


def _other(amp: int, x: int, d: int) -> int:
    """Return the other reserve beside x. Raises NoSwap."""
    ann = _fit(2 * amp, _U64)
    # `compute_y`. The order of the divisions is the program's; another order rounds differently.
    c = _fit(d * d, _U192) // _fit(2 * x, _U128)
    c = _fit(c * d, _U192) // _fit(2 * ann, _U64)
    b = _fit(d // ann + x, _U192)
    y = d
    for _ in range(_ROUNDS_MAX):
        before = y
        below = _fit(2 * y + b, _U192) - d
        if below <= 0:
            raise NoSwap
        y = _fit(_fit(y * y, _U192) + c, _U192) // below
        if abs(y - before) <= 1:
            break
    return _fit(y, _U128)


def _fit(value: int, most: int) -> int:
    if value > most:
        raise NoSwap
    return value
