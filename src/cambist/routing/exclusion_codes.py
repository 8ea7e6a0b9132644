"""Says in one word why a pool took no part in a route; docs/quotes.md has the list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from cambist.faults import Code
from cambist.values.route import Absent
from cambist.venues.pool import Pool
from cambist.venues.reject_reasons import Refusal
from cambist.venues.snapshot import Unquotable

OFF_MARKET: Final = "off_market"
STALE: Final = "stale"
UNREACHABLE: Final = "unreachable"
REFUSED: Final = "refused"

_WORDS: Final[dict[str, frozenset[Refusal]]] = {
    "too_small": frozenset(
        {Refusal.AMOUNT_ZERO, Refusal.PAYS_NOTHING, Refusal.DUST, Refusal.ROUNDS_SHORT}
    ),
    "not_open": frozenset({Refusal.DISABLED, Refusal.NOT_OPEN_YET, Refusal.NOT_INITIALISED}),
    "program_unchecked": frozenset(
        {Refusal.RELEASE_NOT_CHECKED, Refusal.UNKNOWN_CURVE, Refusal.UNKNOWN_MINT_EXTENSION}
    ),
    "account_missing": frozenset({Refusal.ACCOUNT_MISSING}),
    "beyond_size": frozenset(
        {
            Refusal.NOT_ENOUGH_LIQUIDITY,
            Refusal.AMOUNT_OVERFLOWS,
            Refusal.PRICE_LIMIT,
            Refusal.TOO_FAR,
        }
    ),
    "no_exact_out": frozenset({Refusal.NO_EXACT_OUT}),
}
_WORD_OF: Final = {refusal: word for word, refusals in _WORDS.items() for refusal in refusals}
_AWAY: Final = frozenset({Code.QUOTE_TIMED_OUT, Code.VENUE_UNREACHABLE})


def refused(pool: Pool, why: Unquotable) -> Absent:
    """Return a pool that refuses, with the word of its refusal."""
    told = why.fault
    return Absent(pool.venue, told.code, told.message, pool.program, word_of(why.refusal))


def word_of(refusal: Refusal) -> str:
    """Return the word for a refusal."""
    return _WORD_OF.get(refusal, REFUSED)


def with_words(absent: Iterable[Absent]) -> tuple[Absent, ...]:
    """Return who gave no quote, each with its word: those that have none are whole venues."""
    return tuple([one if one.why else replace(one, why=_venue_word(one)) for one in absent])


def _venue_word(absent: Absent) -> str:
    return UNREACHABLE if absent.code in _AWAY else REFUSED
