"""Follows all orders of a principal: what happened since, then what happens, once and in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from cambist.engine.follow import HEARTBEAT_MS
from cambist.faults import Code, Refused, fault
from cambist.orders.journal import Told, retell
from cambist.ports.bus import Bus, Placed
from cambist.ports.store import Store
from cambist.values.ids import OrderId, Principal

FEED_PAGE: Final = 500
JOURNALS_AT_ONCE: Final = 16
"""How many orders are folded in one go: the loop is not to be held for long."""


class HeardAll(NamedTuple):
    """Lines in order; none is a heartbeat. `lagged` says that the listener was too slow.

    `seen` is the place up to which everything has been told.
    """

    lines: tuple[Placed, ...]
    seen: int
    lagged: bool = False


class Feed:
    """The lines of one principal's orders, from a place on."""

    def __init__(self, store: Store, bus: Bus, principal: Principal) -> None:
        self._store = store
        self._bus = bus
        self._principal = principal

    async def follow(
        self, after: int | None, beat_ms: int = HEARTBEAT_MS
    ) -> AsyncIterator[HeardAll]:
        """Yield lines as they become durable; from now on, or those after a place first.

        The first thing it yields holds no lines and says that it listens: whatever becomes
        durable later will be heard. Yields no lines when nothing happened for `beat_ms`. Never
        ends by itself. What a slow listener lost is read again from the journal. Raises PortDown,
        and Refused where lines after the place were put away.
        """
        listener = self._bus.listen_to_all(self._principal)
        try:
            if after is not None:
                await self._check_is_kept(after)
            end = await self._store.feed_end()
            # A place that is not taken yet has been seen by nobody.
            seen = end if after is None else min(after, end)
            yield HeardAll((), seen)
            behind, lagged = after is not None, False
            while True:
                while behind:
                    page = await self._page(seen)
                    seen = page[-1].place if page else seen
                    behind = len(page) == FEED_PAGE
                    if page or lagged:
                        yield HeardAll(page, seen, lagged)
                        lagged = False
                came = await listener.next(beat_ms)
                fresh = tuple(one for one in came or () if one.place > seen)
                if listener.lagged or (came is not None and not came):
                    behind, lagged = True, listener.lagged
                    listener.resume()
                    continue
                seen = fresh[-1].place if fresh else seen
                yield HeardAll(fresh, seen)
        finally:
            listener.close()

    async def _check_is_kept(self, after: int) -> None:
        """Refuse a place after which lines are gone: what is streamed has no gaps."""
        kept = await self._store.pruned_to()
        if after < kept:
            raise Refused(fault(Code.CURSOR_TOO_OLD))

    async def _page(self, after: int) -> tuple[Placed, ...]:
        """Read the next lines; each order among them is told from its beginning, once."""
        lines = await self._store.feed(self._principal, after, FEED_PAGE)
        told: dict[OrderId, tuple[Told, ...]] = {}
        orders = list(dict.fromkeys(line.order_id for line in lines))
        for start in range(0, len(orders), JOURNALS_AT_ONCE):
            entries = await self._store.journals(orders[start : start + JOURNALS_AT_ONCE])
            for order_id, journal in groupby(entries, key=attrgetter("order_id")):
                told[order_id] = retell(tuple(journal))
        return tuple(Placed(one.place, told[one.order_id][one.seq - 1]) for one in lines)
