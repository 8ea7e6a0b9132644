"""States what the engine needs to know of tokens and pools as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cambist.values.token import Pair, Token
from cambist.venues.pool import Pool


class Market(Protocol):
    """Pools as they stand, venue by venue."""

    @property
    def venues(self) -> tuple[str, ...]:
        """The venues that may be asked, by name."""

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that are listed; others may be known by their mint."""

    @property
    def hubs(self) -> tuple[Token, ...]:
        """The tokens that a route may go through."""

    def token(self, name: str) -> Token | None:
        """Return the token of a symbol or a mint; None when it cannot be traded here."""

    def cached_pools(self, venue: str, pair: Pair) -> Sequence[Pool] | None:
        """Return a venue's pools when they are known without asking; None when one must ask."""

    async def pools(self, venue: str, pair: Pair, reference: str) -> Sequence[Pool]:
        """Ask a venue for its pools of a pair. Raises PortUnavailable.

        `reference` names the order and the try. It lets a simulated market repeat its faults.
        """
