"""Writes what an order would do if it were placed now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from cambist.orders.intent import Intent
from cambist.values.amount import write_amount
from cambist.values.costs import Costs
from cambist.values.route import Route
from cambist.values.time_units import Timestamp
from cambist.values.token import SOL
from cambist.wire.considered_pools import PoolChoice, pool_choices
from cambist.wire.order_responses import summary
from cambist.wire.public_order_state import (
    Amount,
    LegView,
    Number,
    QuoteFailureView,
    QuoteView,
    view_absent,
    view_legs,
    view_quote,
    write_price,
)
from cambist.wire.rfc3339 import write_moment

_encode = msgspec.json.Encoder().encode

Lamports = str


class CostsView(msgspec.Struct, frozen=True, rename="camel"):
    """What one attempt takes beside the swap, in lamports. Rent comes back with the account."""

    network_fee_lamports: Lamports
    tip_lamports: Lamports
    rent_lamports: Lamports
    total_lamports: Lamports


class QuoteReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What an order would do now. Nothing is stored, and nothing is promised.

    `amountIn` and `amountOut` are of the best quote; `minAmountOut` or `maxAmountIn` is the worst
    the order would accept, and `worstCase` says so in a sentence, with what the network takes.
    """

    success: bool
    token_in: str
    token_out: str
    token_in_mint: str
    token_out_mint: str
    symbol: str | None = None
    side: str | None = None
    synthetic: bool = False
    mode: str
    amount_in: Amount
    amount_out: Amount
    min_amount_out: Amount | None = None
    max_amount_in: Amount | None = None
    slippage_bps: int
    price: Number | None
    selected_dex: str
    dex: str
    reason: str
    summary: str
    worst_case: str
    quote: QuoteView | None = None
    quotes: tuple[QuoteView, ...]
    absent: tuple[QuoteFailureView, ...]
    legs: tuple[LegView, ...] = ()
    pools: tuple[PoolChoice, ...] = ()
    more_pools: int = 0
    costs: CostsView
    warnings: tuple[str, ...]
    timestamp: str


class QuoteRequest(NamedTuple):
    """What was asked for, and what the caller should be told of how it was read."""

    intent: Intent
    venues: Sequence[str]
    warnings: tuple[str, ...]


def write_quote(asked: QuoteRequest, route: Route, costs: Costs, at: Timestamp) -> bytes:
    """Write what an order would do, at the instant it was found out."""
    intent, leg = asked.intent, route.legs[0]
    given, taken = intent.pair.token_in, intent.pair.token_out
    exact_in = route.mode == "exact_in"
    pools, more = pool_choices(route)
    bound = write_amount(route.bound, (taken if exact_in else given).decimals)
    quotes = tuple(view_quote(intent, quote) for quote in route.quotes)
    named = intent.quoted != "pair"
    base = taken if intent.quoted == "buy" else given
    return _encode(
        QuoteReply(
            success=True,
            token_in=given.symbol,
            token_out=taken.symbol,
            token_in_mint=given.mint,
            token_out_mint=taken.mint,
            symbol=base.symbol if named else None,
            side=intent.quoted if named else None,
            synthetic=given.synthetic or taken.synthetic,
            mode=route.mode,
            amount_in=write_amount(route.amount_in, given.decimals),
            amount_out=write_amount(route.amount_out, taken.decimals),
            min_amount_out=bound if exact_in else None,
            max_amount_in=None if exact_in else bound,
            slippage_bps=intent.terms.slippage_bps,
            price=write_price(intent, route.amount_in, route.amount_out),
            selected_dex=leg.venue,
            dex=leg.venue,
            reason=route.reason,
            summary=summary(intent, asked.venues, route),
            worst_case=_worst_case(intent, route, costs),
            quote=next((quote for quote in quotes if quote.pool == leg.pool), None),
            quotes=quotes,
            absent=view_absent(route),
            legs=view_legs(intent, route),
            pools=pools,
            more_pools=more,
            costs=CostsView(
                str(costs.network_fee), str(costs.tip), str(costs.rent), str(costs.total)
            ),
            warnings=(*asked.warnings, *route.warnings),
            timestamp=write_moment(at),
        )
    )


def _worst_case(intent: Intent, route: Route, costs: Costs) -> str:
    given, taken = intent.pair.token_in, intent.pair.token_out
    if route.mode == "exact_in":
        # A way through a hub may need less than was asked, and at worst needs all of it.
        gives, gets = intent.amount, route.bound
    else:
        gives, gets = route.bound, route.amount_out
    swap = (
        f"{write_amount(gives, given.decimals)} {given.symbol} for "
        f"{write_amount(gets, taken.decimals)} {taken.symbol}"
    )
    network = write_amount(costs.total, SOL.decimals)
    return f"At worst {swap}; each attempt takes {network} SOL besides, landed or reverted."
