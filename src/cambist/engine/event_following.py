"""Subscribes to the events of one order or of all orders of a principal: replay, then live."""

# Theory of operation
#
# A subscriber gets every event after its cursor exactly once and in order, whether it was written
# long ago or a moment ago, by this process or by another. Replayed and live events are equal.
#
# 1. Subscribe to the bus first, then read the journal. An event that becomes durable in between is
#    in both; the sequence number (or the position) drops the second copy. The other way round, it
#    could be in neither.
# 2. The journal is the truth; the bus is only fast. A batch from the bus is used if it continues
#    exactly where the subscriber stands. On a gap the events are read from the journal instead.
# 3. Three things make a gap, and all have the same remedy. The subscriber was too slow and its
#    queue overflowed (`lagged`). Another process wrote the events, so that the bus knows only that
#    there are some (an empty batch). A connection of the bus was interrupted.
# 4. A heartbeat is an empty batch, sent when nothing happened for `beat_ms`. It lets the server
#    find out that a client is gone.
#
# One order: the cursor is the sequence number in its journal, and the subscription ends once no
# event can follow. All orders: the cursor is the global position, and the subscription never ends.
# Positions are assigned in commit order, so a reader that has seen a position has seen all before.
#
# A cursor may lie in the future (a client may ask for events after one that is not written yet). It
# is cut to the newest position, since otherwise the events up to it would be skipped.
#
# A cursor before the pruned position is rejected: a stream has no gaps that it does not report.
# The journal of an order that is unreadable is reported once per page and left out; one damaged
# order must not stop the stream of all others.

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

import structlog

from cambist.faults import Code, RequestRejected, fault
from cambist.orders.journal import CorruptJournal, JournalEntry, RecordedEvent, replay
from cambist.orders.lifecycle import IllegalTransition
from cambist.orders.order import Order
from cambist.ports.errors import Unreadable
from cambist.ports.event_bus import EventBus, PositionedEvent
from cambist.ports.store import Store
from cambist.values.ids import OrderId, Principal

HEARTBEAT_MS: Final = 15_000
JOURNAL_PAGE: Final = 500


class EventBatch(NamedTuple):
    """Events in order; an empty batch is a heartbeat. `lagged`: the subscriber was too slow."""

    events: tuple[RecordedEvent, ...]
    lagged: bool = False


async def replay_events(
    store: Store, order_id: OrderId, after_seq: int = 0
) -> tuple[RecordedEvent, ...]:
    """Return an order's events after `after_seq`, each with the order after it.

    Raises PortUnavailable, and Unreadable when the journal is not what was written.
    """
    entries: list[JournalEntry] = []
    while page := await store.read_journal(order_id, len(entries), JOURNAL_PAGE):
        entries += page
        if len(page) < JOURNAL_PAGE:
            break
    return tuple(
        event for event in replay_or_unreadable(order_id, entries) if event.entry.seq > after_seq
    )


async def get_of(store: Store, order_id: OrderId, principal: Principal) -> Order | None:
    """Return an order; None may mean that it belongs to another principal.

    Raises PortUnavailable, and Unreadable unless the order is known to belong to another.
    """
    try:
        return await store.get(order_id)
    except Unreadable as error:
        if error.principal is not None and error.principal != principal:
            return None
        raise


def replay_or_unreadable(
    order_id: OrderId, entries: Sequence[JournalEntry]
) -> tuple[RecordedEvent, ...]:
    """Return the events of a whole journal. Raises Unreadable when it is not what was written."""
    try:
        return replay(entries)
    except (CorruptJournal, IllegalTransition) as error:
        raise Unreadable(order_id, str(error)) from error


async def follow_order(
    store: Store, bus: EventBus, order_id: OrderId, after_seq: int = 0, beat_ms: int = HEARTBEAT_MS
) -> AsyncIterator[EventBatch]:
    """Yield an order's events after `after_seq` as they become durable.

    Yields an empty batch when nothing happened for `beat_ms`. Ends once no event can follow.
    Events that a slow subscriber or an interruption lost are read from the journal. Raises
    PortUnavailable.
    """
    listener = bus.subscribe(order_id)
    seen = after_seq
    try:
        # Only the journal says how far an order is: the bus hears of an event after its commit.
        events = await replay_events(store, order_id)
        past = tuple(event for event in events if event.entry.seq > seen)
        if events:
            # A cursor in the future: see above.
            seen = min(seen, events[-1].entry.seq)
        ended = not events or _is_over(events[-1].order)
        if past:
            seen = past[-1].entry.seq
            yield EventBatch(past)
        while not ended:
            batch = await listener.next(beat_ms)
            fresh = tuple(event for event in batch or () if event.entry.seq > seen)
            lagged = listener.lagged
            is_from_elsewhere = batch is not None and not batch
            if lagged or is_from_elsewhere or not _follows(fresh, seen):
                listener.resume()
                fresh = await replay_events(store, order_id, seen)
            if fresh:
                seen, ended = fresh[-1].entry.seq, _is_over(fresh[-1].order)
            yield EventBatch(fresh, lagged)
    finally:
        listener.close()


def _follows(events: Sequence[RecordedEvent], seen: int) -> bool:
    """Whether events continue a journal: none is missing, and none is there twice."""
    return all(event.entry.seq == seen + number for number, event in enumerate(events, 1))


def _is_over(order: Order) -> bool:
    return order.is_closed and not order.awaits_chain


log = structlog.get_logger("cambist.engine")

FEED_PAGE: Final = 100
"""How many events are read at once: a stream with a slow reader holds one page at most."""
JOURNALS_AT_ONCE: Final = 8
"""How many journals are folded without a pause of the event loop."""


class FeedBatch(NamedTuple):
    """Events in order; an empty batch is a heartbeat. `lagged`: the subscriber was too slow.

    `seen` is the position up to which all events have been yielded, except those of `unreadable`
    orders, whose journal is not what was written.
    """

    events: tuple[PositionedEvent, ...]
    seen: int
    lagged: bool = False
    unreadable: tuple[OrderId, ...] = ()


class _Page(NamedTuple):
    """Events that were read; `end` is the position of the last entry, readable or not."""

    events: tuple[PositionedEvent, ...]
    end: int
    is_full: bool
    unreadable: tuple[OrderId, ...]


class PrincipalSubscription:
    """The events of one principal's orders, from a position on."""

    def __init__(self, store: Store, bus: EventBus, principal: Principal) -> None:
        self._store = store
        self._bus = bus
        self._principal = principal

    async def follow(
        self, after: int | None, beat_ms: int = HEARTBEAT_MS
    ) -> AsyncIterator[FeedBatch]:
        """Yield events as they become durable, after those that follow the position `after`.

        The first batch is empty and confirms the subscription: every event that becomes durable
        later will be yielded. Yields an empty batch when nothing happened for `beat_ms`. Never ends
        by itself. Events that a slow subscriber lost are read from the journal. Raises
        PortUnavailable, and RequestRejected where events after the position were pruned.
        """
        listener = self._bus.subscribe_principal(self._principal)
        try:
            if after is not None:
                await self._check_is_kept(after)
            end = await self._store.last_position()
            # A cursor in the future: see above.
            seen = end if after is None else min(after, end)
            yield FeedBatch((), seen)
            behind, lagged = after is not None, False
            while True:
                while behind:
                    page = await self._page(seen)
                    seen, behind = page.end, page.is_full
                    if page.events or page.unreadable or lagged:
                        yield FeedBatch(page.events, seen, lagged, page.unreadable)
                        lagged = False
                batch = await listener.next(beat_ms)
                fresh = tuple(event for event in batch or () if event.position > seen)
                if listener.lagged or (batch is not None and not batch):
                    behind, lagged = True, listener.lagged
                    listener.resume()
                    continue
                seen = fresh[-1].position if fresh else seen
                yield FeedBatch(fresh, seen)
        finally:
            listener.close()

    async def _check_is_kept(self, after: int) -> None:
        """Reject a position after which events were pruned: a stream has no gaps."""
        kept = await self._store.pruned_position()
        if after < kept:
            raise RequestRejected(fault(Code.CURSOR_TOO_OLD))

    async def _page(self, after: int) -> _Page:
        """Read the next entries; the journal of each order among them is replayed once.

        Only the events of this page are kept: an order may have many more.
        """
        entries = await self._store.feed(self._principal, after, FEED_PAGE)
        wanted: dict[OrderId, dict[int, int]] = {}
        for entry in entries:
            wanted.setdefault(entry.order_id, {})[entry.seq] = entry.position
        events: list[PositionedEvent] = []
        unreadable: list[OrderId] = []
        orders = list(wanted)
        for start in range(0, len(orders), JOURNALS_AT_ONCE):
            order_ids = orders[start : start + JOURNALS_AT_ONCE]
            page_entries = await self._store.read_journals(order_ids)
            journals = {
                order_id: tuple(journal)
                for order_id, journal in groupby(page_entries, key=attrgetter("order_id"))
            }
            for order_id in order_ids:
                positions = wanted[order_id]
                try:
                    journal_events = replay_or_unreadable(order_id, journals.get(order_id, ()))
                except Unreadable as error:
                    log.critical("unreadable_journal", order_id=order_id, error=str(error))
                    unreadable.append(order_id)
                    continue
                events += (
                    PositionedEvent(positions[event.entry.seq], event)
                    for event in journal_events
                    if event.entry.seq in positions
                )
        events.sort(key=attrgetter("position"))
        end = entries[-1].position if entries else after
        return _Page(tuple(events), end, len(entries) == FEED_PAGE, tuple(unreadable))
