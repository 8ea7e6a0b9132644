"""Encodes a pool as a short record, from which the other side makes the same pool."""

from __future__ import annotations

import msgspec

from cambist.paper.pool_models import POOL_MODELS
from cambist.paper.pool_states import first_pool, pool_key, time_of
from cambist.values.ids import Address
from cambist.values.time_units import Slot
from cambist.venues.pool import Pool


class PoolRecord(msgspec.Struct, frozen=True, gc=False):
    """How a pool differs from the one it began as. The numbers are text: they may have 128 bits."""

    program: str
    mint_a: Address
    mint_b: Address
    slot: Slot
    saved: str


def write_pool(pool: Pool) -> PoolRecord:
    """Return a pool in words."""
    saved = POOL_MODELS[pool.program].dump(pool)
    return PoolRecord(pool.program, pool.mint_a, pool.mint_b, pool.slot, " ".join(map(str, saved)))


def read_pool(word: PoolRecord) -> Pool:
    """Return the pool that a record describes."""
    made = first_pool(pool_key(word.program, word.mint_a, word.mint_b))
    saved = tuple(int(number) for number in word.saved.split())
    return POOL_MODELS[word.program].load(made, saved).at(time_of(word.slot))
