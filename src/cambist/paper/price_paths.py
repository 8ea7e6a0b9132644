"""Draws slow price paths from (seed, token, slot), and the shocks that leave them, in integers.

A path is value noise: knots are hashed, and between two knots it runs straight. It stands still
within a step of STEP_SLOTS slots. Two tokens move a pair by 2 x 28 ppm a step at most (100,000 ppm
between the furthest knots, 3,600 steps apart), so that a tight tolerance never fails by drift
alone: the budget is 1 bp (100 ppm).

A price of a pair is the ratio of two tokens' prices, so that all pairs agree whatever way is taken
from one token to another. A shock moves what one token costs at one venue by 2 to 5 %, at once; it
fades by half every SHOCK_HALF_LIFE_SLOTS slots, and is over after SHOCK_SLOTS.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from cambist.paper.decay import PPB_ONE, left_ppb
from cambist.paper.tokens import DEC0, DEC2, STOCKS
from cambist.values.ids import Address
from cambist.values.time_units import Slot
from cambist.values.token import BONK, ETH, JUP, RAY, SOL, USDC, USDT

STEP_SLOTS: Final = 100
DRIFT_MAX_PPM_PER_STEP: Final = 100
PPM_ONE: Final = 1_000_000
PICO: Final = 10**12
"""Reference prices are whole dollars times this."""

_SWING_PPM: Final = 50_000
_SWING_STEPS: Final = 3_600
SHOCK_LOW_PPM, SHOCK_HIGH_PPM = 20_000, 50_000
SHOCK_HALF_LIFE_SLOTS: Final = 200
SHOCK_SLOTS: Final = 2_000
"""How long a shock lasts: ten half-lives leave less than 0.5 bps of it."""
SHOCK_WINDOW_SLOTS: Final = 6_000
"""Each token that may be shocked is, once in so many slots; a new market has none in the first."""
_SHOCK_TICK_SLOTS: Final = 10
"""A shock fades in ticks of so many slots, and pools stand still between two of them."""
_PATHS_REMEMBERED_MAX: Final = 4_096

_AAPL, _TSLA, _GOOG = STOCKS
_STEADY: Final = frozenset({USDC.mint, USDT.mint})
"""No shock strikes the dollars: one would move all prices of a venue at once."""
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
    DEC0.mint: 50 * PICO,
    DEC2.mint: PICO,
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


class Shock(NamedTuple):
    """A jump of what a token costs at a venue: where, when, and how far at first."""

    venue: str
    slot: int
    ppm: int


@lru_cache(maxsize=_PATHS_REMEMBERED_MAX)
def shock_of(seed: int, venues: tuple[str, ...], mint: Address, window: int) -> Shock | None:
    """Return the one shock of a token in a window of SHOCK_WINDOW_SLOTS slots; it ends within."""
    if window == 0 or mint in _STEADY:
        return None
    drawn = _hash(seed, "shock", mint, window)
    drawn, up = divmod(drawn, 2)
    drawn, venue = divmod(drawn, len(venues))
    drawn, later = divmod(drawn, SHOCK_WINDOW_SLOTS - SHOCK_SLOTS)
    ppm = SHOCK_LOW_PPM + drawn % (SHOCK_HIGH_PPM - SHOCK_LOW_PPM + 1)
    return Shock(venues[venue], window * SHOCK_WINDOW_SLOTS + later, ppm if up else -ppm)


def shock_ppm(seed: int, venues: tuple[str, ...], venue: str, mint: Address, slot: Slot) -> int:
    """Return by how much a token's price at a venue is off at a slot, in parts per million."""
    shock = shock_of(seed, venues, mint, slot // SHOCK_WINDOW_SLOTS)
    if shock is None or shock.venue != venue or not 0 <= slot - shock.slot < SHOCK_SLOTS:
        return 0
    ticks = (slot - shock.slot) // _SHOCK_TICK_SLOTS
    left = abs(shock.ppm) * left_ppb(ticks * _SHOCK_TICK_SLOTS, SHOCK_HALF_LIFE_SLOTS) // PPB_ONE
    return left if shock.ppm > 0 else -left


def shock_span(
    seed: int, venues: tuple[str, ...], venue: str, mint: Address, slot: Slot
) -> tuple[int, int]:
    """Return from which slot on and until which one (excluded) `shock_ppm` is what it is at one."""
    window = slot // SHOCK_WINDOW_SLOTS
    begins, ends = window * SHOCK_WINDOW_SLOTS, (window + 1) * SHOCK_WINDOW_SLOTS
    shock = shock_of(seed, venues, mint, window)
    if shock is None or shock.venue != venue:
        return begins, ends
    over = shock.slot + SHOCK_SLOTS
    if slot < shock.slot:
        return begins, shock.slot
    if slot >= over:
        return over, ends
    ticks = (slot - shock.slot) // _SHOCK_TICK_SLOTS
    begins = shock.slot + ticks * _SHOCK_TICK_SLOTS
    return begins, min(begins + _SHOCK_TICK_SLOTS, over)


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
    return drawn % (2 * _SWING_PPM + 1) - _SWING_PPM


def _hash(seed: int, kind: str, name: str, number: int) -> int:
    text = f"{seed}\n{kind}\n{name}\n{number}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
