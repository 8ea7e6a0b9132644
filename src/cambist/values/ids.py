"""Gives every identifier a type of its own, and makes and checks the ones we mint."""

from __future__ import annotations

import re
from typing import NewType

OrderId = NewType("OrderId", str)
"""A UUID version 7 in its canonical text form; sorts by the time it was made."""

Principal = NewType("Principal", str)
"""Who an order belongs to. Until API keys exist there is one: `LOCAL`."""

Address = NewType("Address", str)
"""A Solana public key in base58: a wallet, a mint or a pool."""

Signature = NewType("Signature", str)
"""A transaction's first signature in base58; known before the transaction is sent."""

LOCAL = Principal("local")

ENTROPY_BITS = 74
_MOMENT_BITS_MAX = 48
_ORDER_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)


def order_id(at_ms: int, entropy: int) -> OrderId:
    """Make the UUIDv7 (RFC 9562, 5.7) of an instant in epoch milliseconds and 74 random bits.

    Raises ValueError when either does not fit.
    """
    if at_ms >> _MOMENT_BITS_MAX or entropy >> ENTROPY_BITS or at_ms < 0 or entropy < 0:
        msg = f"a UUIDv7 holds 48 bits of time and {ENTROPY_BITS} of chance"
        raise ValueError(msg)
    high, low = entropy >> 62, entropy & ((1 << 62) - 1)
    text = f"{at_ms << 80 | 7 << 76 | high << 64 | 2 << 62 | low:032x}"
    return OrderId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def read_order_id(text: str) -> OrderId | None:
    """Return the text as an order id, or None when no order can have it."""
    return OrderId(text) if _ORDER_ID.fullmatch(text) else None
