"""Turns a tolerance in any of its units into basis points, always towards the stricter side.

The unit is told by the field's name: `slippage` is percent, `slippageTolerance` a fraction and
`slippageBps` basis points. `slippageUnit` says another unit for `slippage`, and a server may
be told to read a bare `slippage` as a fraction.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from cambist.faults import Code
from cambist.values.amount import BPS_ONE, write_percent
from cambist.wire.decimals import scale
from cambist.wire.order_fields import InvalidField

SlippageUnit = Literal["percent", "fraction", "bps"]

_PLACES: Final[dict[str, int]] = {"percent": 2, "fraction": 4, "bps": 0}
_RANGE: Final[dict[str, str]] = {
    "percent": "above 0 and at most 100 percent",
    "fraction": "a fraction above 0 and at most 1",
    "bps": "1 to 10000 basis points",
}
_SUSPICIOUS_BPS: Final = 2


class Tolerance(NamedTuple):
    """A tolerance in basis points, and what the client should be told about it."""

    bps: int
    warning: str | None


def read_tolerance(share: str, unit: str, name: str) -> Tolerance:
    """Return a decimal in its unit as basis points, rounded down. Raises InvalidField."""
    bps, exact = scale(share, _PLACES[unit])
    if share == "0" or bps > BPS_ONE or (bps == BPS_ONE and not exact):
        raise InvalidField(Code.INVALID_SLIPPAGE, f"{name} is {_RANGE[unit]}.")
    if (unit == "bps" and not exact) or bps < 1:
        hint = "; a fraction goes into slippageTolerance" if unit == "percent" else ""
        raise InvalidField(
            Code.INVALID_SLIPPAGE, f"{name} is at least one whole basis point{hint}."
        )
    read_as = f"{name} {share} was read as {write_percent(bps * 100)} percent"
    if unit == "percent" and bps < _SUSPICIOUS_BPS:
        advice = "if it was meant as a fraction, send slippageTolerance"
        return Tolerance(bps, f"{read_as}; {advice}")
    return Tolerance(bps, None if exact else f"{read_as}, rounded down to a whole basis point")
