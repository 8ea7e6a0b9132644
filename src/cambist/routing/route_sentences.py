"""Says in a sentence what a split or a way through a hub does, and what it gains."""

from __future__ import annotations

from typing import Final

from cambist.orders.intent import Intent
from cambist.routing.legs import RouteLegs
from cambist.routing.rounding import PathShare
from cambist.routing.split import Split
from cambist.routing.transaction_limits import Envelope
from cambist.values.amount import proportions, write_amount
from cambist.values.route import Route

PROGRAM_NAMES: Final = {
    "amm_v4": "AMM v4",
    "cpmm": "CPMM",
    "clmm": "CLMM",
    "dlmm": "DLMM",
    "damm_v2": "DAMM v2",
    "damm_v1": "DAMM v1",
}
_TENTHS_OF_PERCENT: Final = 1_000
_TENTHS_OF_BPS: Final = 100_000


def name_pool(venue: str, program: str) -> str:
    """Return what people call a pool: "Raydium CLMM"."""
    known = PROGRAM_NAMES.get(program)
    return f"{venue.capitalize()} {known}" if known else venue.capitalize()


def describe_route(intent: Intent, found: Split, drawn: RouteLegs, single: Route | None) -> str:
    """Say which ways share the amount, what they pay or ask, and what that gains over one pool."""
    exact_in = intent.mode == "exact_in"
    token = intent.pair.token_out if exact_in else intent.pair.token_in
    raw = drawn.amount_out if exact_in else drawn.amount_in
    verb = "pays" if exact_in else "asks"
    if len(found.shares) == 1:
        ways = _way(found.shares[0])
    else:
        tenths = proportions([share.amount for share in found.shares], _TENTHS_OF_PERCENT)
        ways = ", ".join(
            f"{_percent(part)} % {_way(share)}"
            for share, part in zip(found.shares, tenths, strict=True)
        )
    said = f"{ways} {verb} {write_amount(raw, token.decimals)} {token.symbol}"
    if single is None:
        return f"{said}; no single pool trades the amount."
    other = single.amount_out if exact_in else single.amount_in
    ahead = (raw - other if exact_in else other - raw) * _TENTHS_OF_BPS // max(other, 1)
    leg = single.legs[0]
    best = next((quote for quote in single.quotes if quote.pool == leg.pool), None)
    alone = name_pool(leg.venue, best.program if best else "")
    better = "more" if exact_in else "less"
    return f"{said}, {ahead // 10}.{ahead % 10} bps {better} than {alone} alone."


def say_did_not_fit(found: Split, wider: Split, better: int, envelope: Envelope) -> str:
    """Say what more swaps would have brought that do not fit the transaction; empty for nothing.

    `better` is in raw units of the token that is not sized.
    """
    tenths = better * _TENTHS_OF_BPS // max(found.other, 1)
    if not tenths:
        return ""
    return (
        f"{wider.legs} swaps would be {tenths // 10}.{tenths % 10} bps better, and do not fit one "
        f"{envelope.name} transaction of {envelope.bytes_max} bytes."
    )


def say_too_large_together(wider: Split, why: str, envelope: Envelope) -> str:
    """Say that only swaps together trade the amount, and that they do not fit a transaction."""
    return (
        f"No pool trades this amount alone. {wider.legs} swaps together would, and do not fit one "
        f"{envelope.name} transaction: {why}."
    )


def _way(share: PathShare) -> str:
    return ", then ".join(name_pool(pool.venue, pool.program) for pool in share.path.pools)


def _percent(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}"
