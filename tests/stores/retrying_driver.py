"""Takes orders through whole lives on a store that fails now and then, as the engine would."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cambist.orders import events
from cambist.orders.journal import RecordedEvent, replay
from cambist.orders.order import Order, Status
from cambist.ports.clock import Clock
from cambist.ports.errors import (
    DuplicateIdempotencyKey,
    PortOverloaded,
    PortUnavailable,
    VersionConflict,
)
from cambist.ports.store import NewOrder, Store
from cambist.stores.rows import read_entry
from cambist.values.ids import OrderId
from tests import order_factory
from tests.contracts.store_harness import change

KINDS = ["accepted", "started", "routed", "signed", "sent", "landed", "finalized"]
AGAIN_S = 0.02
TRIES_MAX = 2_000


class Witness:
    """Hears the news of one store, and checks what must hold of it at once."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, str, int]] = []

    def __call__(self, told: Sequence[RecordedEvent], places: Sequence[int]) -> None:
        for one, place in zip(told, places, strict=True):
            assert not self.heard or place > self.heard[-1][0], "places only grow"
            self.heard.append((place, one.order.id, one.entry.seq))


class Carer:
    """Drives orders; counts what went wrong on the way."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.setbacks: Counter[str] = Counter()

    async def add(self, new_order: NewOrder) -> None:
        """Add an order, whatever it takes."""
        for _ in range(TRIES_MAX):
            try:
                await self._store.add(new_order)
            except DuplicateIdempotencyKey as taken:
                if taken.existing.order_id != new_order.event.order.id:
                    raise
            except (PortUnavailable, PortOverloaded) as down:
                self.setbacks[type(down).__name__] += 1
                await asyncio.sleep(AGAIN_S)
                continue
            return
        raise AssertionError("never added")

    async def care_for(self, order_id: OrderId) -> None:
        """Bring an order to its end, whatever it takes."""
        for _ in range(TRIES_MAX):
            order = await self._try(self._store.claim(order_id))
            if order is None:
                known = await self._try(self._store.get(order_id))
                if known is not None and known.is_final:
                    return
                await asyncio.sleep(AGAIN_S)
                continue
            if await self._move(order):
                return
            await self._try(self._store.release(order))
        raise AssertionError(f"{order_id} never ended")

    async def _move(self, order: Order) -> bool:
        """Make what is left of its changes; True when it is over."""
        tried = order_factory.attempt(1, order.id)
        facts = (*order_factory.path(Status.CONFIRMED, tried), events.Finalized(2_100))
        while not order.is_final:
            one = facts[order.last_seq - 1]
            try:
                now = self._clock.now()
                order = await self._store.commit(order, change(one, tried, now), now)
            except VersionConflict as stale:
                self.setbacks["VersionConflict"] += 1
                if stale.current is None:
                    return False
                order = stale.current
            except (PortUnavailable, PortOverloaded) as down:
                self.setbacks[type(down).__name__] += 1
                await asyncio.sleep(AGAIN_S)
                return False
        return True

    async def _try(self, asking: Any) -> Any:
        try:
            return await asking
        except PortUnavailable:
            self.setbacks["PortUnavailable"] += 1
            return None


async def judge(line: Any, orders: int, witnesses: Sequence[Witness]) -> int:
    """Read the database as a stranger, and return how many lines it holds.

    Every order ended once and wholly, places have no gap, counts are right, and every line was
    told once, by one store, at its place.
    """
    rows = await line.fetch(
        "SELECT n, order_id, seq, at, kind, payload, hash FROM journal ORDER BY n"
    )
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1)), "places have a gap"
    lines: dict[str, list[Any]] = {}
    for row in rows:
        lines.setdefault(row[1], []).append(read_entry(tuple(row[1:])))
    assert len(lines) == orders
    for entries in lines.values():
        assert [entry.kind for entry in entries] == KINDS
        replay(entries)
    alive = await line.fetchval("SELECT count(*) FROM attempts WHERE state = 'landed'")
    assert (alive, await line.fetchval("SELECT count(*) FROM fills")) == (orders, orders)
    counts = await line.fetch("SELECT status, n FROM tallies WHERE n <> 0")
    assert [tuple(row) for row in counts] == [("confirmed", orders)]
    assert tuple(await line.fetchrow("SELECT n, backlog FROM feed_end")) == (len(rows), 0)
    heard = sorted(batch for witness in witnesses for batch in witness.heard)
    assert heard == [tuple(row[:3]) for row in rows], "every line is told once, at its place"
    return len(rows)
