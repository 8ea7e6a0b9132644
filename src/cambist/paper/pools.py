"""Moves every pool of the paper world along its price path, and back when users pushed it.

A pool nobody traded in stands exactly at its target: the path's price on its own curve. A user's
swap pushes it off; a seeded arbitrageur pulls it back, half of the way every 20 slots, along the
same curve. Both follow from the last swap's state and the slot alone, so they cost nothing until
somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from math import isqrt
from typing import Final, NamedTuple

from msgspec.structs import replace

from cambist.paper import prices
from cambist.paper.staging import Staged
from cambist.paper.tokens import STOCKS, token_of_mint
from cambist.values.amount import mul_div_ceil
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.token import BONK, ETH, JUP, RAY, SOL, USDC, USDT
from cambist.venues.constant_product import ConstantProductPool

RAYDIUM: Final = "raydium"
METEORA: Final = "meteora"
FEES_PPM: Final = {RAYDIUM: 2_500, METEORA: 2_000}
VENUES: Final = tuple(FEES_PPM)
HALF_LIFE_SLOTS: Final = 20
POOLS_IN_MEMORY_MAX: Final = 10_000

_REMEMBERED_MAX: Final = 4_096
_PPB: Final = 1_000_000_000
_HALVINGS_MAX: Final = 62
_PARTS_OF_HALVING_PPB: Final = (
    1_000_000_000, 965_936_329, 933_032_992, 901_250_463, 870_550_563, 840_896_415, 812_252_396,
    784_584_098, 757_858_283, 732_042_848, 707_106_781, 683_020_128, 659_753_955, 637_280_314,
    615_572_207, 594_603_558, 574_349_177, 554_784_736, 535_886_731, 517_632_462,
)  # fmt: skip
"""2 ** (-n / 20) for n of 0 to 19, in parts per billion."""

_DEPTH_USD: Final = {
    SOL.mint: 8_000_000,
    USDC.mint: 8_000_000,
    USDT.mint: 6_000_000,
    ETH.mint: 5_000_000,
    RAY.mint: 2_000_000,
    JUP.mint: 2_000_000,
    BONK.mint: 1_500_000,
    **{stock.mint: 2_000_000 for stock in STOCKS},
}
_DEPTH_OTHER_USD: Final = 1_000_000


class PoolKey(NamedTuple):
    """Which pool: its venue, and its mints in the order of their text."""

    venue: str
    mint_a: Address
    mint_b: Address


def pool_key(venue: str, one: Address, other: Address) -> PoolKey:
    """Return the key of a venue's pool of two mints, whichever is named first."""
    return PoolKey(venue, one, other) if one < other else PoolKey(venue, other, one)


@lru_cache(maxsize=_REMEMBERED_MAX)
def pool_address(key: PoolKey) -> Address:
    """Return a pool's account; it follows from its key."""
    return Address(encode(sha256("\n".join(("cambist pool", *key)).encode()).digest()))


@lru_cache(maxsize=_REMEMBERED_MAX)
def _first_product(key: PoolKey) -> int:
    """Return the product of reserves a pool begins with: its depth in dollars on each side."""
    product = 1
    depth = min(_DEPTH_USD.get(mint, _DEPTH_OTHER_USD) for mint in (key.mint_a, key.mint_b))
    share = 80 + pool_address(key).encode()[0] % 41
    for mint in (key.mint_a, key.mint_b):
        whole = depth * share * prices.PICO * 10 ** token_of_mint(mint).decimals
        product *= whole // (100 * prices.reference_pico(mint))
    return product


@lru_cache(maxsize=_REMEMBERED_MAX)
def _target_price(seed: int, key: PoolKey, step: int) -> tuple[int, int]:
    """Return raw b for each raw a in a step, as numerator and denominator."""
    spread = prices.spread_ppm(seed, f"{key.mint_a}/{key.mint_b}", step)
    half = spread // 2
    offset = half if key.venue == VENUES[0] else half - spread
    a, b = token_of_mint(key.mint_a), token_of_mint(key.mint_b)
    paid = prices.price_pico(seed, a.mint, step) * 10**b.decimals * (prices.PPM_ONE + offset)
    return paid, prices.price_pico(seed, b.mint, step) * 10**a.decimals * prices.PPM_ONE


def _on_curve(product: int, price: tuple[int, int]) -> int:
    """Return the reserve a at which a pool of this product has this price."""
    numerator, denominator = price
    return max(isqrt(product * denominator // numerator), 1)


def _left_of(slots: int) -> int:
    """Return what is left of a push after so many slots, in parts per billion."""
    halvings, part = divmod(slots, HALF_LIFE_SLOTS)
    return 0 if halvings > _HALVINGS_MAX else _PARTS_OF_HALVING_PPB[part] >> halvings


class PoolBook:
    """Every pool, as of any slot from its last swap on."""

    def __init__(self, seed: int, load: Callable[[PoolKey], ConstantProductPool | None]) -> None:
        self._seed = seed
        self.states: Staged[PoolKey, ConstantProductPool] = Staged(load, POOLS_IN_MEMORY_MAX)
        self._views: dict[PoolKey, ConstantProductPool] = {}

    def seen(self, key: PoolKey, slot: Slot) -> ConstantProductPool:
        """Return a pool as everyone sees it at a slot."""
        view = self._views.get(key)
        if view is None or view.slot != slot:
            view = self._views[key] = self._at(key, self.states.seen(key), slot)
            if len(self._views) > POOLS_IN_MEMORY_MAX:
                self._views.clear()
        return view

    def current(self, key: PoolKey, slot: Slot) -> ConstantProductPool:
        """Return a pool within the slot that is executing."""
        return self._at(key, self.states.current(key), slot)

    def publish(self) -> None:
        """Let everyone see the slot's swaps."""
        self.states.publish()
        self._views.clear()

    def _at(
        self, key: PoolKey, state: ConstantProductPool | None, slot: Slot
    ) -> ConstantProductPool:
        price = _target_price(self._seed, key, prices.step_of(slot))
        if state is None:
            product = _first_product(key)
            a = _on_curve(product, price)
            b = mul_div_ceil(product, 1, a)
            fee = FEES_PPM[key.venue]
            return ConstantProductPool(
                key.venue, pool_address(key), key.mint_a, key.mint_b, a, b, fee, slot
            )
        if slot <= state.slot:
            return state
        product = state.reserve_a * state.reserve_b
        before = _target_price(self._seed, key, prices.step_of(state.slot))
        pushed = state.reserve_a - _on_curve(product, before)
        a = _on_curve(product, price) + pushed * _left_of(slot - state.slot) // _PPB
        a = max(a, 1)
        return replace(state, reserve_a=a, reserve_b=mul_div_ceil(product, 1, a), slot=slot)
