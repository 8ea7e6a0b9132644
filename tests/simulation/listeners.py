"""Follows orders and feeds as clients do: cut off anywhere, and resumed anywhere (I10)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing

from cambist.orders.journal import CorruptJournal, JournalEntry
from cambist.ports.errors import PortUnavailable
from cambist.values.ids import OrderId, Principal
from tests.simulation.environment import Place
from tests.simulation.process import Gone, Process

BEAT_MS = 15_000


class Listener:
    """One client that follows; `reach` names a process that seems to be there."""

    def __init__(self, place: Place, reach: Callable[[], Process | None], seed: object) -> None:
        self._place, self._reach = place, reach
        self._chance = random.Random(f"{seed}:listener")
        self.is_done = False

    async def run(self) -> None:
        """Listen, be cut off, and come back, until everything was heard."""
        while not self.is_done:
            process = self._reach()
            if process is not None and process.engine is not None:
                patience = self._chance.choice((0.3, 2.0, 10.0, 40.0))
                if self._place.dice.is_calm:
                    patience = 1_000.0
                try:
                    async with asyncio.timeout(patience):
                        await process.call(self.listen(process))
                except (TimeoutError, Gone, PortUnavailable, CorruptJournal) as error:
                    if isinstance(error, CorruptJournal):
                        self._place.diary.blame("I10", f"a broken journal was read: {error}")
            await asyncio.sleep(self._chance.uniform(0.01, 1.5))

    async def listen(self, process: Process) -> None:
        """Listen once, from where one stands."""
        raise NotImplementedError

    @property
    def is_up_to_date(self) -> bool:
        """Whether nothing is left to hear."""
        return self.is_done

    def close(self) -> None:
        """Judge the end."""
        raise NotImplementedError


class OrderListener(Listener):
    """Follows one order."""

    def __init__(
        self, place: Place, reach: Callable[[], Process | None], seed: object, order_id: OrderId
    ) -> None:
        super().__init__(place, reach, seed)
        self._order_id = order_id
        self.heard: list[JournalEntry] = []

    async def listen(self, process: Process) -> None:
        assert process.engine is not None
        seen = self.heard[-1].seq if self.heard else 0
        async with aclosing(process.engine.follow_order(self._order_id, seen, BEAT_MS)) as lines:  # type: ignore[type-var]
            async for some in lines:
                for event in some.events:
                    self._hear(event.entry)
        self.is_done = True

    def _hear(self, entry: JournalEntry) -> None:
        known = self._place.judge.lives[self._order_id].entries
        expected = len(self.heard) + 1
        if entry.seq != expected or len(known) < expected or known[expected - 1] != entry:
            self._place.diary.blame(
                "I10", f"a follower heard line {entry.seq}, not {expected}", self._order_id
            )
        self.heard.append(entry)

    def close(self) -> None:
        known = self._place.judge.lives[self._order_id].entries
        if len(self.heard) != len(known):
            self._place.diary.blame(
                "I10", f"a follower heard {len(self.heard)} of {len(known)} lines", self._order_id
            )


class FeedListener(Listener):
    """Follows all orders of a principal, from now on or from the beginning."""

    def __init__(
        self, place: Place, reach: Callable[[], Process | None], seed: object, who: Principal
    ) -> None:
        super().__init__(place, reach, seed)
        self._who = who
        self._after: int | None = None if self._chance.random() < 0.5 else 0

    async def listen(self, process: Process) -> None:
        assert process.engine is not None
        follow = process.engine.follow_principal(self._who, self._after, BEAT_MS)
        async with aclosing(follow) as heard:  # type: ignore[type-var]
            async for some in heard:
                if self._after is None:
                    # Whatever becomes durable after this is promised to be heard.
                    self._after = some.seen
                    await asyncio.sleep(self._chance.choice((0.0, 0.0, 0.5, 2.0)))
                for event in some.events:
                    self._hear(event.position, event.event.entry)
                self._pass(some.seen)

    def _hear(self, place: int, entry: JournalEntry) -> None:
        """Hear one line: the next one of this principal, at its place, and no other."""
        expected = self._next()
        if place != expected or self._place.judge.lines[place - 1] != entry:
            self._place.diary.blame(
                "I10", f"a feed told place {place}, and {expected} is next", entry.order_id
            )
        self._after = place

    def _pass(self, seen: int) -> None:
        """Believe that all was told up to a place."""
        expected = self._next()
        if expected is not None and expected <= seen:
            self._place.diary.blame("I10", f"a feed left out place {expected}")
        self._after = max(self._after or 0, seen)

    @property
    def is_up_to_date(self) -> bool:
        """Whether nothing is left to hear."""
        return self._after is None or self._next() is None

    def _next(self) -> int | None:
        """Return the next place that holds a line of the principal."""
        judge = self._place.judge
        for place in range((self._after or 0) + 1, len(judge.lines) + 1):
            entry = judge.lines[place - 1]
            if judge.lives[entry.order_id].order.intent.principal == self._who:
                return place
        return None

    def close(self) -> None:
        if not self.is_up_to_date:
            self._place.diary.blame("I10", f"a feed never told place {self._next()}")
