"""Holds a store that can be closed and opened again, and moves orders in it the short way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import count
from typing import Any

from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.attempt import Attempt
from cambist.orders.decide import Decision
from cambist.orders.journal import JournalEntry, RecordedEvent
from cambist.orders.order import GENESIS, Order, Status
from cambist.ports.store import CommitListener, NewOrder, Store
from cambist.values.time_units import Timestamp
from tests import order_factory

Opening = Callable[[CommitListener], AbstractAsyncContextManager[Store]]
"""Opens a store at the place it always is; leaving closes it."""

JOURNAL_MAX = 10_000


class Shelf:
    """A store under test, and the news it told."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._numbers = count(1)
        self.events: list[RecordedEvent] = []
        self.places: list[int] = []
        self.store: Store = None  # type: ignore[assignment]

    async def __aenter__(self) -> Shelf:
        self._open = self._opening(self._hear)
        self.store = await self._open.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.__aexit__(None, None, None)

    def _hear(self, news: Sequence[RecordedEvent], places: Sequence[int]) -> None:
        self.events += news
        self.places += places

    async def reopen(self) -> None:
        """Close and open: what a process finds that begins where another ended."""
        await self.__aexit__()
        await self.__aenter__()

    def birth(
        self, key: str | None = None, at: int = order_factory.START, **changes: object
    ) -> NewOrder:
        """Make an order unlike all others."""
        return order_factory.birth(next(self._numbers), key, at, **changes)

    async def add(
        self, key: str | None = None, at: int = order_factory.START, **changes: object
    ) -> Order:
        """Add an order."""
        birth = self.birth(key, at, **changes)
        await self.store.add(birth)
        return birth.event.order

    async def claimed(self, status: Status = Status.PENDING, **changes: object) -> Order:
        """Add an order, claim it and bring it to a status."""
        order = await self.add(**changes)
        held = await self.store.claim(order.id)
        assert held is not None
        return await self.bring(held, status)

    async def bring(self, order: Order, status: Status) -> Order:
        """Commit the facts that lead from `pending` to a status, one by one."""
        tried = order_factory.attempt(1, order.id)
        for one in order_factory.path(status, tried):
            order = await self.commit(order, one, tried)
        return order

    async def commit(
        self, order: Order, one: events.OrderEvent, tried: Attempt | None = None, **when: Any
    ) -> Order:
        """Commit one fact; with `signed` go the bytes."""
        return await self.store.commit(order, change(one, tried, **when), order_factory.START)

    async def journal(self, order: Order) -> tuple[JournalEntry, ...]:
        """Read the whole journal of an order."""
        return await self.store.read_journal(order.id, 0, JOURNAL_MAX)


def change(
    one: events.OrderEvent, tried: Attempt | None = None, wake_at: int | None = order_factory.START
) -> Decision:
    """Write one fact as a change; an end has no wake-up."""
    ended = isinstance(one, events.Failed | events.Cancelled | events.Expired | events.Finalized)
    signed = tried if isinstance(one, events.Signed) else None
    return Decision((one,), None if ended or wake_at is None else Timestamp(wake_at), signed)


def bare(order: Order) -> Order:
    """Return what is the order's own, without the row's counters."""
    return replace(order, version=0, lease_owner=None, lease_epoch=0, wake_at=None)


def folded(order: Order) -> Order:
    """Return what the journal alone can tell of an order: all but the bytes."""
    kept = bare(order)
    if kept.attempt is None:
        return kept
    return replace(kept, attempt=replace(kept.attempt, transaction=b""))


def same(one: Order | None, two: Order | None) -> bool:
    """Whether two readings are of the same order at the same point of its life."""
    assert one is not None
    assert two is not None
    assert one.head_hash != GENESIS
    return bare(one) == bare(two)


async def at_once(*all_of: Coroutine[Any, Any, Any] | Awaitable[Any]) -> list[Any]:
    """Wait for all, and return what each brought or raised."""
    return list(await asyncio.gather(*all_of, return_exceptions=True))
