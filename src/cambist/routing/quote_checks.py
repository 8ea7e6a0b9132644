"""Rejects pools that are outliers, and quotes whose impact or bound must not be signed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from cambist.faults import Code, Fault, fault
from cambist.optimizer.clearing import SplitRequest
from cambist.optimizer.outliers import find_outliers
from cambist.routing.exclusion_codes import OFF_MARKET
from cambist.routing.paths import Way
from cambist.values.amount import BPS_ONE, RAW_MAX, Bps, write_percent
from cambist.values.route import Quote, QuoteFailure, SwapMode

IMPACT_MAX_BPS: Final = Bps(5_000)
"""The greatest price impact an order may have on its own pool."""

DEVIATION_MAX_BPS: Final = Bps(2_500)
"""How much better than the one in the middle a pool may be, of three or more. What promises more
than that is broken, frozen or bait."""
_DEVIATION_MAX: Final = Fraction(DEVIATION_MAX_BPS, BPS_ONE)
_HUNDREDTHS: Final = 100


def screen_outliers(
    ways: Sequence[Way], request: SplitRequest
) -> tuple[list[Way], tuple[QuoteFailure, ...]]:
    """Return the ways that are not too good to be true, in the order given, and the others."""
    out = find_outliers(ways, request, _DEVIATION_MAX)
    if not out:
        return list(ways), ()
    left = {id(outlier) for outlier in out}
    absent = []
    for outlier in out:
        pool = outlier.path.pools[0]
        why = f"{pool.address} is too far from what the other pools pay."
        absent.append(QuoteFailure(pool.venue, Code.POOL_REFUSED, why, pool.program, OFF_MARKET))
    return [path for path in ways if id(path) not in left], tuple(absent)


def reject_reason_for_impact(impact_hundredths: int | None) -> Fault | None:
    """Return why a swap that moves its pool so much may not be traded, or None.

    Dust, of which nobody can say how much it moves, is not held to the limit.
    """
    if impact_hundredths is None or impact_hundredths <= IMPACT_MAX_BPS * _HUNDREDTHS:
        return None
    moved, limit = write_percent(impact_hundredths), IMPACT_MAX_BPS // _HUNDREDTHS
    return fault(
        Code.NO_ROUTE, f"The order would move the price by {moved} %; the limit is {limit} %."
    )


def reject_reason(mode: SwapMode, quote: Quote, bound: int) -> Fault | None:
    """Return why a quote may not be traded at this bound (raw units), or None.

    A least amount out of nothing, and a greatest amount in that no account can hold, would let
    the chain take any price.
    """
    moved = reject_reason_for_impact(quote.impact_hundredths)
    if moved is not None:
        return moved
    if mode == "exact_in" and bound < 1:
        return fault(Code.NO_ROUTE, "The tolerance would accept nothing in return.")
    if mode == "exact_out" and bound > RAW_MAX:
        return fault(Code.NO_ROUTE, "The order may cost more than any account can hold.")
    return None
