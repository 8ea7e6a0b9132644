"""Computes what clients see of an order: prices, quotes, fees, slippage and errors."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from cambist.faults import Code
from cambist.orders.attempt import Fill
from cambist.orders.intent import Intent
from cambist.orders.order import Order, Status
from cambist.values.amount import mul_div_ceil, write_amount, write_percent
from cambist.values.price import price_of
from cambist.values.route import Leg, Quote, Route
from cambist.values.token import KNOWN, Token
from cambist.wire.decimals import number

_BPS_PLACES: Final = 4
_WHOLE_HUNDREDTHS: Final = 1_000_000

Number = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "number"})]
"""A JSON number written from exact digits."""

Amount = Annotated[str, msgspec.Meta(description="whole tokens, exact", examples=["1.5"])]


class QuoteView(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A pool's quote. `fee` is in whole tokens of the token given, `priceImpact` in percent.

    Both stand in the quote of each venue's best pool, and of the pools of the route; of other
    pools only the amounts were asked. The impact is null for amounts so small that rounding is too
    much of them.
    """

    dex: str
    pool: str
    amount_in: Amount
    amount_out: Amount
    price_impact: Number | msgspec.UnsetType | None = msgspec.UNSET
    fee: Amount | msgspec.UnsetType = msgspec.UNSET
    fee_bps: int | msgspec.UnsetType = msgspec.UNSET
    route: tuple[str, ...]
    route_mints: tuple[str, ...]
    price: Number | None = None
    program: str = ""


class LegView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One swap of a route of several, with what it gives, takes and is bound to on chain.

    Legs of the same `path` follow each other. `mode` says which amount is exact: for exact_in
    `bound` is the least amount out, for exact_out the greatest amount in. Symbols and whole tokens
    are told where the token is one of the order's, or known to everyone.
    """

    dex: str
    pool: str
    token_in_mint: str
    token_out_mint: str
    program: str
    mode: str
    amount_in_raw: str
    amount_out_raw: str
    bound_raw: str
    path: int
    token_in: str | None = None
    token_out: str | None = None
    amount_in: Amount | None = None
    amount_out: Amount | None = None
    bound: Amount | None = None


class QuoteFailureView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A venue or a pool that gave no quote, and why."""

    dex: str
    code: str
    reason: str
    program: str = ""


class RateView(msgspec.Struct, frozen=True):
    """A venue's price and its fee as a rate, as some clients read them."""

    price: Number
    fee: Number


class OrderState(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What both messages and views tell of an order, field by field as it becomes known.

    Several names stand for one thing, for clients that know only one of them: `selectedDex`,
    `dex` and `chosen`; `txHash` and `txSignature`; `executedPrice` and `price`. `reason` says
    why this venue was chosen, and of a failed order why it failed, as `error` does. Prices are
    what is got per token given, or quote per base where a side was named. `warnings` are what
    somebody may do to who holds the tokens of the route's pools.
    """

    order_id: str
    client_order_id: str | None = None
    status: Status
    attempt: int = 0
    attempts: int = 0
    amount_in: Amount | None = None
    amount_out: Amount | None = None
    slippage_bps: int = 0
    quote: QuoteView | None = None
    quotes: tuple[QuoteView, ...] = ()
    absent: tuple[QuoteFailureView, ...] = ()
    legs: tuple[LegView, ...] = ()
    selected_dex: str | None = None
    dex: str | None = None
    chosen: str | None = None
    min_amount_out: Amount | None = None
    max_amount_in: Amount | None = None
    r_quote: RateView | None = None
    m_quote: RateView | None = None
    raydium_price: Number | None = None
    meteora_price: Number | None = None
    tx_hash: str | None = None
    tx_signature: str | None = None
    executed_price: Number | None = None
    price: Number | None = None
    error: str | None = None
    reason: str | None = None
    code: str | None = None
    last_error: str | None = None
    last_code: str | None = None
    warnings: tuple[str, ...] = ()


def order_state(order: Order) -> dict[str, Any]:
    """Return the fields of `OrderState` for an order."""
    intent, fill = order.intent, order.fill
    token_in, token_out = intent.pair.token_in, intent.pair.token_out
    gives = intent.mode == "exact_in"
    known: dict[str, Any] = {
        "order_id": order.id,
        "client_order_id": intent.client_order_id,
        "status": order.status,
        "attempt": order.try_number,
        "attempts": order.try_number,
        "slippage_bps": order.terms.slippage_bps,
    }
    if fill is not None or gives:
        raw = fill.amount_in if fill is not None else intent.amount
        known["amount_in"] = write_amount(raw, token_in.decimals)
    if fill is not None or not gives:
        raw = fill.amount_out if fill is not None else intent.amount
        known["amount_out"] = write_amount(raw, token_out.decimals)
    if order.route is not None:
        _add_route(known, intent, order.route)
    if order.attempt is not None:
        known["tx_hash"] = known["tx_signature"] = order.attempt.signature
    if fill is not None:
        known["executed_price"] = known["price"] = write_price(
            intent, fill.amount_in, fill.amount_out
        )
    if order.fault is not None or order.setbacks:
        _add_faults(known, order)
    return known


def _add_route(known: dict[str, Any], intent: Intent, route: Route) -> None:
    leg = route.legs[0]
    known["selected_dex"] = known["dex"] = known["chosen"] = leg.venue
    known["reason"] = route.reason
    bound = "min_amount_out" if route.mode == "exact_in" else "max_amount_in"
    token = intent.pair.token_out if route.mode == "exact_in" else intent.pair.token_in
    known[bound] = write_amount(route.bound, token.decimals)
    views = []
    for quote in route.quotes:
        view = view_quote(intent, quote)
        views.append(view)
        if quote.pool == leg.pool:
            known["quote"] = view
        elif view.dex == leg.venue:
            continue
        _add_venue(known, view)
    known["quotes"] = tuple(views)
    if len(route.legs) > 1:
        known["legs"] = view_legs(intent, route)
    known["warnings"] = route.warnings
    if route.absent:
        known["absent"] = view_absent(route)


def _add_venue(known: dict[str, Any], view: QuoteView) -> None:
    """Tell a venue's price under the names of clients that know just two venues: of its best pool.

    Quotes come the best first.
    """
    name = f"{view.dex}_price"
    if view.price is None or view.dex not in ("raydium", "meteora") or name in known:
        return
    known[name] = view.price
    if isinstance(view.fee_bps, msgspec.UnsetType):
        return
    rate = RateView(view.price, number(write_amount(view.fee_bps, _BPS_PLACES)))
    known[f"{view.dex[0]}_quote"] = rate


def _add_faults(known: dict[str, Any], order: Order) -> None:
    why = order.fault
    is_unfilled = why is not None and why.code is Code.NOT_FILLED_AT_ONCE
    if order.fault is not None and (order.status is Status.FAILED or is_unfilled):
        known["error"] = known["reason"] = order.fault.message
        known["code"] = order.fault.code
    last = order.fault if order.fault is not None else order.setbacks[-1].fault
    known["last_error"], known["last_code"] = last.message, last.code


def view_absent(route: Route) -> tuple[QuoteFailureView, ...]:
    """Return who gave no quote."""
    return tuple(QuoteFailureView(a.venue, a.code, a.reason, a.program) for a in route.absent)


def view_legs(intent: Intent, route: Route) -> tuple[LegView, ...]:
    """Return the swaps of a route of several; of a route of one the quotes tell all."""
    if len(route.legs) == 1:
        return ()
    pair = intent.pair
    known = {token.mint: token for token in (*KNOWN, pair.token_in, pair.token_out)}
    return tuple(
        _view_leg(leg, known.get(leg.mint_in), known.get(leg.mint_out)) for leg in route.legs
    )


def _view_leg(leg: Leg, given: Token | None, taken: Token | None) -> LegView:
    def whole(raw: int, token: Token | None) -> str | None:
        return None if token is None else write_amount(raw, token.decimals)

    return LegView(
        leg.venue,
        leg.pool,
        leg.mint_in,
        leg.mint_out,
        leg.program,
        leg.mode,
        str(int(leg.amount_in)),
        str(int(leg.amount_out)),
        str(int(leg.bound)),
        leg.path,
        None if given is None else given.symbol,
        None if taken is None else taken.symbol,
        whole(leg.amount_in, given),
        whole(leg.amount_out, taken),
        whole(leg.bound, taken if leg.mode == "exact_in" else given),
    )


def view_quote(intent: Intent, quote: Quote) -> QuoteView:
    """Return a quote as clients see it."""
    token_in, token_out = intent.pair.token_in, intent.pair.token_out
    return QuoteView(
        dex=quote.venue,
        pool=quote.pool,
        amount_in=write_amount(quote.amount_in, token_in.decimals),
        amount_out=write_amount(quote.amount_out, token_out.decimals),
        **_figures(quote, token_in),
        route=(token_in.symbol, token_out.symbol),
        route_mints=(token_in.mint, token_out.mint),
        price=write_price(intent, quote.amount_in, quote.amount_out),
        program=quote.program,
    )


def _figures(quote: Quote, token_in: Token) -> dict[str, Any]:
    """Return fee and impact of a whole quote; nothing of one that has the amounts alone."""
    if quote.fee is None:
        return {}
    impact = quote.impact_hundredths
    return {
        "price_impact": None if impact is None else number(write_percent(impact)),
        "fee": write_amount(quote.fee, token_in.decimals),
        "fee_bps": quote.fee_bps,
    }


def write_price(intent: Intent, amount_in: int, amount_out: int) -> msgspec.Raw | None:
    """Return the price as this order's user reads it; None when an amount is zero."""
    given, taken = intent.pair.token_in, intent.pair.token_out
    if intent.quoted == "buy":
        return _write_ratio(amount_out, taken, amount_in, given)
    return _write_ratio(amount_in, given, amount_out, taken)


def _write_ratio(paid: int, unit: Token, got: int, other: Token) -> msgspec.Raw | None:
    price = price_of(paid, unit.decimals, got, other.decimals)
    return number(price.text()) if price is not None else None


def realised_slippage(route: Route, fill: Fill) -> msgspec.Raw:
    """Return how much worse the fill was than the quote, in percent; negative is better."""
    if route.mode == "exact_in":
        worse, quoted = route.amount_out - fill.amount_out, route.amount_out
    else:
        worse, quoted = fill.amount_in - route.amount_in, route.amount_in
    if not quoted:  # no route of ours quotes nothing; a stored one must be written all the same
        return number("0")
    return number(write_percent(mul_div_ceil(worse, _WHOLE_HUNDREDTHS, quoted)))
