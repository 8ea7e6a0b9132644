"""Describes a path through pools and what it would pay."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import Address
from cambist.values.time_units import Slot

SwapMode = Literal["exact_in", "exact_out"]


class Quote(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one pool would do with the order's amount, fees and impact already inside.

    `fee` is in raw units of the token given. `impact_hundredths` is the price impact in
    hundredths of a basis point, None for dust. `program` is the short name of what runs the pool,
    `warnings` are sentences about its tokens. Fee, impact and warnings take a whole swap to
    compute, so routing asks them of few pools (`is_whole`) and knows only the amounts of the
    others; quotes stored before that are all whole.
    """

    venue: str
    pool: Address
    amount_in: RawAmount
    amount_out: RawAmount
    fee: RawAmount | None = None
    fee_bps: Bps | None = None
    impact_hundredths: int | None = None
    slot: Slot = Slot(0)
    program: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether fee and impact were computed, and not the amounts alone."""
        return self.fee is not None


class QuoteFailure(msgspec.Struct, frozen=True, gc=False):
    """A venue or a pool that gave no quote, and the code and sentence of why.

    `program` is what runs the pool; of a venue that did not answer at all it is empty. `why` is
    the word of the list in docs/quotes.md; orders stored before there was one have none.
    """

    venue: str
    code: str
    reason: str
    program: str = ""
    why: str = ""


class Leg(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One swap in one pool, in raw units.

    Where a route has one leg, its amounts and bound are the route's and not repeated. Legs of the
    same `path` follow each other: the second gives exactly what the first one takes. For exact_in
    `bound` is the least amount out, for exact_out the greatest amount in. `warnings` are sentences
    about the pool's tokens; legs stored before they had any have them in their quote.
    """

    venue: str
    pool: Address
    mint_in: Address
    mint_out: Address
    program: str = ""
    mode: SwapMode = "exact_in"
    amount_in: RawAmount = RawAmount(0)
    amount_out: RawAmount = RawAmount(0)
    bound: RawAmount = RawAmount(0)
    path: int = 0
    warnings: tuple[str, ...] = ()


class Route(msgspec.Struct, frozen=True, gc=False):
    """The chosen path and its bounds.

    `bound` is fixed here and written into the transaction: for an exact-in order the least
    amount out, for an exact-out order the greatest amount in (raw units). `unlisted` is how many
    pools of the pair were looked at and stand neither in `quotes` nor in `absent`.
    """

    mode: SwapMode
    legs: Annotated[tuple[Leg, ...], msgspec.Meta(min_length=1)]
    amount_in: RawAmount
    amount_out: RawAmount
    bound: RawAmount
    reason: str
    quotes: tuple[Quote, ...]
    absent: tuple[QuoteFailure, ...] = ()
    unlisted: int = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be known of the tokens of the pools it goes through, each sentence once."""
        used = {leg.pool for leg in self.legs}
        quoted = (quote.warnings for quote in self.quotes if quote.pool in used)
        groups = (*(leg.warnings for leg in self.legs), *quoted)
        return tuple(dict.fromkeys(sentence for some in groups for sentence in some))
