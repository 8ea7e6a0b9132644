"""Remembers, in the shared store, how the chain's record compares with the attempts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cambist.ports.chain import Trace
from cambist.ports.recall import Missing
from cambist.ports.store import Halt
from cambist.stores.postgres import reader
from cambist.stores.postgres.pool import Pool
from cambist.values.ids import Signature
from cambist.values.time_units import Moment, Slot


class Recalling:
    """What makes a shared store one that can be held against the chain."""

    _readers: Pool
    _writers: Pool

    async def compared(self) -> Slot | None:
        """Return the slot up to which the chain was held against the attempts."""
        ((slot,),) = await reader.fetch(self._readers, "compared")
        return None if slot is None else Slot(slot)

    async def note_compared(self, slot: Slot) -> None:
        """Remember how far the comparison went."""
        await reader.fetch(self._writers, "note_compared", slot)

    async def unrecorded(self, signatures: Sequence[Signature]) -> frozenset[Signature]:
        """Return those that neither an attempt has nor a note of what is missing."""
        rows = await reader.fetch(self._readers, "recorded", list(signatures))
        return frozenset(signatures) - {Signature(row[0]) for row in rows}

    async def note_missing(self, missing: Sequence[Trace], halt: Halt, now: Moment) -> None:
        """Halt, and note what is missing."""
        columns = (
            [one.signature for one in missing],
            [one.order_id for one in missing],
            [one.attempt for one in missing],
            [one.slot for one in missing],
            [one.failed for one in missing],
        )

        async def write(line: Any) -> None:
            async with line.transaction():
                await line.execute(reader.SQL["halt"], halt.reason, halt.by, halt.at)
                await line.execute(reader.SQL["note_missing"], *columns, now)

        await self._writers.read(write)

    async def missing(self, limit: int) -> Missing:
        """Return what was noted as missing, newest first."""
        return await missing(self._readers, limit)


async def missing(pool: Pool, limit: int) -> Missing:
    """Read what was noted as missing, newest first. Raises PortDown."""
    total = await reader.one_number(pool, "count_missing")
    rows = await reader.fetch(pool, "missing", limit)
    return Missing(total, tuple(Trace(*row) for row in rows))
