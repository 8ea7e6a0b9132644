"""Encodes a pool as a short record, from which the other side makes the same pool."""

# A pool at another slot mostly differs by its clock alone, since prices change every few slots.
# Who asks again says which slot it has, and gets the slot alone of such a pool. A pool counts as
# changed at the slot at which somebody first saw it so: whoever has that slot or an earlier one may
# have what it was before.

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from cambist.paper.pool_models import POOL_MODELS
from cambist.paper.pool_states import PoolKey, first_pool, pool_key, time_of
from cambist.values.ids import Address
from cambist.values.time_units import Slot
from cambist.venues.pool import Pool

POOLS_REMEMBERED_MAX: Final = 4_096


class PoolRecord(msgspec.Struct, frozen=True, gc=False):
    """How a pool differs from the one it began as. The numbers are text: they may have 128 bits."""

    program: str
    mint_a: Address
    mint_b: Address
    slot: Slot
    saved: str


class _SeenPool(NamedTuple):
    saved: tuple[int, ...]
    changed_at: Slot


class PoolWriter:
    """Writes pools as records, and knows since which slot each of them is as it is."""

    def __init__(self) -> None:
        self._seen: dict[PoolKey, _SeenPool] = {}

    def write(self, pool: Pool, since: Slot | None = None) -> PoolRecord | Slot:
        """Return a pool in words, or only its slot if the reader has it as of the slot `since`."""
        key = PoolKey(pool.program, pool.mint_a, pool.mint_b)
        saved = POOL_MODELS[pool.program].dump(pool)
        seen = self._seen.get(key)
        if seen is None or seen.saved != saved:
            if len(self._seen) >= POOLS_REMEMBERED_MAX:
                self._seen.clear()
            seen = self._seen[key] = _SeenPool(saved, pool.slot)
        if since is not None and since > seen.changed_at:
            return pool.slot
        return PoolRecord(*key, pool.slot, " ".join(map(str, saved)))


def read_pool(record: PoolRecord) -> Pool:
    """Return the pool that a record describes."""
    made = first_pool(pool_key(record.program, record.mint_a, record.mint_b))
    saved = tuple(int(number) for number in record.saved.split())
    return POOL_MODELS[record.program].load(made, saved).at(time_of(record.slot))


def read_pools(records: tuple[PoolRecord | Slot, ...], known: tuple[Pool, ...]) -> tuple[Pool, ...]:
    """Return the pools of an answer; `known` are those of the slot that was asked since.

    Raises LookupError where they lack a pool that did not change.
    """
    return tuple(
        [
            read_pool(record)
            if isinstance(record, PoolRecord)
            else known[index].at(time_of(record))
            for index, record in enumerate(records)
        ]
    )
