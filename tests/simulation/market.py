"""Offers two pools whose prices wander, and venues that hang or do not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from cambist.ports.errors import PortUnavailable
from cambist.values.ids import Address
from cambist.values.time_units import Slot
from cambist.values.token import KNOWN, SOL, Pair, Token
from cambist.venues.constant_product import ConstantProductPool
from cambist.venues.pool import Pool
from tests.simulation.fault_dice import Dice

VENUES: Final = {"raydium": 2_500, "meteora": 2_000}
HANG_S: Final = (0.5, 3.0)
USDC_PER_SOL: Final = 150
STEP_MILLI: Final = 1_500
"""How far the price moves at most between two looks: 1.5 USDC for one SOL."""


class SimMarket:
    """One pool of each pair at each venue."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._milli = 1_000 * USDC_PER_SOL

    @property
    def venues(self) -> tuple[str, ...]:
        return tuple(VENUES)

    @property
    def tokens(self) -> tuple[Token, ...]:
        return KNOWN

    @property
    def hubs(self) -> tuple[Token, ...]:
        return ()

    def token(self, name: str) -> Token | None:
        return next((one for one in KNOWN if name in (one.symbol, one.mint)), None)

    def cached_pools(self, venue: str, pair: Pair) -> Sequence[Pool] | None:
        return None

    async def pools(self, venue: str, pair: Pair, reference: str) -> Sequence[Pool]:
        hangs = self._dice.hit("venue hangs")
        await asyncio.sleep(self._dice.between(*(HANG_S if hangs else (0.0, 0.05))))
        if self._dice.hit("venue gives no answer"):
            raise PortUnavailable(f"{venue} gave no answer")
        deep = 10**15 + self._dice.chance.randrange(10**12)
        self._wander()
        return (
            ConstantProductPool(
                venue, Address(f"{venue.capitalize()}{pair.token_out.symbol}"), SOL.mint,
                pair.token_out.mint, deep, self._milli * deep // 10**6, VENUES[venue], Slot(1),
            ),
        )  # fmt: skip

    def _wander(self) -> None:
        """Move the price a little, at random, and back towards where it began."""
        begun = 1_000 * USDC_PER_SOL
        pull = (begun - self._milli) // 20
        self._milli += pull + self._dice.chance.randrange(-STEP_MILLI, STEP_MILLI + 1)
