"""Writes what can be traded here: tokens, venues, and the pools of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from cambist.faults import Fault
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.values.amount import Raw
from cambist.values.ids import LOCAL
from cambist.values.moment import Moment
from cambist.values.route import Absent
from cambist.values.token import Pair, Token
from cambist.venues.pool import Pool
from cambist.wire.figures import AbsentView, QuoteView, view_quote
from cambist.wire.moments import write_moment

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


class PoolList(msgspec.Struct, frozen=True, rename="camel"):
    """The pools of a pair, each with its quote for one whole token given."""

    token_in: str
    token_out: str
    pools: tuple[QuoteView, ...]
    absent: tuple[AbsentView, ...]
    timestamp: str


def write_tokens(tokens: Sequence[Token]) -> bytes:
    """Write the tokens that are listed."""
    views = (TokenView(one.symbol, one.mint, one.decimals, one.synthetic) for one in tokens)
    return _encode(TokenList(tuple(views)))


def write_venues(venues: Sequence[str]) -> bytes:
    """Write the venues."""
    return _encode(VenueList(tuple(venues)))


def write_pools(pair: Pair, found: Mapping[str, Sequence[Pool] | Absent], at: Moment) -> bytes:
    """Write the pools of a pair, each with what it pays for one whole token."""
    unit = Raw(10**pair.token_in.decimals)
    intent = Intent("market", LOCAL, pair, "exact_in", unit, Terms())
    views: list[QuoteView] = []
    absent: list[AbsentView] = []
    for venue, answer in found.items():
        if isinstance(answer, Absent):
            absent.append(AbsentView(venue, answer.code, answer.reason))
            continue
        for pool in answer:
            quote = pool.quote(pair.token_in.mint, "exact_in", unit)
            if isinstance(quote, Fault):
                absent.append(AbsentView(venue, quote.code, quote.message))
            else:
                views.append(view_quote(intent, quote))
    names = (pair.token_in.symbol, pair.token_out.symbol)
    return _encode(PoolList(*names, tuple(views), tuple(absent), write_moment(at)))
