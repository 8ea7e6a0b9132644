"""Subscribes to one order or to all of a principal: replay, then live."""

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
    """Lines in order; none is a heartbeat. `lagged` says that the listener was too slow."""

    events: tuple[RecordedEvent, ...]
    lagged: bool = False


async def replay_events(
    store: Store, order_id: OrderId, after_seq: int = 0
) -> tuple[RecordedEvent, ...]:
    """Return an order's journal after `after_seq`, each line with the order as it stood then.

    Raises PortDown, and Unreadable when the journal is not what was written.
    """
    entries: list[JournalEntry] = []
    while page := await store.read_journal(order_id, len(entries), JOURNAL_PAGE):
        entries += page
        if len(page) < JOURNAL_PAGE:
            break
    return tuple(event for event in retold(order_id, entries) if event.entry.seq > after_seq)


async def get_of(store: Store, order_id: OrderId, principal: Principal) -> Order | None:
    """Return an order; one that is someone else's may be None.

    Raises PortDown, and Unreadable unless it is known to be someone else's.
    """
    try:
        return await store.get(order_id)
    except Unreadable as error:
        if error.principal is not None and error.principal != principal:
            return None
        raise


def retold(order_id: OrderId, entries: Sequence[JournalEntry]) -> tuple[RecordedEvent, ...]:
    """Fold a whole journal. Raises Unreadable when it is not what was written."""
    try:
        return replay(entries)
    except (CorruptJournal, IllegalTransition) as error:
        raise Unreadable(order_id, str(error)) from error


async def follow_order(
    store: Store, bus: EventBus, order_id: OrderId, after_seq: int = 0, beat_ms: int = HEARTBEAT_MS
) -> AsyncIterator[EventBatch]:
    """Yield an order's journal lines after `after_seq` as they become durable.

    Yields no lines when nothing happened for `beat_ms`. Ends once nothing more can come. What a
    slow listener or a cut lost is read again from the journal. Raises PortDown.
    """
    listener = bus.subscribe(order_id)
    seen = after_seq
    try:
        # Only the journal tells how far an order is: memory learns of a line a little later than
        # whoever reads the file.
        told = await replay_events(store, order_id)
        past = tuple(event for event in told if event.entry.seq > seen)
        if told:
            # Whoever asks for what comes after a line that is not written yet has seen no more
            # than what is.
            seen = min(seen, told[-1].entry.seq)
        ended = not told or _is_over(told[-1].order)
        if past:
            seen = past[-1].entry.seq
            yield EventBatch(past)
        while not ended:
            came = await listener.next(beat_ms)
            fresh = tuple(one for one in came or () if one.entry.seq > seen)
            lagged = listener.lagged
            is_elsewhere = came is not None and not came
            if lagged or is_elsewhere or not _follows(fresh, seen):
                listener.resume()
                fresh = await replay_events(store, order_id, seen)
            if fresh:
                seen, ended = fresh[-1].entry.seq, _is_over(fresh[-1].order)
            yield EventBatch(fresh, lagged)
    finally:
        listener.close()


def _follows(lines: Sequence[RecordedEvent], seen: int) -> bool:
    """Whether lines are the very next ones: none is missing among them, and none is there twice."""
    return all(one.entry.seq == seen + n for n, one in enumerate(lines, 1))


def _is_over(order: Order) -> bool:
    return order.is_closed and not order.awaits_chain


log = structlog.get_logger("cambist.engine")

FEED_PAGE: Final = 100
"""How many events are read at once: a page is all that a slow reader makes a stream hold."""
JOURNALS_AT_ONCE: Final = 8
"""How many orders are folded in one go: the loop is not to be held for long."""


class FeedBatch(NamedTuple):
    """Lines in order; none is a heartbeat. `lagged` says that the listener was too slow.

    `seen` is the place up to which everything has been told, save for the lines of `unreadable`
    orders, whose journal is not what was written.
    """

    events: tuple[PositionedEvent, ...]
    seen: int
    lagged: bool = False
    unreadable: tuple[OrderId, ...] = ()


class _Page(NamedTuple):
    """Lines that were read, and how far: `end` is the place of the last, whether it can be told."""

    lines: tuple[PositionedEvent, ...]
    end: int
    is_full: bool
    unreadable: tuple[OrderId, ...]


class PrincipalSubscription:
    """The lines of one principal's orders, from a place on."""

    def __init__(self, store: Store, bus: EventBus, principal: Principal) -> None:
        self._store = store
        self._bus = bus
        self._principal = principal

    async def follow(
        self, after: int | None, beat_ms: int = HEARTBEAT_MS
    ) -> AsyncIterator[FeedBatch]:
        """Yield lines as they become durable; from now on, or those after a place first.

        The first thing it yields holds no lines and says that it listens: whatever becomes
        durable later will be heard. Yields no lines when nothing happened for `beat_ms`. Never
        ends by itself. What a slow listener lost is read again from the journal. Raises PortDown,
        and Refused where lines after the place were put away.
        """
        listener = self._bus.subscribe_principal(self._principal)
        try:
            if after is not None:
                await self._check_is_kept(after)
            end = await self._store.last_position()
            # A place that is not taken yet has been seen by nobody.
            seen = end if after is None else min(after, end)
            yield FeedBatch((), seen)
            behind, lagged = after is not None, False
            while True:
                while behind:
                    page = await self._page(seen)
                    seen, behind = page.end, page.is_full
                    if page.lines or page.unreadable or lagged:
                        yield FeedBatch(page.lines, seen, lagged, page.unreadable)
                        lagged = False
                came = await listener.next(beat_ms)
                fresh = tuple(one for one in came or () if one.position > seen)
                if listener.lagged or (came is not None and not came):
                    behind, lagged = True, listener.lagged
                    listener.resume()
                    continue
                seen = fresh[-1].position if fresh else seen
                yield FeedBatch(fresh, seen)
        finally:
            listener.close()

    async def _check_is_kept(self, after: int) -> None:
        """Refuse a place after which lines are gone: what is streamed has no gaps."""
        kept = await self._store.pruned_position()
        if after < kept:
            raise RequestRejected(fault(Code.CURSOR_TOO_OLD))

    async def _page(self, after: int) -> _Page:
        """Read the next lines; each order among them is folded from its beginning, once.

        Of the folded orders only the lines of this page are kept: an order may have many more.
        """
        lines = await self._store.feed(self._principal, after, FEED_PAGE)
        wanted: dict[OrderId, dict[int, int]] = {}
        for line in lines:
            wanted.setdefault(line.order_id, {})[line.seq] = line.position
        told: list[PositionedEvent] = []
        unreadable: list[OrderId] = []
        orders = list(wanted)
        for start in range(0, len(orders), JOURNALS_AT_ONCE):
            some = orders[start : start + JOURNALS_AT_ONCE]
            entries = await self._store.read_journals(some)
            journals = {
                order_id: tuple(journal)
                for order_id, journal in groupby(entries, key=attrgetter("order_id"))
            }
            for order_id in some:
                places = wanted[order_id]
                try:
                    whole = retold(order_id, journals.get(order_id, ()))
                except Unreadable as error:
                    log.critical("unreadable_journal", order_id=order_id, error=str(error))
                    unreadable.append(order_id)
                    continue
                told += (
                    PositionedEvent(places[one.entry.seq], one)
                    for one in whole
                    if one.entry.seq in places
                )
        told.sort(key=attrgetter("position"))
        end = lines[-1].position if lines else after
        return _Page(tuple(told), end, len(lines) == FEED_PAGE, tuple(unreadable))
