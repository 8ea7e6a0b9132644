"""Writes what the health check answers."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.wire.halts import HealthHalt

_encode: Final = msgspec.json.Encoder().encode


class HealthView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which parts answer: `ok`, `down` or `not_configured`; `halt` while trading is `halted`.

    `unreadable` counts the orders that were met since the start and cannot be read, if any.
    """

    status: str
    timestamp: str
    database: str
    chain: str
    redis: str | msgspec.UnsetType = msgspec.UNSET
    trading: str | msgspec.UnsetType = msgspec.UNSET
    halt: HealthHalt | None = None
    unreadable: int = 0


def write_health(health: HealthView) -> bytes:
    """Write the health of the parts."""
    return _encode(health)
