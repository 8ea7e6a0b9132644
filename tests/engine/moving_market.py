"""A paper market whose prices a test moves: same pools and accounts, other prices."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

from cambist.orders.order import Order
from cambist.orders.terms import Terms
from cambist.paper.adapters import PaperMarket
from cambist.paper.pool_models import POOL_MODELS, PriceRatio
from cambist.ports.errors import PortUnavailable
from cambist.values.price import price_level
from cambist.values.token import Pair
from cambist.venues.pool import Pool

SOL = 10**9
LANDS_MS = 15_000


class MovingMarket(PaperMarket):
    """Shows pools at a multiple of their price; the chain goes on to execute at the real one.

    `factors` are used slot after slot, the last one for ever. A venue in `silent` does not answer.
    """

    factors: ClassVar[list[Fraction]] = [Fraction(1)]
    silent: ClassVar[set[str]] = set()

    @classmethod
    def show(cls, *factors: Fraction | int) -> None:
        """Show prices at these multiples from now on, each for one look at a slot."""
        cls.factors = [Fraction(factor) for factor in factors]
        cls._slot = None

    _slot: ClassVar[int | None] = None

    def _factor(self) -> Fraction:
        slot = self._clock.monotonic_ms() // self._network.profile.slot_ms
        kind = type(self)
        if kind._slot is not None and slot > kind._slot and len(kind.factors) > 1:
            kind.factors = kind.factors[1:]
        kind._slot = slot
        return kind.factors[0]

    def cached_pools(self, venue: str, pair: Pair) -> Sequence[Pool] | None:
        """Return nothing: prices are asked for."""
        return None

    async def pools(self, venue: str, pair: Pair, reference: str) -> Sequence[Pool]:
        """Return the venue's pools at the price that is shown. Raises PortUnavailable."""
        if venue in self.silent:
            raise PortUnavailable(f"{venue} is silent")
        factor = self._factor()
        return [_moved(pool, factor, pair) for pool in self._network.pools(venue, pair)]


def _moved(pool: Pool, factor: Fraction, pair: Pair) -> Pool:
    if factor == 1:
        return pool
    shape = POOL_MODELS[pool.program]
    price = shape.price(pool)
    if pool.mint_a != pair.token_in.mint:
        factor = 1 / factor
    moved = PriceRatio(a=price.a * factor.denominator, b=price.b * factor.numerator)
    return shape.at_price(pool, moved)


def at(usdc_per_sol: int | Fraction, **more: object) -> Terms:
    """Return terms whose limit price is so many USDC for one SOL."""
    return Terms(limit_price=level(usdc_per_sol), **more)  # type: ignore[arg-type]


def level(usdc_per_sol: int | Fraction):  # type: ignore[no-untyped-def]
    """Return a level of so many USDC for one SOL."""
    exact = Fraction(usdc_per_sol) / 1_000
    return price_level(exact.numerator, exact.denominator)


def tolerance(order: Order) -> int:
    """Return the tolerance of an order's try."""
    return order.slippage_bps
