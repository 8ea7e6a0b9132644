"""Chooses the best quote net of fee and impact, fixes the bound, and says why in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cambist.faults import Code, Fault, fault
from cambist.orders.intent import Intent
from cambist.routing.quote_checks import reject_reason
from cambist.routing.route_sentences import name_pool
from cambist.values.amount import RawAmount, write_amount
from cambist.values.route import Leg, Quote, QuoteFailure, Route

_TENTHS_OF_BPS: Final = 100_000


def choose(
    intent: Intent, quotes: Sequence[Quote], absent: Sequence[QuoteFailure]
) -> Route | Fault:
    """Return the route that pays most (exact_in) or costs least (exact_out), or why none does.

    Only whole quotes are chosen from. Equal amounts go to the lower fee, then the lower impact,
    then by name, so that the same quotes give the same route in whatever order they came. Without
    a quote the fault is final only when every venue refused the amount: a venue that did not
    answer may still trade it.
    """
    whole = [quote for quote in quotes if quote.is_whole]
    if not whole:
        return _without_quotes(absent)
    ranked = sorted(whole, key=_most_out if intent.mode == "exact_in" else _least_in)
    bounds = [_bound(intent, quote) for quote in ranked]
    faults = [reject_reason(intent.mode, *quoted) for quoted in zip(ranked, bounds, strict=True)]
    tradable = [at for at, why in enumerate(faults) if why is None]
    if not tradable:
        return faults[0] or _without_quotes(absent)
    best, bound = ranked[tradable[0]], bounds[tradable[0]]
    pair = intent.pair
    return Route(
        intent.mode,
        (
            Leg(
                best.venue,
                best.pool,
                pair.token_in.mint,
                pair.token_out.mint,
                best.program,
                warnings=best.warnings,
            ),
        ),
        best.amount_in,
        best.amount_out,
        bound,
        _reason(intent, [ranked[at] for at in tradable], absent),
        tuple(quotes),
        tuple(absent),
    )


def may_be_traded(intent: Intent, quote: Quote) -> bool:
    """Whether an order may be routed to a pool of this whole quote."""
    return reject_reason(intent.mode, quote, _bound(intent, quote)) is None


def _bound(intent: Intent, quote: Quote) -> RawAmount:
    return intent.terms.bound(intent.mode, quote.amount_in, quote.amount_out)


def _most_out(quote: Quote) -> tuple[int, int, int, str, str]:
    return (-quote.amount_out, *_tie_break(quote))


def _least_in(quote: Quote) -> tuple[int, int, int, str, str]:
    return (quote.amount_in, *_tie_break(quote))


def _tie_break(quote: Quote) -> tuple[int, int, str, str]:
    return (quote.fee or 0, quote.impact_hundredths or 0, quote.venue, quote.pool)


def _without_quotes(absent: Sequence[QuoteFailure]) -> Fault:
    names: dict[str, list[str]] = {}
    for failure in absent:
        names.setdefault(failure.reason, []).append(name_pool(failure.venue, failure.program))
    why = " ".join(f"{', '.join(who)}: {_inner(reason)}" for reason, who in names.items())
    final = all(failure.code == Code.POOL_REFUSED for failure in absent)
    return fault(Code.NO_ROUTE if final else Code.QUOTES_UNAVAILABLE, why)


def _reason(intent: Intent, ranked: Sequence[Quote], absent: Sequence[QuoteFailure]) -> str:
    """Say what the best venue pays or asks, and by how much that beats the next one."""
    best = ranked[0]
    if intent.mode == "exact_in":
        token, verb, better = intent.pair.token_out, "pays", "more"
    else:
        token, verb, better = intent.pair.token_in, "asks", "less"

    def written(quote: Quote) -> str:
        raw = quote.amount_out if intent.mode == "exact_in" else quote.amount_in
        return f"{write_amount(raw, token.decimals)} {token.symbol}"

    said = f"{name_pool(best.venue, best.program)} {verb} {written(best)}"
    other = next((quote for quote in ranked if quote.venue != best.venue), None)
    if other is None:
        said += "; no other venue quoted."
    else:
        gap = _gap(intent, best, other)
        said += f", {gap} {better} than {name_pool(other.venue, other.program)}'s {written(other)}."
    quoted = {quote.venue for quote in ranked}
    for failure in absent:
        if failure.venue in quoted:
            continue  # a pool of a venue that has others is no venue left out
        said += f" {_name(failure.venue)} was left out: {_inner(failure.reason)}"
    return said


def _gap(intent: Intent, best: Quote, other: Quote) -> str:
    if intent.mode == "exact_in":
        ahead, whole = best.amount_out - other.amount_out, other.amount_out
    else:
        ahead, whole = other.amount_in - best.amount_in, other.amount_in
    tenths = ahead * _TENTHS_OF_BPS // whole
    return f"{tenths // 10}.{tenths % 10} bps"


def _name(venue: str) -> str:
    return venue.capitalize()


def _inner(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
