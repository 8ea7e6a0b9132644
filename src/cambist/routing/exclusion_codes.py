"""Gives the code of why a pool took no part in a route; docs/quotes.md lists the codes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from cambist.faults import Code
from cambist.values.route import QuoteFailure
from cambist.venues.pool import Pool
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected

OFF_MARKET: Final = "off_market"
STALE: Final = "stale"
UNREACHABLE: Final = "unreachable"
REFUSED: Final = "refused"

_WORDS: Final[dict[str, frozenset[RejectReason]]] = {
    "too_small": frozenset(
        {
            RejectReason.AMOUNT_ZERO,
            RejectReason.PAYS_NOTHING,
            RejectReason.DUST,
            RejectReason.ROUNDS_SHORT,
        }
    ),
    "not_open": frozenset(
        {RejectReason.DISABLED, RejectReason.NOT_OPEN_YET, RejectReason.NOT_INITIALISED}
    ),
    "program_unchecked": frozenset(
        {
            RejectReason.RELEASE_NOT_CHECKED,
            RejectReason.UNKNOWN_CURVE,
            RejectReason.UNKNOWN_MINT_EXTENSION,
        }
    ),
    "account_missing": frozenset({RejectReason.ACCOUNT_MISSING}),
    "beyond_size": frozenset(
        {
            RejectReason.NOT_ENOUGH_LIQUIDITY,
            RejectReason.AMOUNT_OVERFLOWS,
            RejectReason.PRICE_LIMIT,
            RejectReason.TOO_FAR,
        }
    ),
    "no_exact_out": frozenset({RejectReason.NO_EXACT_OUT}),
}
_WORD_OF: Final = {refusal: word for word, refusals in _WORDS.items() for refusal in refusals}
_AWAY: Final = frozenset({Code.QUOTE_TIMED_OUT, Code.VENUE_UNREACHABLE})


def refused(pool: Pool, why: PoolRejected) -> QuoteFailure:
    """Return a pool that refuses, with the word of its refusal."""
    found = why.fault
    return QuoteFailure(pool.venue, found.code, found.message, pool.program, word_of(why.refusal))


def word_of(refusal: RejectReason) -> str:
    """Return the word for a refusal."""
    return _WORD_OF.get(refusal, REFUSED)


def with_exclusion_codes(absent: Iterable[QuoteFailure]) -> tuple[QuoteFailure, ...]:
    """Return who gave no quote, each with its word: those that have none are whole venues."""
    return tuple(
        [
            failure if failure.why else replace(failure, why=_venue_word(failure))
            for failure in absent
        ]
    )


def _venue_word(absent: QuoteFailure) -> str:
    return UNREACHABLE if absent.code in _AWAY else REFUSED
