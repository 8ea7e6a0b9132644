"""Draws slow price paths from (seed, token or pair, slot), in integers.

A path is value noise: knots are hashed, and between two knots it runs straight. It stands still
within a step of STEP_SLOTS slots. The budget below keeps any pool's price from moving more than
1 bp (100 ppm) a step, so that a tight tolerance never fails by drift alone:

    two tokens   2 x 28 ppm   (100,000 ppm between the furthest knots, 3,600 steps apart)
    the venue        20 ppm   ( 48,000 ppm, 2,400 steps apart)
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

from cambist.paper.tokens import STOCKS
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.token import BONK, ETH, JUP, RAY, SOL, USDC, USDT

STEP_SLOTS: Final = 100
DRIFT_MAX_PPM_PER_STEP: Final = 100
PPM_ONE: Final = 1_000_000
PICO: Final = 10**12
"""Reference prices are whole dollars times this."""

_SWING_PPM: Final = 50_000
_SWING_STEPS: Final = 3_600
_WIDE_LOW_PPM, _WIDE_HIGH_PPM, _CLOSE_HIGH_PPM = 20_000, 48_000, 3_000
_SPREAD_STEPS: Final = 2_400
_PATHS_REMEMBERED_MAX: Final = 4_096

_AAPL, _TSLA, _GOOG = STOCKS
_REFERENCE_PICO: Final[dict[Address, int]] = {
    SOL.mint: 145 * PICO,
    USDC.mint: PICO,
    USDT.mint: PICO,
    RAY.mint: 2 * PICO,
    JUP.mint: 8 * PICO // 10,
    BONK.mint: 2 * PICO // 100_000,
    ETH.mint: 3_000 * PICO,
    _AAPL.mint: 230 * PICO,
    _TSLA.mint: 250 * PICO,
    _GOOG.mint: 180 * PICO,
}


@lru_cache(maxsize=_PATHS_REMEMBERED_MAX)
def reference_pico(mint: Address) -> int:
    """Return a token's reference price in millionths of a millionth of a dollar.

    An unlisted token costs between a cent and a hundred dollars, as its mint decides.
    """
    known = _REFERENCE_PICO.get(mint)
    if known is not None:
        return known
    drawn = _hash(0, "reference", mint, 0)
    cents_hundredths = (100 + drawn % 900) * (1, 10, 100, 1_000)[drawn // 900 % 4]
    return cents_hundredths * PICO // 10_000


@lru_cache(maxsize=_PATHS_REMEMBERED_MAX)
def price_pico(seed: int, mint: Address, step: int) -> int:
    """Return a token's price in a step: its reference, give or take 5 %."""
    swing = _path(seed, "swing", mint, step, _SWING_STEPS)
    return reference_pico(mint) * (PPM_ONE + swing) // PPM_ONE


@lru_cache(maxsize=_PATHS_REMEMBERED_MAX)
def spread_ppm(seed: int, pair: str, step: int) -> int:
    """Return by how much the first venue's price is above the second's, in parts per million.

    Two knots of three are 2 to 5 % wide and the others close, which leaves the venues 2 to 5 %
    apart about half of the time.
    """
    return _path(seed, "spread", pair, step, _SPREAD_STEPS)


def step_of(slot: Slot) -> int:
    """Return the step a slot lies in."""
    return slot // STEP_SLOTS


def _path(seed: int, kind: str, name: str, step: int, spacing: int) -> int:
    """Return the path's value in a step; every path turns at steps of its own."""
    shifted = step + _hash(seed, f"{kind} phase", name, 0) % spacing
    knot, along = divmod(shifted, spacing)
    here, there = _knot(seed, kind, name, knot), _knot(seed, kind, name, knot + 1)
    return here + (there - here) * along // spacing


@lru_cache(maxsize=_PATHS_REMEMBERED_MAX)
def _knot(seed: int, kind: str, name: str, knot: int) -> int:
    drawn = _hash(seed, kind, name, knot)
    if kind == "swing":
        return drawn % (2 * _SWING_PPM + 1) - _SWING_PPM
    sign, drawn = (1 if drawn & 1 else -1), drawn >> 1
    if drawn % 3 == 0:
        return sign * (drawn // 3 % _CLOSE_HIGH_PPM)
    return sign * (_WIDE_LOW_PPM + drawn // 3 % (_WIDE_HIGH_PPM - _WIDE_LOW_PPM))


def _hash(seed: int, kind: str, name: str, number: int) -> int:
    text = f"{seed}\n{kind}\n{name}\n{number}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
