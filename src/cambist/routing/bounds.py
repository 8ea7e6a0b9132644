"""Looks at quotes for the last time: whom to believe, and what may be signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cambist.faults import Code, Fault, fault
from cambist.routing.paths import Carried
from cambist.values.amount import BPS_ONE, RAW_MAX, Bps, write_percent
from cambist.values.route import Absent, Mode, Quote

IMPACT_MAX_BPS: Final = Bps(5_000)
"""The greatest price impact an order may have on its own pool."""

DEVIATION_MAX_BPS: Final = Bps(2_500)
"""How much better than the one in the middle a pool may be, of three or more. What promises more
than that is broken, frozen or bait."""
_ENOUGH_TO_COMPARE: Final = 3
_PROBE_SHARE, _PROBE_MIN = 1_000, 10_000
_HUNDREDTHS: Final = 100


class Tried(msgspec.Struct, frozen=True):
    """Ways that are not too good to be true, in the order given, the others, and the best rate.

    `small` is the best that a way to be trusted makes of `probe` raw units; 0 where none does.
    """

    ways: tuple[Carried, ...]
    odd: tuple[Absent, ...]
    probe: int
    small: int

    def may_gain(self, mode: Mode, amount: int, best: int, bps: int) -> bool:
        """Whether any sharing of the amount can beat the best way by so many basis points.

        Curves only get worse, so no part of the amount finds a better rate than the probe did.
        """
        if not self.small:
            return True
        whole, more = self.small * amount * BPS_ONE, best * self.probe
        if mode == "exact_in":
            return whole > more * (BPS_ONE + bps)
        return whole < more * (BPS_ONE - bps)


def tried(carried: Sequence[Carried], mode: Mode, amount: int) -> Tried:
    """Compare ways by what they make of a small part of the amount, and doubt what stands out.

    A deep pool among shallow ones pays much more for all of it, and that is no reason for doubt.
    """
    probe = max(amount // _PROBE_SHARE, min(amount, _PROBE_MIN))
    small = [one.path.carries(mode, probe) for one in carried]
    told = sorted(one for one in small if one)
    pick = max if mode == "exact_in" else min
    if len(told) < _ENOUGH_TO_COMPARE:
        return Tried(tuple(carried), (), probe, pick(told, default=0))
    middle, whole = told[len(told) // 2], BPS_ONE + DEVIATION_MAX_BPS
    kept: list[Carried] = []
    odd: list[Absent] = []
    rates: list[int] = []
    for one, rate in zip(carried, small, strict=True):
        good = rate * BPS_ONE <= middle * whole
        if mode == "exact_out":
            good = not rate or rate * whole >= middle * BPS_ONE
        if good:
            kept.append(one)
            rates += [rate] if rate else []
            continue
        pool = one.path.pools[0]
        why = f"{pool.address} is too far from what the other pools pay."
        odd.append(Absent(pool.venue, Code.POOL_REFUSED, why, pool.program))
    return Tried(tuple(kept), tuple(odd), probe, pick(rates, default=0))


def objection_to_impact(impact_hundredths: int) -> Fault | None:
    """Return why a swap that moves its pool so much may not be traded, or None."""
    if impact_hundredths <= IMPACT_MAX_BPS * _HUNDREDTHS:
        return None
    moved, limit = write_percent(impact_hundredths), IMPACT_MAX_BPS // _HUNDREDTHS
    return fault(
        Code.NO_ROUTE, f"The order would move the price by {moved} %; the limit is {limit} %."
    )


def objection(mode: Mode, quote: Quote, bound: int) -> Fault | None:
    """Return why a quote may not be traded at this bound (raw units), or None.

    A least amount out of nothing, and a greatest amount in that no account can hold, would let
    the chain take any price.
    """
    moved = objection_to_impact(quote.impact_hundredths)
    if moved is not None:
        return moved
    if mode == "exact_in" and bound < 1:
        return fault(Code.NO_ROUTE, "The tolerance would accept nothing in return.")
    if mode == "exact_out" and bound > RAW_MAX:
        return fault(Code.NO_ROUTE, "The order may cost more than any account can hold.")
    return None
