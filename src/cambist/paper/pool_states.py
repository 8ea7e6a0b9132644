"""Moves every pool of the paper network along its price path, and back when users pushed it.

A pool at rest stands at the ratio of what its two tokens cost, so that all pairs agree. A user's
swap pushes it off. Arbitrage along cycles goes on until these pay no more: what is left of the
push is halved every 20 slots, and a small part of it stays in what the two tokens cost in every
pool (`arbitrage`). All of it follows from the last swaps' states and the slot alone, so that
nothing is computed before somebody looks.
"""

# The state of a pool at slot n is a function of four things: the seed, the pool's key, its last
# swap as stored in the ledger, and n. Nothing runs in the background, and a pool that nobody looks
# at costs nothing. A restart computes the same pools from the same file.
#
#     rest(n)   = price(token a, n) / price(token b, n) * (1 + own offset of the pool)
#     price(t)  = path of the token * (1 + what orders left + a shock at this venue)
#     pool(n)   = the pool moved to rest(n) * (1 + push * 2^(-age / 20))
#
# - The path follows price_paths.py, the same at both venues.
# - What orders left in a token follows arbitrage.py.
# - The own offset is fixed for ever, at most _OWN_OFFSET_PPM. It makes each program the best one
#   somewhere, so that routing has something to choose.
# - `push` is how far the last swap left the pool above its rest. It halves every HALF_LIFE_SLOTS.
#
# Moving a pool to a price is the task of its model (`at_price` in paper/pool_models), which keeps
# the liquidity and changes what the pool holds. The difference is booked against the arbitrage
# account in runtime.py, so that the ledger's sums stay zero for every mint.
#
# Two views of each pool exist. `seen` knows the swaps of committed slots only. `current` is within
# the slot that is executing, in which a transaction sees what the ones before it did.
#
# A pool is moved when somebody looks at it, and only where its price may be another one: prices
# change at rounds and at the ticks of a shock, and rebuilding a pool of ticks is the most expensive
# step here. `_still` holds pools with the span of slots in which they stand still. A swap moves its
# own pool only; until the next round after it the pool stands as the swap left it (`_left`).

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from cambist.paper import price_paths
from cambist.paper.decay import PPB_ONE, left_ppb
from cambist.paper.pool_models import POOL_MODELS, PoolSpec, PriceRatio
from cambist.paper.price_push import ROUND_SLOTS, TokenPush, offset_ppb, slots_of_rounds
from cambist.paper.slot_overlay import SlotOverlay
from cambist.paper.tokens import LISTED, STOCKS, token_of_mint
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.time_units import Slot
from cambist.values.token import BONK, ETH, JUP, RAY, SOL, USDC, USDT
from cambist.venues.pool import Pool
from cambist.venues.snapshot import SLOTS_PER_EPOCH, ChainTime

RAYDIUM: Final = "raydium"
METEORA: Final = "meteora"
FEES_PPM: Final = {RAYDIUM: 2_500, METEORA: 2_500}
"""The same at both, so that each program is the best one somewhere."""
VENUES: Final = tuple(FEES_PPM)
PROGRAMS_OF: Final = {
    venue: tuple(name for name, shape in POOL_MODELS.items() if shape.program.venue == venue)
    for venue in VENUES
}
HALF_LIFE_SLOTS: Final = 20
POOLS_IN_MEMORY_MAX: Final = 10_000

_REMEMBERED_MAX: Final = 4_096
_BEGUN_S: Final = 1_790_000_000
"""What the chain's clock says at slot 0, in seconds since the Unix epoch."""
_SLOTS_PER_S: Final = 10
_PPB_OF_PPM: Final = PPB_ONE // price_paths.PPM_ONE
_OWN_OFFSET_PPM: Final = 150
"""How far a pool's own price lies off its pair's at most, for ever: with 2.5 bps of a DLMM bin, the
best direct price is within 10 bps of the best one through a hub."""

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
        return POOL_MODELS[self.program].program.venue


class PoolState(msgspec.Struct, frozen=True, gc=False):
    """A pool as its last swap left it: what it holds, when, and the numbers of its shape.

    `pushed_ppb` is how far that was above where it would have rested, in parts per billion.
    """

    held_a: int
    held_b: int
    slot: Slot
    saved: tuple[int, ...]
    pushed_ppb: int = 0


@lru_cache(maxsize=_REMEMBERED_MAX)
def pool_keys(venue: str, mint: Address, other: Address) -> tuple[PoolKey, ...]:
    """Return the keys of a venue's pools of two mints, whichever is named first."""
    return tuple(pool_key(program, mint, other) for program in PROGRAMS_OF.get(venue, ()))


def pool_key(program: str, mint: Address, other: Address) -> PoolKey:
    """Return the key of a program's pool of two mints, whichever is named first."""
    return PoolKey(program, mint, other) if mint < other else PoolKey(program, other, mint)


@lru_cache(maxsize=_REMEMBERED_MAX)
def pool_address(key: PoolKey) -> Address:
    """Return a pool's account; it follows from its key."""
    return Address(encode(sha256("\n".join(("cambist pool", *key)).encode()).digest()))


@lru_cache(maxsize=_REMEMBERED_MAX)
def first_pool(key: PoolKey) -> Pool:
    """Return a pool as it begins: at the reference price, with depth as its mints have it."""
    depth = _depth_usd(key.mint_a, key.mint_b)
    share = 80 + pool_address(key).encode()[0] % 41
    tokens = [token_of_mint(mint) for mint in (key.mint_a, key.mint_b)]
    a, b = (
        depth * share * price_paths.PICO * 10**token.decimals
        // (100 * price_paths.reference_pico(token.mint))
        for token in tokens
    )  # fmt: skip
    decimals = (tokens[0].decimals, tokens[1].decimals)
    fee = FEES_PPM[key.venue]
    site = PoolSpec(pool_address(key), key.mint_a, key.mint_b, *decimals, max(a, 1), max(b, 1), fee)
    return POOL_MODELS[key.program].create(site, time_of(Slot(0)))


def _depth_usd(first: Address, second: Address) -> int:
    """Return how deep the pools of two mints are."""
    return min(_DEPTH_USD.get(mint, _DEPTH_OTHER_USD) for mint in (first, second))


@lru_cache(maxsize=_REMEMBERED_MAX)
def share_ppb(mint: Address, other: Address) -> int:
    """Return what stays in a mint's price of a push of one pool: the pool's part of its pools.

    Who trades along cycles brings nothing and keeps nothing: what one pool gives back the others
    take, in every pair of the token, each by its depth.
    """
    whole = sum(_depth_usd(mint, token.mint) for token in LISTED)
    return PPB_ONE * _depth_usd(mint, other) // (len(POOL_MODELS) * whole)


@lru_cache(maxsize=_REMEMBERED_MAX)
def own_offset_ppm(key: PoolKey) -> int:
    """Return how far a pool's own price lies off its pair's, for ever."""
    return pool_address(key).encode()[1] * 7 % (2 * _OWN_OFFSET_PPM + 1) - _OWN_OFFSET_PPM


@lru_cache(maxsize=_REMEMBERED_MAX)
def _units(key: PoolKey) -> tuple[int, int]:
    """Return by what the prices of a pool's tokens are multiplied, its own offset counted."""
    a, b = token_of_mint(key.mint_a), token_of_mint(key.mint_b)
    return 10**b.decimals * (
        price_paths.PPM_ONE + own_offset_ppm(key)
    ), 10**a.decimals * price_paths.PPM_ONE


def time_of(slot: Slot) -> ChainTime:
    """Return what the chain's clock says at a slot; epochs are as long as on the main chain."""
    return ChainTime(slot, _BEGUN_S + slot // _SLOTS_PER_S, slot // SLOTS_PER_EPOCH)


class PoolStates:
    """Every pool, as of any slot from its last swap on."""

    def __init__(
        self,
        seed: int,
        load: Callable[[PoolKey], PoolState | None],
        load_push: Callable[[Address], TokenPush | None] = lambda _: None,
    ) -> None:
        self._seed = seed
        self.states: SlotOverlay[PoolKey, PoolState] = SlotOverlay(load, POOLS_IN_MEMORY_MAX)
        self.pushes: SlotOverlay[Address, TokenPush] = SlotOverlay(load_push, POOLS_IN_MEMORY_MAX)
        self._views: dict[PoolKey, Pool] = {}
        self._pairs: dict[tuple[str, Address, Address], tuple[Slot, tuple[Pool, ...]]] = {}
        self._still: dict[PoolKey, _StillPool] = {}
        self._left: dict[PoolKey, tuple[PoolState, Pool]] = {}
        self._left_in_slot: dict[PoolKey, tuple[PoolState, Pool]] = {}
        self._is_at_limit = False

    def pair(self, venue: str, mint: Address, other: Address, slot: Slot) -> tuple[Pool, ...]:
        """Return a venue's pools of two mints as everyone sees them: one tuple until they move."""
        kept = self._pairs.get((venue, mint, other))
        if kept is None or kept[0] != slot:
            pools = tuple([self.seen(key, slot) for key in pool_keys(venue, mint, other)])
            kept = self._pairs[venue, mint, other] = slot, pools
            _forget(self._pairs)
        return kept[1]

    def seen(self, key: PoolKey, slot: Slot) -> Pool:
        """Return a pool as everyone sees it at a slot."""
        view = self._views.get(key)
        if view is None or view.slot != slot:
            view = self._views[key] = self._still_at(key, self.states.seen(key), slot)
            _forget(self._views)
        return view

    def current(self, key: PoolKey, slot: Slot) -> Pool:
        """Return a pool within the slot that is executing."""
        state = self.states.current(key)
        if state is self.states.seen(key) and not any(
            self._has_spread(mint, slot) for mint in (key.mint_a, key.mint_b)
        ):
            return self.seen(key, slot)
        return self._at(key, state, slot, self.pushes.current).pool

    def _has_spread(self, mint: Address, slot: Slot) -> bool:
        """Whether a push of the running slot has reached other pools by a slot."""
        push = self.pushes.staged(mint)
        return push is not None and slots_of_rounds(push.slot, slot) > 0

    def left(self, key: PoolKey, state: PoolState) -> Pool:
        """Return a pool as its last swap left it."""
        is_seen = state is self.states.seen(key)
        left = self._left if is_seen else self._left_in_slot
        kept = left.get(key)
        if kept is None or kept[0] is not state:
            pool = POOL_MODELS[key.program].load(first_pool(key), state.saved)
            kept = left[key] = state, pool
            _forget(left)
        return kept[1]

    def push(self, key: PoolKey, before: Pool, after: Pool, slot: Slot) -> int:
        """Note that a swap moved a pool; return how far it now is above its rest, in ppb."""
        shape, rest = POOL_MODELS[key.program], self.rest_price(key, slot, self.pushes.current)
        stood, stands = (_above_ppb(shape.price(pool), rest) for pool in (before, after))
        for mint, other, moved in (
            (key.mint_a, key.mint_b, stands - stood),
            (key.mint_b, key.mint_a, stood - stands),
        ):
            part = moved * share_ppb(mint, other) // PPB_ONE
            push = self.pushes.current(mint) or TokenPush(0, 0, slot)
            more = push.with_more(part, slot)
            self.pushes.stage(mint, more)
            self._is_at_limit = self._is_at_limit or more.is_at_limit
        return stands

    def rest_price(
        self, key: PoolKey, slot: Slot, push_of: Callable[[Address], TokenPush | None]
    ) -> PriceRatio:
        """Return where a pool stands at a slot once nothing is left of pushes of its own."""
        units = _units(key)
        a = self._cost(key.venue, key.mint_a, slot, push_of(key.mint_a))
        b = self._cost(key.venue, key.mint_b, slot, push_of(key.mint_b))
        return PriceRatio(a * units[0], b * units[1])

    def _cost(self, venue: str, mint: Address, slot: Slot, push: TokenPush | None) -> int:
        """Return what a token costs at a venue: its path, a shock, and what orders left."""
        off = offset_ppb(push, slot)
        off += price_paths.shock_ppm(self._seed, VENUES, venue, mint, slot) * _PPB_OF_PPM
        return price_paths.price_pico(self._seed, mint, price_paths.step_of(slot)) * (PPB_ONE + off)

    def publish(self) -> None:
        """Let everyone see the slot's swaps."""
        self._pairs.clear()
        for key in self.states.changes:
            self._views.pop(key, None)
        self._left |= self._left_in_slot
        self._left_in_slot = {}
        if self._is_at_limit:  # a push at its limit moves the token's pools at once
            self._views.clear()
            self._still.clear()
            self._is_at_limit = False
        self.states.publish()
        self.pushes.publish()

    def _still_at(self, key: PoolKey, state: PoolState | None, slot: Slot) -> Pool:
        """Return a pool as everyone sees it, moved only where it may have to be."""
        kept = self._still.get(key)
        if kept is None or kept.state is not state or not kept.since <= slot < kept.until:
            kept = self._still[key] = self._at(key, state, slot, self.pushes.seen, kept)
            _forget(self._still)
        at = slot if state is None else max(slot, state.slot)
        return kept.pool if kept.pool.slot == at else kept.pool.at(time_of(at))

    def _at(
        self,
        key: PoolKey,
        state: PoolState | None,
        slot: Slot,
        push_of: Callable[[Address], TokenPush | None],
        before: _StillPool | None = None,
    ) -> _StillPool:
        """Return a pool at a slot; `before` is the same pool at another, which is moved no more."""
        slot = slot if state is None else max(slot, state.slot)
        since, until = self._span(key, slot)
        if state is not None and state.slot >= since:
            pool = self.left(key, state).at(time_of(slot))
            return _StillPool(state, None, since, until, pool)
        price = self.rest_price(key, slot, push_of)
        if state is not None and state.pushed_ppb:
            price = _pushed(price, state, slot)
        if before is not None and before.state is state and before.price == price:
            pool = before.pool
        else:
            left = first_pool(key) if state is None else self.left(key, state)
            pool = POOL_MODELS[key.program].at_price(left, price)
        return _StillPool(state, price, since, until, pool.at(time_of(slot)))

    def _span(self, key: PoolKey, slot: Slot) -> tuple[Slot, Slot]:
        """Return from which slot on and until which one (excluded) a pool's price is the same."""
        since = slot // ROUND_SLOTS * ROUND_SLOTS
        until = since + ROUND_SLOTS
        for mint in (key.mint_a, key.mint_b):
            begins, ends = price_paths.shock_span(self._seed, VENUES, key.venue, mint, slot)
            since, until = max(since, begins), min(until, ends)
        return Slot(since), Slot(until)


class _StillPool(NamedTuple):
    """A pool that stands still from a slot on until another one (excluded).

    `state` is what its last swap left, and `price` where it stands; None as the swap left it.
    """

    state: PoolState | None
    price: PriceRatio | None
    since: Slot
    until: Slot
    pool: Pool


def _forget(kept: dict[Any, Any]) -> None:
    if len(kept) > POOLS_IN_MEMORY_MAX:
        kept.clear()


def _above_ppb(price: PriceRatio, rest: PriceRatio) -> int:
    """Return how far a price is above another, in parts per billion."""
    even = price.a * rest.b
    return (price.b * rest.a - even) * PPB_ONE // even


def _pushed(rest: PriceRatio, state: PoolState, slot: Slot) -> PriceRatio:
    """Return where a pool stands that arbitrage has pulled back since its last swap."""
    gone = slots_of_rounds(state.slot, slot)
    left = state.pushed_ppb * left_ppb(gone, HALF_LIFE_SLOTS) // PPB_ONE
    return PriceRatio(max(rest.b * (PPB_ONE + left), 1), rest.a * PPB_ONE) if left else rest
