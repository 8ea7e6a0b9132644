"""Tries what happens to orders that are put away, whatever store they are in."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cambist.coordination.memory import InMemoryEventBus
from cambist.engine.event_following import PrincipalSubscription
from cambist.faults import Code, RequestRejected
from cambist.orders import events
from cambist.orders.journal import replay
from cambist.orders.order import Status
from cambist.stores.archive import Archive, read_archived
from cambist.values.ids import LOCAL
from cambist.values.time_units import Timestamp
from tests import order_factory
from tests.contracts.store_harness import Shelf, at_once

DAY = 24 * 3_600_000
BEFORE = Timestamp(order_factory.START + 50 * DAY)
LATELY = order_factory.START + 99 * DAY

Prune = Callable[[Timestamp, Archive | None], Awaitable[int]]


async def put_away(shelf: Shelf, prune: Prune, path: Path) -> None:
    """Prune a shelf of orders old and new, at rest and not, and look at what is left of each."""
    store = shelf.store
    gone = [await shelf.claimed(one) for one in (Status.FAILED, Status.CANCELLED)]
    landed = await shelf.claimed(Status.CONFIRMED, key="mine")
    gone.append(
        await shelf.commit(
            landed, events.Finalized(order_factory.fill(order_factory.attempt()).slot)
        )
    )
    resting = [await shelf.claimed(Status.CONFIRMED), await shelf.claimed(Status.SUBMITTED)]
    young = await shelf.claimed(Status.FAILED, at=LATELY)
    journals = [await shelf.journal(one) for one in gone]
    await store.count_orders(LOCAL, order_factory.START)

    assert await prune(BEFORE, Archive(path)) == len(gone)

    assert [await store.reload(one.id) for one in gone] == [None] * len(gone)
    for one in (*resting, young):
        assert await store.get(one.id) is not None
    counts = (await store.count_orders(LOCAL, order_factory.START)).by_status
    assert (counts[Status.FAILED], counts[Status.CANCELLED], counts[Status.CONFIRMED]) == (1, 0, 1)
    assert await store.find_by_key(LOCAL, "mine") is None
    packed = await asyncio.to_thread(path.read_bytes)
    kept = [read_archived(line) for line in gzip.decompress(packed).splitlines()]
    assert {one[0].order_id: one for one in kept} == {one[0].order_id: one for one in journals}
    for journal in kept:
        replay(journal)
    assert await prune(BEFORE, Archive(path)) == 0
    await _look_at_the_feed(shelf)


async def _look_at_the_feed(shelf: Shelf) -> None:
    """Places go on where they were, and nobody is told less than he asks for."""
    store, end = shelf.store, await shelf.store.last_position()
    pruned_to = await store.pruned_position()
    assert 0 < pruned_to < end
    await shelf.add(at=LATELY)
    assert shelf.places[-1] == await store.last_position() == end + 1
    feed = PrincipalSubscription(store, InMemoryEventBus(), LOCAL)
    assert (await anext(feed.follow(pruned_to))).seen == pruned_to
    with pytest.raises(RequestRejected) as refused:
        await anext(feed.follow(pruned_to - 1))
    assert refused.value.faults[0].code is Code.CURSOR_TOO_OLD


async def prune_beside_writers(shelf: Shelf, prune: Prune) -> None:
    """Prune while orders are written; nobody waits for ever, and every count is right."""
    for _ in range(20):
        await shelf.claimed(Status.FAILED)
    pruned, *_ = await at_once(
        prune(BEFORE, None), *(shelf.claimed(Status.FAILED, at=LATELY) for _ in range(20))
    )
    assert pruned in (19, 20)
    counts = (await shelf.store.count_orders(LOCAL, order_factory.START)).by_status
    assert counts[Status.FAILED] == 40 - pruned
