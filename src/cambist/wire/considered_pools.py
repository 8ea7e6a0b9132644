"""Describes every pool that was considered for a route: its share, or why it has none."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.values.amount import BPS_ONE, proportions, write_amount
from cambist.values.ids import Address
from cambist.values.route import Leg, Quote, Route
from cambist.wire.decimals import number
from cambist.wire.public_order_state import Number

POOLS_TOLD_MAX: Final = 24
"""Pools that one answer names; `morePools` says how many more there were."""

TAKEN: Final = "taken"
WORSE_RATE: Final = "worse_rate"
NO_WORD: Final = "refused"
_TENTHS: Final = 1_000


class PoolChoice(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A pool that was looked at, and what became of it.

    `word` is one of the list in docs/quotes.md. `share` is the percentage of the amount that a
    taken pool's way has, `worseBps` how much worse than the route the pool alone would be.
    """

    dex: str
    program: str = ""
    pool: str = ""
    word: str
    share: Number | None = None
    worse_bps: Number | None = None
    reason: str = ""


def pool_choices(route: Route) -> tuple[tuple[PoolChoice, ...], int]:
    """Return the pools of a route, those taken first, and how many more were looked at."""
    shares = _shares(route)
    choices = [
        PoolChoice(
            dex=leg.venue,
            program=leg.program or _program(route, leg.pool),
            pool=leg.pool,
            word=TAKEN,
            share=number(write_amount(shares[leg.path], 1)),
        )
        for leg in route.legs
    ]
    taken = {leg.pool for leg in route.legs}
    choices += [_worse(route, quote) for quote in route.quotes if quote.pool not in taken]
    choices += [
        PoolChoice(
            dex=failure.venue,
            program=failure.program,
            word=failure.why or NO_WORD,
            reason=failure.reason,
        )
        for failure in route.absent
    ]
    more = max(len(choices) - POOLS_TOLD_MAX, 0) + route.unlisted
    return tuple(choices[:POOLS_TOLD_MAX]), more


def _program(route: Route, pool: Address) -> str:
    return next((quote.program for quote in route.quotes if quote.pool == pool), "")


def _worse(route: Route, quote: Quote) -> PoolChoice:
    if route.mode == "exact_in":
        behind, whole = route.amount_out - quote.amount_out, route.amount_out
    else:
        behind, whole = quote.amount_in - route.amount_in, route.amount_in
    tenths = max(behind, 0) * BPS_ONE * 10 // whole if whole else 0
    return PoolChoice(
        dex=quote.venue,
        program=quote.program,
        pool=quote.pool,
        word=WORSE_RATE,
        worse_bps=number(write_amount(tenths, 1)),
    )


def _shares(route: Route) -> dict[int, int]:
    """Return each way's part of the amount, in tenths of a percent."""
    ways: dict[int, list[Leg]] = {}
    for leg in route.legs:
        ways.setdefault(leg.path, []).append(leg)
    if len(ways) == 1:
        return dict.fromkeys(ways, _TENTHS)
    exact_in = route.mode == "exact_in"
    parts = [int(legs[0].amount_in if exact_in else legs[-1].amount_out) for legs in ways.values()]
    return dict(zip(ways, proportions(parts, _TENTHS), strict=True))
