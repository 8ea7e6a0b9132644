"""Moves every pool of the paper world along its price path, and back when users pushed it.

A pool nobody traded in stands exactly at its target: the path's price on its own curve. A user's
swap pushes it off; a seeded arbitrageur pulls its price back, half of the way every 20 slots, along
the same curve. Both follow from the last swap's state and the slot alone, so they cost nothing
until somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from cambist.paper import prices
from cambist.paper.shapes import SHAPES, Ratio, Site
from cambist.paper.staging import Staged
from cambist.paper.tokens import STOCKS, token_of_mint
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.moment import Slot
from cambist.values.token import BONK, ETH, JUP, RAY, SOL, USDC, USDT
from cambist.venues.accounts import ChainTime
from cambist.venues.pool import Pool

RAYDIUM: Final = "raydium"
METEORA: Final = "meteora"
FEES_PPM: Final = {RAYDIUM: 2_500, METEORA: 2_000}
VENUES: Final = tuple(FEES_PPM)
PROGRAMS_OF: Final = {
    venue: tuple(name for name, shape in SHAPES.items() if shape.program.venue == venue)
    for venue in VENUES
}
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
_BEGUN_S: Final = 1_790_000_000
"""What the chain's clock says at slot 0, in seconds since the Unix epoch."""
_SLOTS_PER_S: Final = 10
_OWN_OFFSET_PPM: Final = 400
"""How far a pool's own price lies off its venue's at most, for ever."""

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
    """Which pool: its program, and its mints in the order of their text."""

    program: str
    mint_a: Address
    mint_b: Address

    @property
    def venue(self) -> str:
        """The venue it belongs to."""
        return SHAPES[self.program].program.venue


class PoolState(msgspec.Struct, frozen=True, gc=False):
    """A pool as its last swap left it: what it holds, when, and the numbers of its shape."""

    held_a: int
    held_b: int
    slot: Slot
    saved: tuple[int, ...]


def pool_keys(venue: str, one: Address, other: Address) -> tuple[PoolKey, ...]:
    """Return the keys of a venue's pools of two mints, whichever is named first."""
    return tuple(pool_key(program, one, other) for program in PROGRAMS_OF.get(venue, ()))


def pool_key(program: str, one: Address, other: Address) -> PoolKey:
    """Return the key of a program's pool of two mints, whichever is named first."""
    return PoolKey(program, one, other) if one < other else PoolKey(program, other, one)


@lru_cache(maxsize=_REMEMBERED_MAX)
def pool_address(key: PoolKey) -> Address:
    """Return a pool's account; it follows from its key."""
    return Address(encode(sha256("\n".join(("cambist pool", *key)).encode()).digest()))


@lru_cache(maxsize=_REMEMBERED_MAX)
def first_pool(key: PoolKey) -> Pool:
    """Return a pool as it begins: at the reference price, with depth as its mints have it."""
    depth = min(_DEPTH_USD.get(mint, _DEPTH_OTHER_USD) for mint in (key.mint_a, key.mint_b))
    share = 80 + pool_address(key).encode()[0] % 41
    tokens = [token_of_mint(mint) for mint in (key.mint_a, key.mint_b)]
    a, b = (
        depth * share * prices.PICO * 10**one.decimals
        // (100 * prices.reference_pico(one.mint))
        for one in tokens
    )  # fmt: skip
    decimals = (tokens[0].decimals, tokens[1].decimals)
    fee = FEES_PPM[key.venue]
    site = Site(pool_address(key), key.mint_a, key.mint_b, *decimals, max(a, 1), max(b, 1), fee)
    return SHAPES[key.program].made(site, time_of(Slot(0)))


@lru_cache(maxsize=_REMEMBERED_MAX)
def target_price(seed: int, key: PoolKey, step: int) -> Ratio:
    """Return where a pool stands in a step when nobody pushed it."""
    spread = prices.spread_ppm(seed, f"{key.mint_a}/{key.mint_b}", step)
    half = spread // 2
    offset = half if key.venue == VENUES[0] else half - spread
    offset += pool_address(key).encode()[1] * 7 % (2 * _OWN_OFFSET_PPM) - _OWN_OFFSET_PPM
    a, b = token_of_mint(key.mint_a), token_of_mint(key.mint_b)
    paid = prices.price_pico(seed, a.mint, step) * 10**b.decimals * (prices.PPM_ONE + offset)
    return Ratio(paid, prices.price_pico(seed, b.mint, step) * 10**a.decimals * prices.PPM_ONE)


def time_of(slot: Slot) -> ChainTime:
    """Return what the chain's clock says at a slot."""
    return ChainTime(slot, _BEGUN_S + slot // _SLOTS_PER_S, 0)


def _left_of(slots: int) -> int:
    """Return what is left of a push after so many slots, in parts per billion."""
    halvings, part = divmod(slots, HALF_LIFE_SLOTS)
    return 0 if halvings > _HALVINGS_MAX else _PARTS_OF_HALVING_PPB[part] >> halvings


class PoolBook:
    """Every pool, as of any slot from its last swap on."""

    def __init__(self, seed: int, load: Callable[[PoolKey], PoolState | None]) -> None:
        self._seed = seed
        self.states: Staged[PoolKey, PoolState] = Staged(load, POOLS_IN_MEMORY_MAX)
        self._views: dict[PoolKey, Pool] = {}
        self._still: dict[PoolKey, tuple[int, Pool]] = {}

    def seen(self, key: PoolKey, slot: Slot) -> Pool:
        """Return a pool as everyone sees it at a slot."""
        view = self._views.get(key)
        if view is None or view.slot != slot:
            view = self._views[key] = self._at(key, self.states.seen(key), slot)
            if len(self._views) > POOLS_IN_MEMORY_MAX:
                self._views.clear()
        return view

    def current(self, key: PoolKey, slot: Slot) -> Pool:
        """Return a pool within the slot that is executing."""
        return self._at(key, self.states.current(key), slot)

    def left(self, key: PoolKey, state: PoolState) -> Pool:
        """Return a pool as its last swap left it."""
        return SHAPES[key.program].loaded(first_pool(key), state.saved)

    def publish(self) -> None:
        """Let everyone see the slot's swaps."""
        for key in self.states.changes:
            self._views.pop(key, None)
        self.states.publish()

    def _at(self, key: PoolKey, state: PoolState | None, slot: Slot) -> Pool:
        if state is None:
            return self._untouched(key, prices.step_of(slot)).at(time_of(slot))
        shape, left = SHAPES[key.program], self.left(key, state)
        if slot > state.slot:
            left = shape.put(left, self._pulled(key, state, shape.price(left), slot))
        return left.at(time_of(max(slot, state.slot)))

    def _untouched(self, key: PoolKey, step: int) -> Pool:
        """Return a pool nobody traded in, which stands still within a step."""
        kept = self._still.get(key)
        if kept is None or kept[0] != step:
            shape = SHAPES[key.program]
            kept = (step, shape.put(first_pool(key), target_price(self._seed, key, step)))
            self._still[key] = kept
            if len(self._still) > POOLS_IN_MEMORY_MAX:
                self._still.clear()
        return kept[1]

    def _pulled(self, key: PoolKey, state: PoolState, stood: Ratio, slot: Slot) -> Ratio:
        """Return how far the arbitrageur has pulled a price back: what is left of the push."""
        before = target_price(self._seed, key, prices.step_of(state.slot))
        target = target_price(self._seed, key, prices.step_of(slot))
        even = stood.a * before.b
        pushed = (stood.b * before.a - even) * _left_of(slot - state.slot)
        return Ratio(max(target.b * (even * _PPB + pushed), 1), target.a * even * _PPB)
