"""Writes what can be traded here: tokens, venues, and the pools of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from cambist.faults import Fault
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.routing.depth import depth
from cambist.values.amount import RawAmount, write_amount
from cambist.values.ids import LOCAL
from cambist.values.route import QuoteFailure, SwapMode
from cambist.values.time_units import Timestamp
from cambist.values.token import Pair, Token
from cambist.venues.pool import Pool
from cambist.wire.public_order_state import Amount, QuoteFailureView, QuoteView, view_quote
from cambist.wire.rfc3339 import write_moment

_encode: Final = msgspec.json.Encoder().encode


class TokenView(msgspec.Struct, frozen=True):
    """A token: its symbol, its mint, and the decimals of a whole one."""

    symbol: str
    mint: str
    decimals: int
    synthetic: bool


class TokenList(msgspec.Struct, frozen=True):
    """The tokens that are listed; others can be named by their mint."""

    tokens: tuple[TokenView, ...]


class VenueList(msgspec.Struct, frozen=True):
    """The venues that are asked for every order."""

    venues: tuple[str, ...]


class DepthView(msgspec.Struct, frozen=True, rename="camel"):
    """How much of the token given may go in before its rate is `bps` basis points worse."""

    bps: int
    amount_in: Amount


class PoolView(QuoteView, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A pool: its quote for the amount asked about, and how deep it is."""

    depth: tuple[DepthView, ...] = ()


class PoolList(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The pools of a pair, each with its quote for an amount in or out, and its depth."""

    token_in: str
    token_out: str
    amount_in: Amount | None = None
    amount_out: Amount | None = None
    pools: tuple[PoolView, ...]
    absent: tuple[QuoteFailureView, ...]
    timestamp: str


def write_tokens(tokens: Sequence[Token]) -> bytes:
    """Write the tokens that are listed."""
    views = (
        TokenView(token.symbol, token.mint, token.decimals, token.synthetic) for token in tokens
    )
    return _encode(TokenList(tuple(views)))


def write_venues(venues: Sequence[str]) -> bytes:
    """Write the venues."""
    return _encode(VenueList(tuple(venues)))


class PoolRequest(NamedTuple):
    """What was asked for: the pools of a pair, with quotes for so many raw units in or out."""

    pair: Pair
    mode: SwapMode
    amount: RawAmount


def write_pools(
    asked: PoolRequest, found: Mapping[str, Sequence[Pool] | QuoteFailure], at: Timestamp
) -> bytes:
    """Write the pools of a pair, each with what it pays for the amount, and its depth."""
    pair, mode, amount = asked
    intent = Intent("market", LOCAL, pair, mode, amount, Terms())
    whole = write_amount(amount, intent.sized_token.decimals)
    views: list[PoolView] = []
    absent: list[QuoteFailureView] = []
    for venue, answer in found.items():
        if isinstance(answer, QuoteFailure):
            absent.append(QuoteFailureView(venue, answer.code, answer.reason))
            continue
        for pool in answer:
            quote = pool.quote(pair.token_in.mint, mode, amount)
            if isinstance(quote, Fault):
                absent.append(QuoteFailureView(venue, quote.code, quote.message, pool.program))
            else:
                views.append(_pool(view_quote(intent, quote), pool, pair.token_in))
    return _encode(
        PoolList(
            token_in=pair.token_in.symbol,
            token_out=pair.token_out.symbol,
            amount_in=whole if mode == "exact_in" else None,
            amount_out=None if mode == "exact_in" else whole,
            pools=tuple(views),
            absent=tuple(absent),
            timestamp=write_moment(at),
        )
    )


def _pool(quote: QuoteView, pool: Pool, given: Token) -> PoolView:
    fields = {name: getattr(quote, name) for name in QuoteView.__struct_fields__}
    deep = (
        DepthView(level.bps, write_amount(level.amount_in, given.decimals))
        for level in depth(pool, given.mint)
    )
    return PoolView(**fields, depth=tuple(deep))
