"""Writes the shares of a split as legs, each with the bound that the chain holds it to."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from cambist.faults import Code, Fault, fault
from cambist.orders.intent import Intent
from cambist.routing.quote_checks import reject_reason_for_impact
from cambist.routing.rounding import PathShare
from cambist.routing.split import Split
from cambist.values.amount import RAW_MAX, RawAmount
from cambist.values.ids import Address
from cambist.values.route import Leg, SwapMode
from cambist.venues.pool import Pool, SwapResult
from cambist.venues.quoting import worst_case
from cambist.venues.snapshot import PoolRejected


class RouteLegs(msgspec.Struct, frozen=True):
    """Legs, and what they give, take and are bound to together; raw units.

    `touched` has the arrays that each leg's instruction carries.
    """

    legs: tuple[Leg, ...]
    amount_in: int
    amount_out: int
    bound: int
    touched: tuple[tuple[Address, ...], ...] = ()


def build_legs(intent: Intent, found: Split) -> RouteLegs | Fault:
    """Return the legs of a split, or why it may not be traded."""
    legs: list[Leg] = []
    touched: list[tuple[Address, ...]] = []
    given = taken = bound = 0
    for number, share in enumerate(found.shares):
        try:
            drawn = _draw(intent, share, number)
        except PoolRejected as refused:
            return refused.fault
        if isinstance(drawn, Fault):
            return drawn
        legs += drawn.legs
        touched += drawn.touched
        given += drawn.amount_in
        taken += drawn.amount_out
        bound += drawn.bound
    if bound < 1 or bound > RAW_MAX:
        return fault(Code.NO_ROUTE, "The tolerance would accept any price.")
    return RouteLegs(tuple(legs), given, taken, bound, tuple(touched))


def _draw(intent: Intent, share: PathShare, number: int) -> RouteLegs | Fault:
    mode, pools, mints = intent.mode, share.path.pools, share.path.mints
    end = intent.pair.token_out.mint
    if len(pools) == 1:
        swap = pools[0].swap(mints[0], mode, share.amount)
        least = (
            worst_case(pools[0], mints[0], mode, share.amount)
            if pools[0].is_time_dependent
            else swap
        )
        bound = intent.terms.bound(mode, least.amount_in, least.amount_out)
        leg = _leg((pools[0], mints[0], end), mode, swap, (bound, number))
        return _checked([swap], RouteLegs((leg,), swap.amount_in, swap.amount_out, bound))
    middle = share.path.hub_amount(mode, share.amount)
    first = pools[0].swap(mints[0], "exact_out", middle)
    second = pools[1].swap(mints[1], "exact_in", middle)
    if mode == "exact_in":
        # What the first half costs at most is the share itself, and what is not needed stays.
        then = worst_case(pools[1], mints[1], "exact_in", middle)
        most = share.amount
        floor = bound = intent.terms.bound("exact_in", share.amount, then.amount_out)
    else:
        then = worst_case(pools[0], mints[0], "exact_out", middle)
        floor = RawAmount(share.amount)
        most = bound = intent.terms.bound("exact_out", then.amount_in, share.amount)
    first_leg = _leg((pools[0], mints[0], mints[1]), "exact_out", first, (most, number))
    second_leg = _leg((pools[1], mints[1], end), "exact_in", second, (floor, number))
    return _checked(
        [first, second],
        RouteLegs((first_leg, second_leg), first.amount_in, second.amount_out, bound),
    )


def _leg(
    way: tuple[Pool, Address, Address], mode: SwapMode, swap: SwapResult, held: tuple[int, int]
) -> Leg:
    pool, mint_in, mint_out = way
    bound, path = held
    return Leg(
        pool.venue,
        pool.address,
        mint_in,
        mint_out,
        pool.program,
        mode,
        RawAmount(swap.amount_in),
        RawAmount(swap.amount_out),
        RawAmount(bound),
        path,
        pool.warnings,
    )


def _checked(swaps: list[SwapResult], drawn: RouteLegs) -> RouteLegs | Fault:
    for swap in swaps:
        refused = reject_reason_for_impact(swap.impact_hundredths)
        if refused is not None:
            return refused
    return replace(drawn, touched=tuple(swap.touched for swap in swaps))
