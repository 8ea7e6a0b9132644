"""Turns tick numbers into square roots of prices and back, in Q64.64, as Raydium's CLMM does.

    sqrt(1.0001) ** tick, times 2**64

The constants are 64 bits wide and Raydium's own, so the last digits differ from those of other
pools with ticks. Source: raydium-clmm, `libraries/tick_math.rs`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

TICK_MIN: Final = -443_636
TICK_MAX: Final = 443_636
SQRT_MIN: Final = 4_295_048_016
SQRT_MAX: Final = 79_226_673_521_066_979_257_578_248_091

_REMEMBERED_MAX: Final = 65_536
_U128: Final = (1 << 128) - 1
_POWERS: Final = (
    0xFFFCB933BD6FB800,
    0xFFF97272373D4000,
    0xFFF2E50F5F657000,
    0xFFE5CACA7E10F000,
    0xFFCB9843D60F7000,
    0xFF973B41FA98E800,
    0xFF2EA16466C9B000,
    0xFE5DEE046A9A3800,
    0xFCBE86C7900BB000,
    0xF987A7253AC65800,
    0xF3392B0822BB6000,
    0xE7159475A2CAF000,
    0xD097F3BDFD2F2000,
    0xA9F746462D9F8000,
    0x70D869A156F31C00,
    0x31BE135F97ED3200,
    0x09AA508B5B85A500,
    0x005D6AF8DEDC582C,
    0x00002216E584F5FA,
)
"""1 / sqrt(1.0001) ** (2 ** n) for each bit n of a tick."""

_LOG_BITS: Final = 16
_LOG_SCALE: Final = 59_543_866_431_248
_LOG_BELOW: Final = 184_467_440_737_095_516
_LOG_ABOVE: Final = 15_793_534_762_490_258_745


@lru_cache(maxsize=_REMEMBERED_MAX)
def sqrt_at_tick(tick: int) -> int:
    """Return the square root of the price at a tick. Raises ValueError out of bounds."""
    size = -tick if tick < 0 else tick
    if size > TICK_MAX:
        msg = f"tick {tick} is out of bounds"
        raise ValueError(msg)
    # `tick_math::get_sqrt_price_at_tick`: one multiplication per set bit, each shifted down.
    ratio, bits = 1 << 64, size
    for power in _POWERS:
        if bits & 1:
            ratio = ratio * power >> 64
        bits >>= 1
        if not bits:
            break
    return _U128 // ratio if tick > 0 else ratio


def tick_at_sqrt(sqrt_price: int) -> int:
    """Return the tick whose step holds this square root of a price. Raises ValueError."""
    if not SQRT_MIN <= sqrt_price < SQRT_MAX:
        msg = f"sqrt price {sqrt_price} is out of bounds"
        raise ValueError(msg)
    # `tick_math::get_tick_at_sqrt_price`: a logarithm of 16 fractional bits, with an error bound
    # on either side. Where the bounds fall into two ticks, the upper one is tried.
    msb = sqrt_price.bit_length() - 1
    log = msb - 64 << 32
    r = sqrt_price >> msb - 63 if msb > 63 else sqrt_price << 63 - msb  # noqa: PLR2004
    # The logarithm to base 2, one bit at a time: squaring doubles it.
    for bit in range(31, 31 - _LOG_BITS, -1):
        r *= r
        more = r >> 127
        r >>= 63 + more
        log += more << bit
    log *= _LOG_SCALE
    low, high = log - _LOG_BELOW >> 64, log + _LOG_ABOVE >> 64
    if low == high or sqrt_at_tick(high) > sqrt_price:
        return low
    return high
