"""Offers the paper world as a market."""

from __future__ import annotations

from collections.abc import Sequence

from cambist.paper import tokens
from cambist.paper.fault_model import delay_ms, strikes
from cambist.paper.pool_states import VENUES
from cambist.paper.world import World
from cambist.ports.clock import Clock
from cambist.ports.errors import PortDown
from cambist.values.token import Pair, Token
from cambist.venues.pool import Pool


class PaperMarket:
    """The market of a world in this process."""

    def __init__(self, world: World, clock: Clock, *, makes_up: bool = True) -> None:
        self._world = world
        self._clock = clock
        self._find = tokens.token if makes_up else tokens.listed_token

    @property
    def venues(self) -> tuple[str, ...]:
        """The venues that may be asked, by name."""
        return VENUES

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that are listed; any other is synthetic."""
        return tokens.LISTED

    @property
    def hubs(self) -> tuple[Token, ...]:
        """The tokens that a route may go through."""
        return tokens.HUBS

    def token(self, name: str) -> Token | None:
        """Return the token of a symbol or a mint; unlisted ones are made up, or refused."""
        return self._find(name)

    def at_hand(self, venue: str, pair: Pair) -> Sequence[Pool] | None:
        """Return a venue's pools, where the profile has quotes at hand and the slot may be told."""
        world = self._world
        if world.profile.quote_ms is not None or not world.is_told or not world.weather.is_calm:
            return None
        return self._world.pools(venue, pair)

    async def pools(self, venue: str, pair: Pair, asker: str) -> Sequence[Pool]:
        """Ask a venue for its pools of a pair. Raises PortDown."""
        world, key = self._world, f"{venue}\n{asker}"
        span, weather = world.profile.quote_ms, world.weather
        if strikes(world.seed, "busy", key, weather.busy_ppm):
            msg = f"{venue} answers 429: too many requests"
            raise PortDown(msg)
        if span is not None:
            await self._clock.sleep(delay_ms(world.seed, "quote_delay", key, span))
        error_ppm = max(world.profile.quote_error_ppm, weather.quote_error_ppm)
        if strikes(world.seed, "quote_error", key, error_ppm):
            msg = f"{venue} gave no answer"
            raise PortDown(msg)
        await world.tell()
        return world.pools(venue, pair)
