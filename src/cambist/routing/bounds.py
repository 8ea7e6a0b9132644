"""Looks at a chosen quote for the last time before anything is signed."""

from __future__ import annotations

from typing import Final

from cambist.faults import Code, Fault, fault
from cambist.values.amount import RAW_MAX, Bps, write_percent
from cambist.values.route import Mode, Quote

IMPACT_MAX_BPS: Final = Bps(5_000)
"""The greatest price impact an order may have on its own pool."""

_HUNDREDTHS: Final = 100


def objection(mode: Mode, quote: Quote, bound: int) -> Fault | None:
    """Return why a quote may not be traded at this bound (raw units), or None.

    A least amount out of nothing, and a greatest amount in that no account can hold, would let
    the chain take any price.
    """
    if quote.impact_hundredths > IMPACT_MAX_BPS * _HUNDREDTHS:
        moved, limit = write_percent(quote.impact_hundredths), IMPACT_MAX_BPS // _HUNDREDTHS
        return fault(
            Code.NO_ROUTE,
            f"The order would move the price by {moved} %; the limit is {limit} %.",
        )
    if mode == "exact_in" and bound < 1:
        return fault(Code.NO_ROUTE, "The tolerance would accept nothing in return.")
    if mode == "exact_out" and bound > RAW_MAX:
        return fault(Code.NO_ROUTE, "The order may cost more than any account can hold.")
    return None
