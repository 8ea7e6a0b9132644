"""Reads and writes what pools of the newer release have beside: fee side, moving fee, orders."""

from __future__ import annotations

import struct
from typing import Final

from cambist.curves.tick_walk_state import ClmmVolatility, Release2026Features, TickOrders
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected

_VOLATILITY: Final = struct.Struct("<HHHIIiIIQ")
VOLATILITY_BYTES: Final = 80
_SIDES: Final = 3
_U32: Final = (1 << 32) - 1


def read(
    fee_on: int, volatility: bytes, orders: tuple[tuple[int, TickOrders], ...], spacing: int
) -> Release2026Features | None:
    """Return what is in use of the newer release, or None. Raises PoolRejected."""
    if fee_on >= _SIDES:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "side of the fee")
    moving = None
    if any(volatility):
        moving = ClmmVolatility(*_VOLATILITY.unpack_from(volatility))
        # The bytes behind are reserved: what they may come to mean is not known.
        if any(volatility[_VOLATILITY.size :]) or moving.accumulator_max * spacing > _U32:
            raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "moving fee")
    if not fee_on and moving is None and not orders:
        return None
    return Release2026Features(fee_on, moving, orders)


def write(volatility: ClmmVolatility | None) -> bytes:
    """Return the bytes of the moving fee; all zero where there is none."""
    if volatility is None:
        return bytes(VOLATILITY_BYTES)
    return _VOLATILITY.pack(*volatility).ljust(VOLATILITY_BYTES, b"\0")
