"""Follows one order for a listener: its history, then what happens, exactly once and in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from cambist.orders.journal import BrokenJournal, Entry, Told, retell
from cambist.orders.lifecycle import IllegalFact
from cambist.orders.order import Order
from cambist.ports.errors import Unreadable
from cambist.ports.event_bus import Bus
from cambist.ports.store import Store
from cambist.values.ids import OrderId, Principal

HEARTBEAT_MS: Final = 15_000
JOURNAL_PAGE: Final = 500


class Heard(NamedTuple):
    """Lines in order; none is a heartbeat. `lagged` says that the listener was too slow."""

    lines: tuple[Told, ...]
    lagged: bool = False


async def history(store: Store, order_id: OrderId, after_seq: int = 0) -> tuple[Told, ...]:
    """Return an order's journal after `after_seq`, each line with the order as it stood then.

    Raises PortDown, and Unreadable when the journal is not what was written.
    """
    entries: list[Entry] = []
    while page := await store.journal(order_id, len(entries), JOURNAL_PAGE):
        entries += page
        if len(page) < JOURNAL_PAGE:
            break
    return tuple(told for told in retold(order_id, entries) if told.entry.seq > after_seq)


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


def retold(order_id: OrderId, entries: Sequence[Entry]) -> tuple[Told, ...]:
    """Fold a whole journal. Raises Unreadable when it is not what was written."""
    try:
        return retell(entries)
    except (BrokenJournal, IllegalFact) as error:
        raise Unreadable(order_id, str(error)) from error


async def follow(
    store: Store, bus: Bus, order_id: OrderId, after_seq: int = 0, beat_ms: int = HEARTBEAT_MS
) -> AsyncIterator[Heard]:
    """Yield an order's journal lines after `after_seq` as they become durable.

    Yields no lines when nothing happened for `beat_ms`. Ends once nothing more can come. What a
    slow listener or a cut lost is read again from the journal. Raises PortDown.
    """
    listener = bus.listen(order_id)
    seen = after_seq
    try:
        # Only the journal tells how far an order is: memory learns of a line a little later than
        # whoever reads the file.
        told = await history(store, order_id)
        past = tuple(one for one in told if one.entry.seq > seen)
        if told:
            # Whoever asks for what comes after a line that is not written yet has seen no more
            # than what is.
            seen = min(seen, told[-1].entry.seq)
        ended = not told or _is_over(told[-1].order)
        if past:
            seen = past[-1].entry.seq
            yield Heard(past)
        while not ended:
            came = await listener.next(beat_ms)
            fresh = tuple(one for one in came or () if one.entry.seq > seen)
            lagged = listener.lagged
            is_elsewhere = came is not None and not came
            if lagged or is_elsewhere or not _follows(fresh, seen):
                listener.resume()
                fresh = await history(store, order_id, seen)
            if fresh:
                seen, ended = fresh[-1].entry.seq, _is_over(fresh[-1].order)
            yield Heard(fresh, lagged)
    finally:
        listener.close()


def _follows(lines: Sequence[Told], seen: int) -> bool:
    """Whether lines are the very next ones: none is missing among them, and none is there twice."""
    return all(one.entry.seq == seen + n for n, one in enumerate(lines, 1))


def _is_over(order: Order) -> bool:
    return order.is_closed and not order.rests_with_chain
