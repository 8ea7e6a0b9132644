"""Computes what orders leave in what a token costs, after arbitrage along all cycles of pools.

A swap moves one pool. An arbitrageur sells where a token is dear and buys where it is cheap, along
cycles of pools, which needs no money of its own. When no cycle pays any more, the price of every
pair is the ratio of its two tokens' prices again, in all pools. A part of the push stays in these
two prices: the pool's part of the depth. Outside trade then brings them back to their paths, half
of the way every 200 slots. Two sums per token describe that for any number of swaps:

    off(t) = slow * 2^(-t/200) - fast * 2^(-t/20)

Each swap adds the same to both, so that at its own slot no other pool has moved yet. Arbitrage
happens every 20 slots, and all pools stand still in between.
"""

# Why it is needed: without anybody who trades against them, pools would drift apart with every
# order, and a router that splits orders would find ever larger gains that no market has. A full
# simulation of arbitrageurs would cost a search per slot. This module uses the result of such
# trading instead, as a formula in time.
#
# The model. Tokens have prices, and the price of a pair is the ratio of two of them. So there is
# one number per token, and all pairs agree at rest: no cycle of pools pays. A swap that moves one
# pool by a part m moves the price of its two tokens by m times that pool's share of all the depth
# of the token (`share_ppb` in pool_states.py), in opposite directions. That part stays after the
# pool itself is back, because arbitrage along cycles needs no money of its own: what one pool gives
# back, the others take.
#
# Two sums per token are enough for any number of swaps, since exponentials with one half-life add
# up. `slow` is the part that outside trade takes back, `fast` is the part that has not yet spread
# to the other pools. Both get the same amount at the swap, so the offset begins at 0 and rises.
#
# Grains and rounds keep pools still: a price changes in steps of GRAIN_PPB, and only every
# ROUND_SLOTS slots. A pool that moved with every slot could not be cached, and a quote would be
# stale the moment it was made. The steps are far below the slippage of any order.
#
# All of it is integer arithmetic in parts per billion, rounded towards zero, so the offset of a
# token dies out instead of staying at -1. A bound of a tenth (OFFSET_MAX_PPB) keeps a flood of
# orders from driving a price to zero.

from __future__ import annotations

from typing import Final

import msgspec

from cambist.paper.decay import PPB_ONE, left_ppb
from cambist.values.time_units import Slot

CYCLES_HALF_LIFE_SLOTS: Final = 20
ROUND_SLOTS: Final = 20
"""Arbitrage happens at the slots that are a multiple of this."""
OUTSIDE_HALF_LIFE_SLOTS: Final = 200
OFFSET_MAX_PPB: Final = 100_000_000
"""Orders move what a token costs by a tenth at most: outside trade takes the rest."""

GRAIN_PPB: Final = 10_000
"""Pools stand still until what a token costs is off by so much more: 0.1 bps."""


class TokenPush(msgspec.Struct, frozen=True, gc=False):
    """What orders left in what a token costs, as of a slot, in parts per billion."""

    slow_ppb: int
    fast_ppb: int
    slot: Slot

    def with_more(self, part_ppb: int, slot: Slot) -> TokenPush:
        """Return the push at a slot with one swap's part more."""
        slow, fast = self._left(slot)
        return TokenPush(_bounded(slow + part_ppb), _bounded(fast + part_ppb), slot)

    def offset_ppb(self, slot: Slot) -> int:
        """Return how far the token is above its path at a slot, in whole grains."""
        slow, fast = self._left(slot)
        off = slow - fast
        grains = abs(off) // GRAIN_PPB * GRAIN_PPB
        return grains if off > 0 else -grains

    @property
    def is_at_limit(self) -> bool:
        """Whether a part of what orders did is left out: the offset then changes at once."""
        return max(abs(self.slow_ppb), abs(self.fast_ppb)) == OFFSET_MAX_PPB // 2

    def _left(self, slot: Slot) -> tuple[int, int]:
        gone = slots_of_rounds(self.slot, slot)
        if not gone:
            return self.slow_ppb, self.fast_ppb
        slow = _part(self.slow_ppb, left_ppb(gone, OUTSIDE_HALF_LIFE_SLOTS))
        return slow, _part(self.fast_ppb, left_ppb(gone, CYCLES_HALF_LIFE_SLOTS))


def slots_of_rounds(since: Slot, until: Slot) -> int:
    """Return how many slots lie between the last round before each of two slots; never negative."""
    return max(until // ROUND_SLOTS - since // ROUND_SLOTS, 0) * ROUND_SLOTS


def offset_ppb(push: TokenPush | None, slot: Slot) -> int:
    """Return how far orders hold a token above its path at a slot, in parts per billion."""
    return 0 if push is None else push.offset_ppb(slot)


def _part(ppb: int, of_ppb: int) -> int:
    """Return a part, rounded towards nothing."""
    part = abs(ppb) * of_ppb // PPB_ONE
    return part if ppb > 0 else -part


def _bounded(ppb: int) -> int:
    return min(max(ppb, -OFFSET_MAX_PPB // 2), OFFSET_MAX_PPB // 2)
